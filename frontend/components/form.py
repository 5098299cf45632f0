"""The form of a study type, made from the JSON Schema of its parameters. A new parameter appears by itself.

Here is what the form knows: fields, their values as text and back. `form_inputs` draws it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from backend.contracts.parameters import ADVANCED, SHOWN_UNLESS
from backend.contracts.study_types import study_types
from frontend.number_lists import format_numbers, parse_numbers
from frontend.number_pairs import format_pairs, parse_pairs

Shape = Literal["choices", "pairs", "pair", "numbers", "words", "number", "integer", "boolean", "string"]
Schema = Mapping[str, Any]
# How the inputs of lists show them.
_LISTS: Mapping[str, Callable[[Sequence[Any]], Any]] = {
    "numbers": format_numbers,
    "pairs": format_pairs,
    "pair": lambda pair: format_pairs([pair] if pair else []),
    "words": lambda words: ", ".join(map(str, words)),
    "choices": lambda chosen: [str(one) for one in chosen],
}


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

    @property
    def shape(self) -> Shape:
        """What kind of value it holds."""
        if self.schema.get("type") != "array":
            kind = self.schema.get("type")
            return kind if kind in ("number", "integer", "boolean") else "string"
        items = self.schema.get("items", {})
        if "prefixItems" in self.schema:
            return "pair"
        if "prefixItems" in items:
            return "pairs"
        if "enum" in items:
            return "choices"
        return "numbers" if items.get("type") in ("number", "integer") else "words"

    @property
    def is_advanced(self) -> bool:
        """Whether most readers leave it alone."""
        return bool(self.schema.get(ADVANCED, False))


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


def titled(study_type: str, parameters: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Every parameter under the title of its field; those that this version does not know by their names."""
    kind = study_types().get(study_type)
    known = fields(kind.parameters.model_json_schema()) if kind else []
    for field in known:
        group = f"{field.path[0]}: ".capitalize() if len(field.path) > 1 else ""
        yield f"{group}{field.label}", value_at(parameters, field.path)
    grouped = {field.path[0] for field in known}
    yield from ((name, value) for name, value in parameters.items() if name not in grouped)


def shown_value(field: Field, parameters: Mapping[str, Any]) -> Any:
    """A parameter's value as its input shows it: lists of numbers and pairs are text."""
    value = value_at(parameters, field.path, field.schema.get("default"))
    if field.shape == "boolean":
        return "true" if value else "false"
    return _LISTS[field.shape](value or []) if field.shape in _LISTS else value


def as_text(value: Any) -> str:
    """What an input shows, as the address spells it."""
    return ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def read(schema: Schema, values: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """Parameters from the inputs' values by key, and what could not be read, by key.

    Only what the browser alone can know is judged here (is this a list of numbers?); the API validates the rest. A
    field that means nothing beside the others is left at its default.
    """
    parameters: dict[str, Any] = {}
    problems: dict[str, str] = {}
    unused = hidden(schema, values)
    for field in fields(schema):
        if field.key not in values:
            continue
        try:
            value = field.schema.get("default") if field.key in unused else _typed(field, values[field.key])
        except ValueError as error:
            problems[field.key] = str(error)
            continue
        group = parameters
        for name in field.path[:-1]:
            group = group.setdefault(name, {})
        group[field.path[-1]] = value
    return parameters, problems


def hidden(schema: Schema, values: Mapping[str, Any]) -> set[str]:
    """The keys of the fields that mean nothing while their neighbours have these values."""
    found: set[str] = set()
    for field in fields(schema):
        for neighbour, meaningless in field.schema.get(SHOWN_UNLESS, {}).items():
            value = values.get(".".join((*field.path[:-1], neighbour)))
            if any(str(value) == str(one) or value == one for one in meaningless):
                found.add(field.key)
    return found


def _typed(field: Field, value: Any) -> Any:
    shape = field.shape
    if shape in ("numbers", "pairs", "pair", "words", "choices"):
        return _listed(field, value)
    if value in (None, ""):
        raise ValueError("a value is needed")
    if shape in ("integer", "number"):
        number = float(value)
        return int(number) if shape == "integer" and number.is_integer() else number
    return value == "true" if shape == "boolean" else value


def _listed(field: Field, value: Any) -> Any:
    text = as_text(value or "")
    match field.shape:
        case "numbers":
            return parse_numbers(text)
        case "pairs":
            return [list(pair) for pair in parse_pairs(text)]
        case "pair":
            pairs = parse_pairs(text)
            if len(pairs) != 1:
                raise ValueError("one pair is needed, such as 0.4:0.85")
            return list(pairs[0])
    words = [word.strip() for word in text.split(",") if word.strip()]
    # What is chosen keeps the order of the schema, however it was clicked.
    known = [str(one) for one in field.schema.get("items", {}).get("enum", [])]
    return sorted(words, key=lambda word: known.index(word) if word in known else len(known)) if known else words
