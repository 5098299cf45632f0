"""What a machine is and where it comes from: facts, its line in both directions, and its files."""

from collections.abc import Mapping
from typing import Any

import dash_mantine_components as dmc
from dash import html
from dash.development.base_component import Component

from backend.contracts.messages import Lineage, Machine
from frontend import machine_classes
from frontend.components.figure import card
from frontend.components.texts import facts, link_button
from frontend.wording import size

MOST_SHOWN = 12


def about(machine: Machine) -> Component:
    """Sizes, dilution, class and file."""
    pairs = [
        ("Origin", machine.origin),
        ("Class", machine_classes.label(machine.machine_class) if machine.cell_id else None),
        ("p0", machine.first_dilution),
        ("p", machine.initial_dilution if machine.initial_dilution != machine.first_dilution else None),
        ("Units", f"{machine.num_visible} visible, {machine.num_hidden} hidden"),
        ("File", f"safetensors, {size(machine.size_bytes)}"),
        ("SHA-256", machine.digest),
        ("Created", f"{machine.created_at:%Y-%m-%d %H:%M} UTC"),
    ]
    name = machine.study_name or "Its study"
    study = html.Div(link_button(f"Study: {name}", f"/studies/{machine.study_id}"), style={"marginTop": 12})
    return card("About", [facts(pairs), study if machine.study_id else html.Div()])


def line(machine: Machine, found: Lineage) -> Component | None:
    """The machines before and after it, each a link; None for one that stands alone."""
    if not found.ancestors and not found.children:
        return None
    here = html.Li([html.Strong(machine.name), _step(machine)], **{"aria-current": "true"})
    children = [_linked(one) for one in found.children[:MOST_SHOWN]]
    rest = found.num_children - len(children)
    if rest > 0:
        children.append(html.Li(f"and {rest} more", className="dimmed"))
    parts: list[Component] = [html.Ol([*(_linked(one) for one in found.ancestors), here], className="line")]
    if children:
        title = f"{found.num_children} machine{'' if found.num_children == 1 else 's'} began from it"
        parts += [dmc.Text(title, size="sm", fw=500, mt="sm", mb=4), html.Ul(children, className="line")]
    return card("Lineage", parts, note="From the first machine of its line to this one.")


def _linked(machine: Machine) -> Component:
    return html.Li([dmc.Anchor(machine.name, href=f"/machines/{machine.id}", size="sm"), _step(machine)])


def _step(machine: Machine) -> Component:
    words = f"{machine_classes.label(machine.machine_class)}, p = {machine.initial_dilution:g}"
    return html.Small(words, className="dimmed")


def values(machine: Machine) -> list[Component]:
    """The cards of its parameters and its provenance."""
    return [
        card(title, facts(named(found)))
        for title, found in (("Parameters", machine.parameters), ("Provenance", machine.provenance))
        if found
    ]


def named(nested: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """The members of nested groups, by names that one reads."""
    return [(key.replace("_", " "), value) for key, value in flat(nested).items()]


def flat(nested: Mapping[str, Any]) -> dict[str, Any]:
    """Nested groups opened: their members stand for themselves."""
    opened: dict[str, Any] = {}
    for key, value in nested.items():
        opened |= flat(value) if isinstance(value, Mapping) else {key: value}
    return opened


def downloads(machine: Machine) -> Component:
    """Its file and what was measured of it."""
    at = f"/api/v1/machines/{machine.id}"
    links = [
        ("Machine, safetensors", f"{at}/download", f"{machine.id}.safetensors"),
        ("Parameters, compact", f"{at}/parameters", f"{machine.id}.rbm1"),
        ("Measured curves, JSON", f"{at}/curves", f"{machine.id}-curves.json"),
    ]
    if machine.cell_id:
        links.append(("Training curves, JSON", f"{at}/training", f"{machine.id}-training.json"))
    listed = [html.Li(html.A(words, href=href, download=file, className="cell-link")) for words, href, file in links]
    return card("Downloads", html.Ul(listed, className="line"))
