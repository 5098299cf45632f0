"""A figure with its ways out: CSV, SVG and PNG."""

import dash_mantine_components as dmc
import plotly.graph_objects as go
from dash import ALL, ClientsideFunction, Dash, Input, Output, dcc, html
from dash.development.base_component import Component

CONFIG = {"displaylogo": False, "responsive": True, "modeBarButtonsToRemove": ["select2d", "lasso2d", "autoScale2d"]}


def graph(identity: str, height: int = 430, figure: go.Figure | None = None) -> Component:
    """A graph that fills its card."""
    empty = {"layout": {"xaxis": {"visible": False}, "yaxis": {"visible": False}, "paper_bgcolor": "rgba(0,0,0,0)",
                        "plot_bgcolor": "rgba(0,0,0,0)"}}  # fmt: skip
    return dcc.Graph(id=identity, figure=figure or empty, config=CONFIG, style={"height": height, "width": "100%"})


def exports(figure: str, name: str, csv: str | None = None) -> Component:
    """Links that take the figure `figure` out of the page as files called `name`."""
    links = [
        dmc.Button(
            kind.upper(),
            id={"type": "save-figure", "figure": figure, "format": kind, "name": name},
            variant="default",
            size="compact-xs",
        )
        for kind in ("svg", "png")
    ]
    if csv:
        button = dmc.Button("CSV", variant="default", size="compact-xs")
        links.insert(0, html.A(button, href=csv, download=f"{name}.csv"))
    return dmc.Group(links, gap=6)


def card(title: str, body: Component | list[Component], *tools: Component, note: str | None = None) -> Component:
    """A titled card; `tools` stand at its upper right."""
    heading = dmc.Group([dmc.Title(title, order=2, size="h4"), dmc.Group(tools, gap="xs")], justify="space-between")
    notes = [dmc.Text(note, size="sm", c="dimmed", mt=4, maw="46rem")] if note else []
    inside = body if isinstance(body, list) else [body]
    return html.Section([heading, *notes, html.Div(inside, style={"marginTop": 14})], className="card")


def register(app: Dash) -> None:
    """Saving happens in the browser, of the figure as it is seen."""
    app.clientside_callback(
        ClientsideFunction("page", "download"),
        Output("figure-saved", "data"),
        Input({"type": "save-figure", "figure": ALL, "format": ALL, "name": ALL}, "n_clicks"),
        prevent_initial_call=True,
    )
