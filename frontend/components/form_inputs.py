"""The inputs of a form: plain fields first, then each group behind one line that says what is in it."""

from collections.abc import Mapping
from typing import Any

import dash_mantine_components as dmc
from dash import html
from dash.development.base_component import Component

from backend.contracts.catalogue import NO_JUDGE, Catalogue
from frontend.components.form import Field, Schema, as_text, fields, hidden, resolve, shown_value

DEBOUNCE_MS = 350
_EXAMPLES = {
    "numbers": "0, 0.2, 0.4 or 0:0.95:0.05",
    "pairs": "0:0.7, 0.4:0.85",
    "pair": "0.4:0.85",
    "words": "one, another",
}
_MOST_WORDS = 5


def build(
    schema: Schema,
    parameters: Mapping[str, Any],
    catalogue: Catalogue,
    *,
    unread: Mapping[str, Any] | None = None,
    errors: Mapping[str, str] | None = None,
) -> list[Component]:
    """The inputs; nested groups, and what is advanced in them, are folded unless something in them is wrong.

    Args:
        schema: of the parameters.
        parameters: what fills the inputs.
        catalogue: what some of them choose from.
        unread: by key, what inputs show that is no parameter's value.
        errors: by key, what is wrong.
    """
    errors = errors or {}
    everything = fields(schema)
    values = {field.key: shown_value(field, parameters) for field in everything} | dict(unread or {})
    unused = hidden(schema, values)
    plain = [field for field in everything if len(field.path) == 1]
    folds = folds_with(errors, schema)

    def grid(members: list[Field]) -> Component:
        places = [_place(field, values[field.key], catalogue, field.key in unused, errors) for field in members]
        return html.Div(places, className="fields")

    def fold(content: list[Component], group: str, extra: str = "") -> Component:
        is_open = True if group in folds else None
        return html.Details(content, className=f"fold{extra}", id={"type": "group", "group": group}, open=is_open)

    parts: list[Component] = [grid(plain)]
    for group in groups(schema):
        inside = [field for field in everything if field.path[0] == group]
        common = [field for field in inside if not field.is_advanced]
        rare = [field for field in inside if field.is_advanced]
        content = [grid(common)]
        if rare:
            content.append(fold([html.Summary("Advanced"), grid(rare)], f"{group}.", " inner"))
        title = html.Summary(
            [
                html.B(title_of(schema, group)),
                html.Span(summary(schema, group, values), id={"type": "group-summary", "group": group}),
            ]
        )
        parts.append(fold([title, *content], group))
    return parts


def groups(schema: Schema) -> list[str]:
    """The names of the nested groups."""
    return list(dict.fromkeys(field.path[0] for field in fields(schema) if len(field.path) > 1))


def title_of(schema: Schema, group: str) -> str:
    """What a group is called."""
    return str(resolve(schema, schema["properties"][group]).get("title", group))


def summary(schema: Schema, group: str, values: Mapping[str, Any]) -> str:
    """A folded group on one line: its first values, and those of advanced fields that are not the default."""
    inside = [field for field in fields(schema) if field.path[0] == group and len(field.path) > 1]
    common = [field for field in inside if not field.is_advanced][:_MOST_WORDS]
    changed = [
        field
        for field in inside
        if field.is_advanced and as_text(values.get(field.key)) != as_text(shown_value(field, {}))
    ]
    return ", ".join(f"{field.label.lower()} {as_text(values.get(field.key))}" for field in (*common, *changed))


def folds_with(keys: Mapping[str, Any], schema: Schema) -> set[str]:
    """The folds that hide one of these fields: a problem is never folded away."""
    found: set[str] = set()
    for field in fields(schema):
        if field.key in keys and len(field.path) > 1:
            found |= {field.path[0], *([f"{field.path[0]}."] if field.is_advanced else [])}
    return found


def _place(field: Field, value: Any, catalogue: Catalogue, is_unused: bool, errors: Mapping[str, str]) -> Component:
    return html.Div(
        _input(field, value, catalogue, errors.get(field.key)),
        id={"type": "field-place", "key": field.key},
        hidden=is_unused,
        className="field wide" if field.schema.get("type") == "array" else "field",
    )


def _input(field: Field, value: Any, catalogue: Catalogue, error: str | None) -> Component:
    common = {
        "id": {"type": "field", "key": field.key},
        "label": field.label,
        "description": field.schema.get("description"),
        "value": value,
        "error": error,
        "inputWrapperOrder": ["label", "input", "error", "description"],
    }
    choices = _choices(field, value, catalogue)
    if field.shape == "choices":
        return dmc.MultiSelect(data=choices, **common)
    if choices:
        return dmc.Select(data=choices, allowDeselect=False, **common)
    if field.shape in ("number", "integer"):
        return dmc.NumberInput(**common, **_limits(field), debounce=DEBOUNCE_MS)
    return dmc.TextInput(**common, placeholder=_EXAMPLES.get(field.shape), debounce=DEBOUNCE_MS)


def _limits(field: Field) -> dict[str, Any]:
    whole = field.shape == "integer"
    limits = {"allowDecimal": not whole, "thousandSeparator": " " if whole else "", "clampBehavior": "none"}
    return limits | ({"step": 1} if whole else {"step": 0.01})


def _choices(field: Field, value: Any, catalogue: Catalogue) -> list[dict[str, str]]:
    schema = field.schema
    if field.shape == "boolean":
        return [{"value": "true", "label": "yes"}, {"value": "false", "label": "no"}]
    allowed = schema.get("items", {}).get("enum") if field.shape == "choices" else schema.get("enum")
    if allowed:
        return [{"value": str(one), "label": str(one)} for one in allowed]
    if field.shape != "string":
        return []
    if field.path[-1] == "judge":
        return _judges(value, catalogue)
    entries = getattr(catalogue, f"{field.path[-1]}s", None) or []  # `dataset` is one of the catalogue's `datasets`
    return [{"value": entry.name, "label": entry.label} for entry in entries]


def _judges(value: Any, catalogue: Catalogue) -> list[dict[str, str]]:
    """The judges that there are, none, and one that was trained here, if it is the value."""
    known = {entry.name: entry.label for entry in catalogue.judges} | {NO_JUDGE: "None: no Q, no d_f"}
    if value and value not in known:
        known[str(value)] = f"Trained here: {str(value)[:12]}"
    return [{"value": name, "label": label} for name, label in known.items()]
