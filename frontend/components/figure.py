"""A figure with its ways out: CSV, JSON, SVG, PNG and PDF; and the way from one of its points to a machine."""

import json
from collections.abc import Mapping
from typing import Any

import dash_mantine_components as dmc
import plotly.graph_objects as go
from dash import ALL, ClientsideFunction, Dash, Input, Output, dcc, html
from dash.development.base_component import Component

MAKING = "figure-making"
PICTURES = ("svg", "png", "pdf")
CONFIG = {"displaylogo": False, "responsive": True, "modeBarButtonsToRemove": ["select2d", "lasso2d", "autoScale2d"]}


def graph(
    identity: str | Mapping[str, Any], height: int = 430, figure: go.Figure | None = None, *, opens: bool = False
) -> Component:
    """A graph that fills its card. `opens`: a click on a point leads to the address that the point carries."""
    empty = {"layout": {"xaxis": {"visible": False}, "yaxis": {"visible": False}, "paper_bgcolor": "rgba(0,0,0,0)",
                        "plot_bgcolor": "rgba(0,0,0,0)"}}  # fmt: skip
    shown = dcc.Graph(id=identity, figure=figure or empty, config=CONFIG, style=size(height), className="graph")
    return html.Div([shown, dcc.Store(id=f"{identity}-opened")]) if opens else shown


def size(height: int, least_width: int = 0) -> dict[str, Any]:
    """The style of a graph, in pixels: as wide as its card, or as `least_width`."""
    return {"height": height, "width": "100%", "minWidth": least_width}


def exports(
    figure: str | Mapping[str, Any],
    name: str,
    csv: str | None = None,
    data: str | None = None,
    *,
    pictures: bool = True,
    making: tuple[str, str] | None = None,
) -> Component:
    """Ways to take `figure`, or a table, out of the page as files called `name`.

    Args:
        figure: id of a graph; without `pictures` of a table.
        name: name of the files, without its ending.
        csv: address of the values; None: the browser writes those that the figure shows.
        data: address of everything behind the figure as JSON.
        making: tab and part of the panel whose `figure_code` makes it; a button then shows how.
        pictures: whether it can be saved as SVG, PNG and PDF.
    """
    where = figure if isinstance(figure, str) else json.dumps(figure, sort_keys=True, separators=(",", ":"))
    parts: list[Component] = [_link("CSV", csv, f"{name}.csv") if csv else _saving(where, name, "csv")]
    parts += [_link("JSON", data, f"{name}.json")] if data else []
    parts += [_saving(where, name, kind) for kind in PICTURES] if pictures else []
    parts += [_making(*making)] if making else []
    return dmc.Group(parts, gap=6)


def data_link(href: str, name: str) -> Component:
    """A link to everything behind a panel, as JSON."""
    return _link("JSON", href, f"{name}.json")


def _link(label: str, href: str, file: str) -> Component:
    return html.A(
        dmc.Button(label, variant="default", size="compact-xs"),
        href=href,
        download=file,
        style={"display": "inline-flex"},
    )


def _making(tab: str, part: str) -> Component:
    identity = {"type": MAKING, "tab": tab, "part": part}
    return dmc.Button("How", id=identity, variant="default", size="compact-xs", **{"aria-label": "How it is made"})


def _saving(figure: str, name: str, kind: str) -> Component:
    identity = {"type": "save-figure", "figure": figure, "format": kind, "name": name}
    return dmc.Button(kind.upper(), id=identity, variant="default", size="compact-xs")


def card(
    title: str | list[Any], body: Component | list[Component], *tools: Component, note: str | None = None
) -> Component:
    """A titled card; `tools` stand at its upper right."""
    heading = dmc.Group([dmc.Title(title, order=2, size="h4"), dmc.Group(tools, gap="xs")], justify="space-between")
    notes = [dmc.Text(note, size="sm", c="dimmed", mt=4, maw="46rem")] if note else []
    inside = body if isinstance(body, list) else [body]
    return html.Section([heading, *notes, html.Div(inside, style={"marginTop": 14})], className="card")


def register(app: Dash) -> None:
    """Saving happens in the browser, of the figure as it is seen."""
    app.clientside_callback(
        ClientsideFunction("exports", "save"),
        Output("figure-saved", "data"),
        Input({"type": "save-figure", "figure": ALL, "format": ALL, "name": ALL}, "n_clicks"),
        prevent_initial_call=True,
    )


def register_opening(app: Dash, identity: str) -> None:
    """Let a click on a point of the graph `identity` (made with `opens`) lead to the point's address."""
    app.clientside_callback(
        ClientsideFunction("page", "follow"),
        Output(f"{identity}-opened", "data"),
        Input(identity, "clickData"),
        prevent_initial_call=True,
    )
