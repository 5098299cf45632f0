"""The form of a study type, made from the JSON Schema of its parameters. A new parameter appears by itself."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import dash_mantine_components as dmc
from dash.development.base_component import Component

from backend.contracts.catalogue import Catalogue
from frontend.number_lists import format_numbers, parse_numbers

DEBOUNCE_MS = 350
Schema = Mapping[str, Any]


@dataclass(frozen=True)
class Field:
    """One parameter. `path`: its names from the outermost group inwards."""

    path: tuple[str, ...]
    schema: Schema

    @property
    def key(self) -> str:
        """The field's name in ids and addresses: `training.gibbs_steps`."""
        return ".".join(self.path)

    @property
    def label(self) -> str:
        """What a person reads."""
        return str(self.schema.get("title", self.path[-1]))


def fields(schema: Schema) -> list[Field]:
    """Every parameter of a schema, groups opened, in the order of the schema."""
    return list(_walk(schema, schema, ()))


def _walk(root: Schema, schema: Schema, path: tuple[str, ...]) -> Iterator[Field]:
    for name, inner in schema.get("properties", {}).items():
        resolved = resolve(root, inner)
        if resolved.get("type") == "object" and "properties" in resolved:
            yield from _walk(root, resolved, (*path, name))
        else:
            yield Field((*path, name), resolved)


def resolve(root: Schema, schema: Schema) -> dict[str, Any]:
    """A schema without its references; of alternatives the first that is not null."""
    own = dict(schema)
    for reference in [own.pop("$ref", None), *(one.get("$ref") for one in own.pop("allOf", []))]:
        if reference:
            own = {**resolve(root, root["$defs"][reference.rsplit("/", 1)[-1]]), **own}
    for key in ("anyOf", "oneOf"):
        if key in own:
            choices = [one for one in own.pop(key) if one.get("type") != "null"]
            own = {**resolve(root, choices[0]), **own}
    return own


def value_at(parameters: Mapping[str, Any], path: Sequence[str], default: Any = None) -> Any:
    """The value at `path` in nested parameters."""
    for name in path:
        if not isinstance(parameters, Mapping) or name not in parameters:
            return default
        parameters = parameters[name]
    return parameters


def shown_value(field: Field, parameters: Mapping[str, Any]) -> Any:
    """A parameter's value as its input shows it: lists of numbers are text."""
    value = value_at(parameters, field.path, field.schema.get("default"))
    if field.schema.get("type") == "array":
        numbers = _is_numeric(field.schema.get("items", {}))
        return format_numbers(value or []) if numbers else ", ".join(map(str, value or []))
    if field.schema.get("type") == "boolean":
        return "true" if value else "false"
    return value


def build(schema: Schema, parameters: Mapping[str, Any], catalogue: Catalogue) -> list[Component]:
    """The inputs, filled with `parameters`; nested groups are fieldsets below the plain fields."""
    everything = fields(schema)
    plain = [field for field in everything if len(field.path) == 1]
    parts: list[Component] = [_grid(plain, parameters, catalogue)]
    for group in dict.fromkeys(field.path[0] for field in everything if len(field.path) > 1):
        legend = resolve(schema, schema["properties"][group]).get("title", group)
        inside = [field for field in everything if field.path[0] == group]
        parts.append(dmc.Fieldset(_grid(inside, parameters, catalogue), legend=legend, radius="md", mt="lg"))
    return parts


def read(schema: Schema, values: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """Parameters from the inputs' values by key, and what could not be read, by key.

    Only what the browser alone can know is judged here (is this a list of numbers?); the API validates the rest.
    """
    parameters: dict[str, Any] = {}
    problems: dict[str, str] = {}
    for field in fields(schema):
        if field.key not in values:
            continue
        try:
            value = _typed(field, values[field.key])
        except ValueError as error:
            problems[field.key] = str(error)
            continue
        group = parameters
        for name in field.path[:-1]:
            group = group.setdefault(name, {})
        group[field.path[-1]] = value
    return parameters, problems


def _typed(field: Field, value: Any) -> Any:
    kind = field.schema.get("type")
    if kind == "array":
        text = str(value or "")
        return parse_numbers(text) if _is_numeric(field.schema.get("items", {})) else _words(text)
    if value in (None, ""):
        raise ValueError("a value is needed")
    if kind in ("integer", "number"):
        number = float(value)
        return int(number) if kind == "integer" and number.is_integer() else number
    if kind == "boolean":
        return value == "true"
    return value


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def _is_numeric(schema: Schema) -> bool:
    return schema.get("type") in ("number", "integer")


def _grid(members: list[Field], parameters: Mapping[str, Any], catalogue: Catalogue) -> Component:
    columns = [
        dmc.GridCol(
            _input(field, parameters, catalogue),
            span=12 if field.schema.get("type") == "array" else {"base": 12, "sm": 6},
        )
        for field in members
    ]
    return dmc.Grid(columns, gutter="lg")


def _input(field: Field, parameters: Mapping[str, Any], catalogue: Catalogue) -> Component:
    schema = field.schema
    common = {
        "id": {"type": "field", "key": field.key},
        "label": field.label,
        "description": schema.get("description"),
        "value": shown_value(field, parameters),
        "inputWrapperOrder": ["label", "input", "error", "description"],
    }
    choices = _choices(field, catalogue)
    if choices:
        return dmc.Select(data=choices, allowDeselect=False, **common)
    if schema.get("type") == "boolean":
        return dmc.Select(data=[{"value": "true", "label": "yes"}, {"value": "false", "label": "no"}], **common)
    if _is_numeric(schema):
        return dmc.NumberInput(**common, **_limits(schema), debounce=DEBOUNCE_MS)
    if schema.get("type") == "array":
        return dmc.TextInput(**common, placeholder="0, 0.2, 0.4 or 0:0.95:0.05", debounce=DEBOUNCE_MS)
    return dmc.TextInput(**common, debounce=DEBOUNCE_MS)


def _limits(schema: Schema) -> dict[str, Any]:
    whole = schema.get("type") == "integer"
    limits = {"allowDecimal": not whole, "thousandSeparator": " " if whole else "", "clampBehavior": "none"}
    return limits | ({"step": 1} if whole else {"step": 0.01})


def _choices(field: Field, catalogue: Catalogue) -> list[dict[str, str]]:
    if "enum" in field.schema:
        return [{"value": str(one), "label": str(one)} for one in field.schema["enum"]]
    entries = getattr(catalogue, f"{field.path[-1]}s", None)  # `dataset` is one of the catalogue's `datasets`
    if field.schema.get("type") != "string" or not entries:
        return []
    return [{"value": entry.name, "label": entry.label} for entry in entries]
