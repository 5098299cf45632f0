"""Figures of one machine: its hidden units, its training, and what was measured of it after pruning."""

import math
from collections.abc import Mapping
from typing import Any

import dash_mantine_components as dmc
from dash import ClientsideFunction, Dash, Input, Output, State, dcc, html
from dash.development.base_component import Component

from backend.client import AsyncClient
from backend.contracts.messages import Machine, MachineCurves
from frontend import metric_choice, theme
from frontend.components.controls import select
from frontend.components.figure import card, exports, graph
from frontend.explorer.address import explorer_at
from frontend.plots.curves import empty_figure
from frontend.plots.machine import measured_of_machine, training_of_machine
from frontend.reproduce import MachineCode
from frontend.routing import one_of

UNITS = ("100", "400", "1000")
DEFAULTS = {"units": "100", "by": "norm", "metric": ""}
MOST_LEVELS = 12


def hidden_units(machine: Machine, query: Mapping[str, str]) -> Component | None:
    """The weights that lead to each hidden unit, as pictures; None where they make no picture."""
    side = math.isqrt(machine.num_visible)
    if side * side != machine.num_visible:
        return None
    counts = [one for one in UNITS if int(one) < machine.num_hidden or one == UNITS[0]]
    if machine.num_hidden > int(counts[-1]):
        counts.append(next((one for one in UNITS if int(one) >= machine.num_hidden), UNITS[-1]))
    orders = {"norm": "strongest first", "index": "by number"}
    words = {one: f"{min(int(one), machine.num_hidden)} units" for one in dict.fromkeys(counts)}
    tools = [
        select("machine-by", "Order of the hidden units", orders, one_of(query.get("by"), orders, "norm"), 140),
        select("machine-units", "Number of hidden units", words, one_of(query.get("units"), words, UNITS[0]), 110),
    ]
    note = (
        "The weights from the pixels to each hidden unit: positive ones orange, negative blue, each picture by its "
        "own largest weight. Weights outside the mask are empty."
    )
    picture = html.Img(id="machine-filters", alt=f"Receptive fields of {machine.name}", className="fields-sheet")
    return card("Hidden units", picture, *tools, note=note)


def training(machine: Machine) -> Component | None:
    """The curves of its training; None for a machine that was not trained here."""
    if not machine.cell_id:
        return None
    data = f"/api/v1/machines/{machine.id}/training"
    tools = exports("machine-training", f"{machine.id}-training", data=data, making=("machine", "training"))
    return card("Training", graph("machine-training", height=390), tools)


def measured(machine: Machine, curves: MachineCurves, query: Mapping[str, str]) -> Component:
    """A metric against p, and the samples that were kept at each level."""
    names = {info.name: info.label for info in metric_choice.offered(curves)}
    if not names:
        words = dmc.Text(
            ["Nothing yet. Draw samples at some level above, or measure a whole curve in the ",
             dmc.Anchor("explorer", href=explorer_at(machine.id), refresh=True, size="sm", underline="always"), "."],
            size="sm", c="dimmed",
        )  # fmt: skip
        return card("Measured after pruning", words)
    chosen = one_of(query.get("metric"), names, next(iter(names)))
    tools = [
        select("machine-metric", "Metric", names, chosen, 190),
        exports(
            "machine-measured",
            f"{machine.id}-curves",
            data=f"/api/v1/machines/{machine.id}/curves",
            making=("machine", "measured"),
        ),
    ]
    body = [graph("machine-measured", height=320), html.Div(levels(curves), className="levels")]
    return card("Measured after pruning", body, *tools)


def code_of(part: str, query: Mapping[str, str], curves: MachineCurves) -> MachineCode:
    """The code of the figure of a machine's training, or of the metric that is shown after pruning."""
    if part == "training":
        imports = ("from frontend.plots.machine import training_of_machine",)
        return MachineCode(imports, ("figure = training_of_machine(lab.machine_training(machine))",), "training")
    imports = ("from frontend.plots.machine import measured_of_machine",)
    shown = metric_choice.chosen(query.get("metric"), metric_choice.offered(curves))
    metric = shown.name if shown else ""
    return MachineCode(imports, (f"figure = measured_of_machine(lab.machine_curves(machine), {metric!r})",), "curves")


def levels(curves: MachineCurves) -> list[Component]:
    """Nine samples of each level that kept them, as many levels as fit, evenly chosen."""
    cells = {point.x: point.cell_id for curve in curves.curves for point in curve.points if point.has_samples}
    places = sorted(cells)
    if len(places) > MOST_LEVELS:
        places = [places[round(at * (len(places) - 1) / (MOST_LEVELS - 1))] for at in range(MOST_LEVELS)]
    return [_level(x, cells[x]) for x in places]


def _level(x: float, cell: str) -> Component:
    at = f"/api/v1/cells/{cell}"
    picture = html.Img(src=f"{at}/samples.png?columns=3&count=9", alt=f"Nine samples at p = {x:g}")
    npy = html.A("npy", href=f"{at}/samples.npy", download=f"{cell}.npy", className="cell-link")
    return html.Figure([picture, html.Figcaption([f"p = {x:g} ", npy])], className="example level")


def register(app: Dash, client: AsyncClient) -> None:
    """Pictures and figures follow their controls and the theme."""
    app.clientside_callback(
        ClientsideFunction("page", "fields"),
        Output("machine-filters", "src"),
        Input("machine-by", "value"),
        Input("machine-units", "value"),
        State("machine-id", "data"),
        State("machine-defaults", "data"),
    )
    app.clientside_callback(
        ClientsideFunction("page", "remember"),
        Output("machine-metric-address", "data"),
        Input("machine-metric", "value"),
        State("machine-defaults", "data"),
        prevent_initial_call=True,
    )

    @app.callback(Output("machine-training", "figure"), Input("scheme", "data"), State("machine-id", "data"))
    async def train(scheme: str | None, machine_id: str) -> Any:
        found = await client.machine_training(machine_id)
        shown = theme.scheme_of(scheme)
        return training_of_machine(found, shown) if found.curves else empty_figure("Nothing was recorded", shown)

    @app.callback(
        Output("machine-measured", "figure"),
        Input("machine-metric", "value"),
        Input("scheme", "data"),
        Input("machine-tick", "data"),
        State("machine-id", "data"),
    )
    async def measure(metric: str, scheme: str | None, tick: float | None, machine_id: str) -> Any:
        found = await client.machine_curves(machine_id)
        shown = theme.scheme_of(scheme)
        known = any(one.name == metric for one in found.metrics)
        return measured_of_machine(found, metric, shown) if known else empty_figure("Nothing was measured", shown)


def stores() -> list[Component]:
    """What the figures remember."""
    return [dcc.Store(id="machine-defaults", data=DEFAULTS), dcc.Store(id="machine-metric-address")]
