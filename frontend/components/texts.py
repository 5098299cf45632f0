"""Small parts made of text: states, facts, code, links."""

from collections.abc import Iterable

import dash_mantine_components as dmc
from dash import html
from dash.development.base_component import Component


def state(name: str) -> html.Span:
    """A state with its mark; the mark's shape differs too, for readers who see no colours."""
    return html.Span(str(name), className="state", **{"data-state": str(name)})


def facts(pairs: Iterable[tuple[str, object]]) -> html.Dl:
    """Names and values, those without a value left out."""
    shown = [(name, value) for name, value in pairs if value not in (None, "")]
    return html.Dl(
        [part for name, value in shown for part in (html.Dt(name), html.Dd(_readable(value)))], className="facts"
    )


def code(text: str) -> html.Code:
    """A command or a name within a sentence."""
    return html.Code(text, className="inline-code")


def heading(title: str, *actions: Component) -> Component:
    """A page's title with what can be done there."""
    return dmc.Group([dmc.Title(title, order=1, size="h2", className="wrap"), dmc.Group(actions, gap="xs")],
                     justify="space-between", gap="sm", mb="md")  # fmt: skip


def link_button(label: str, href: str, *, primary: bool = False, within: bool = True) -> Component:
    """A link that looks like a button. `within`: to another page, without loading everything again."""
    button = dmc.Button(label, variant="filled" if primary else "default", size="sm")
    return dmc.Anchor(button, href=href, refresh=not within, underline="never")


def _readable(value: object) -> object:
    if isinstance(value, Component):
        return value
    if isinstance(value, dict):
        return ", ".join(f"{key} {_readable(inner)}" for key, inner in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(str(_readable(inner)) for inner in value)
    return f"{value:g}" if isinstance(value, float) else str(value)
