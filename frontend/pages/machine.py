"""One machine: what it is, where it comes from, and what it draws at any pruning level, side by side."""

import asyncio
from typing import Any

import dash_mantine_components as dmc
from dash import ALL, ClientsideFunction, Dash, Input, Output, State, ctx, dcc, html, no_update
from dash.development.base_component import Component

from backend.client import ApiError, AsyncClient
from backend.contracts.catalogue import catalogue
from backend.contracts.messages import Cell, Machine, SamplesRequest
from backend.contracts.parameters import GenerationParameters
from backend.contracts.states import CellState
from frontend.components import live, machine_deletion, machine_facts, machine_figures, making
from frontend.components.figure import card
from frontend.components.notices import empty
from frontend.components.texts import heading, link_button
from frontend.explorer.address import explorer_at
from frontend.routing import Address, Page

PATH = "/machines/<machine_id>"
MOST_PICTURES = 12
_STEPS = 200


async def layout(client: AsyncClient, address: Address) -> Page:
    """Facts, figures, and the pictures that the address names."""
    machine_id, query = address.path["machine_id"], address.query
    machine, line, curves = await asyncio.gather(
        client.machine(machine_id), client.machine_lineage(machine_id), client.machine_curves(machine_id)
    )
    wanted = [cell for cell in query.get("samples", "").split(",") if cell][:MOST_PICTURES]
    drawn = [
        _drawing(machine, query.get("p")),
        machine_figures.measured(machine, curves, query),
        machine_figures.hidden_units(machine, query),
        machine_figures.training(machine),
    ]
    known = [machine_facts.about(machine), machine_facts.line(machine, line), machine_facts.downloads(machine)]
    beside = [*known, *machine_facts.values(machine)]
    content = html.Div(
        [
            *live.stores("machine", {"kinds": ["job", "study", "worker"]}),
            *machine_figures.stores(),
            *making.parts("machine"),
            dcc.Store(id="machine-id", data=machine.id),
            dcc.Store(id="machine-samples", data=",".join(wanted)),
            dcc.Store(id="machine-settled"),
            dcc.Store(id="machine-address"),
            dcc.Store(id="machine-delete-named"),
            dcc.Interval(id="machine-clock", interval=1500, disabled=not wanted),
            machine_deletion.dialog(machine.name),
            heading(machine.name, *_actions(machine, query.get("p"))),
            dmc.Grid(
                [
                    dmc.GridCol(dmc.Stack([one for one in drawn if one], gap="md"), span={"base": 12, "md": 8}),
                    dmc.GridCol(dmc.Stack([one for one in beside if one], gap="md"), span={"base": 12, "md": 4}),
                ],
                gutter="md",
            ),
        ],
        className="page",
    )
    return Page(machine.name, content)


def _actions(machine: Machine, asked: str | None) -> list[Component]:
    level = level_of(asked, machine.initial_dilution) if asked else None
    return [
        link_button("Open in the explorer", explorer_at(machine.id, level), primary=True, within=False),
        link_button("Download", f"/api/v1/machines/{machine.id}/download", within=False),
        machine_deletion.button(),
    ]


def _drawing(machine: Machine, asked: str | None) -> Component:
    lowest = machine.initial_dilution
    rules = [{"value": entry.name, "label": entry.label} for entry in catalogue().pruning_rules]
    controls = html.Div(
        [
            dmc.Text("Total pruning p", size="sm", fw=500, mb=4),
            dmc.Slider(
                id="machine-p",
                min=lowest,
                max=1,
                step=0.01,
                value=level_of(asked, lowest),
                marks=[{"value": mark, "label": f"{mark:g}"} for mark in _marks(lowest)],
                updatemode="drag",
                labelAlwaysOn=True,
                mt=34,
                mb=36,
                thumbLabel="Total pruning p",
            ),
            dmc.Group(
                [
                    _rule(rules),
                    dmc.NumberInput(id="machine-steps", label="Gibbs steps", value=_STEPS, min=1, max=100_000, w=130),
                    dmc.Button("Draw samples", id="machine-draw"),
                ],
                align="flex-end",
                gap="sm",
            ),
        ]
    )
    note = "Prunes the machine to p, runs 64 chains from random pixels, and shows where they arrive."
    pictures = html.Div(_invitation(), id="machine-pictures", style={"marginTop": 20})
    return card("Samples at any pruning", [controls, pictures], note=note)


def level_of(asked: str | None, lowest: float) -> float:
    """The pruning level that an address asks for, within what the machine can be pruned to."""
    try:
        return min(1.0, max(lowest, float(asked or "")))
    except ValueError:
        return lowest


def _rule(rules: list[dict[str, str]]) -> Component:
    usual = SamplesRequest.model_fields["pruning_rule"].default
    return dmc.Select(id="machine-rule", data=rules, value=usual, label="Rule", allowDeselect=False, w=210)


def _marks(lowest: float) -> list[float]:
    return sorted({lowest, *(mark / 5 for mark in range(6) if mark / 5 - lowest > 0.05)})


def _invitation() -> Component:
    return empty("No picture yet", "Choose a pruning level and draw. Several pictures stay side by side.")


def register(app: Dash, client: AsyncClient) -> None:
    """A request becomes a cell; the cell is watched until its picture is there."""
    live.register(app, "machine")
    app.clientside_callback(
        ClientsideFunction("page", "remember"),
        Output("machine-address", "data"),
        Input("machine-samples", "data"),
        prevent_initial_call=True,
    )
    machine_figures.register(app, client)
    making.register_machine(app, client)
    machine_deletion.register(app, client)
    _register_request(app, client)
    _register_pictures(app, client)


def _register_request(app: Dash, client: AsyncClient) -> None:
    @app.callback(
        Output("machine-samples", "data"),
        Input("machine-draw", "n_clicks"),
        State("machine-id", "data"),
        State("machine-p", "value"),
        State("machine-rule", "value"),
        State("machine-steps", "value"),
        State("machine-samples", "data"),
        prevent_initial_call=True,
        running=[(Output("machine-draw", "loading"), True, False)],
    )
    async def draw(clicks: int, machine_id: str, *asked: Any) -> str:
        pruning, rule, steps, shown = asked
        generation = GenerationParameters(num_samples=64, gibbs_steps=int(steps or _STEPS))
        answer = await client.request_samples(machine_id, pruning, rule, generation)
        return ",".join(dict.fromkeys([answer.cell_id, *_cells(shown)][:MOST_PICTURES]))

    @app.callback(
        Output("machine-samples", "data", allow_duplicate=True),
        Input({"type": "remove-picture", "cell": ALL}, "n_clicks"),
        State("machine-samples", "data"),
        prevent_initial_call=True,
    )
    async def remove(clicks: list[int | None], shown: str) -> Any:
        if not any(clicks):
            return no_update
        return ",".join(cell for cell in _cells(shown) if cell != ctx.triggered_id["cell"])


def _register_pictures(app: Dash, client: AsyncClient) -> None:
    @app.callback(
        Output("machine-pictures", "children"),
        Output("machine-clock", "disabled"),
        Output("machine-settled", "data"),
        Input("machine-samples", "data"),
        Input("machine-tick", "data"),
        Input("machine-clock", "n_intervals"),
        State("machine-settled", "data"),
        running=live.running("machine"),
    )
    async def show(shown: str, tick: float | None, clock: int | None, settled: str | None) -> Any:
        if settled == shown:
            return no_update, no_update, no_update
        found = await asyncio.gather(*(_cell(client, cell) for cell in _cells(shown)))
        waits = any(isinstance(cell, Cell) and cell.state is CellState.PENDING for cell in found)
        return pictures(found), not waits, None if waits else shown


def _cells(shown: str | None) -> list[str]:
    return [cell for cell in (shown or "").split(",") if cell]


async def _cell(client: AsyncClient, cell_id: str) -> Cell | str:
    try:
        return await client.cell(cell_id)
    except ApiError as error:
        return error.problem.detail


def pictures(cells: list[Cell | str]) -> Component:
    """Pictures side by side, the newest first; one that is not there yet, or will not be, says so."""
    return html.Div([_picture(cell) for cell in cells], className="sheets gallery") if cells else _invitation()


def _picture(cell: Cell | str) -> Component:
    if isinstance(cell, str):
        return html.Figure(dmc.Alert(cell, color="red", variant="light"), className="sheet")
    remove = dmc.ActionIcon(
        "\u00d7", id={"type": "remove-picture", "cell": cell.id}, size="sm", variant="subtle", color="gray",
        **{"aria-label": "Remove this picture"},
    )  # fmt: skip
    generation = cell.parameters.get("generation", {})
    words = f"p = {cell.parameters.get('pruning'):g}, {cell.parameters.get('pruning_rule')}"
    steps = f"{generation.get('gibbs_steps')} steps"
    npy = html.A("npy", href=f"/api/v1/cells/{cell.id}/samples.npy", download=f"{cell.id}.npy", className="cell-link")
    told = html.Span([f"{words}, {steps} ", npy if cell.state is CellState.DONE else ""])
    caption = html.Figcaption(dmc.Group([told, remove], justify="space-between", wrap="nowrap"))
    return html.Figure([caption, _content(cell)], className="sheet")


def _content(cell: Cell) -> Component:
    if cell.state is CellState.DONE:
        address = f"/api/v1/cells/{cell.id}/samples.png?columns=8&count=64"
        return html.Img(src=address, alt=f"64 samples at p = {cell.parameters.get('pruning')}")
    if cell.state is CellState.PENDING:
        waiting = dmc.Skeleton(dmc.AspectRatio(html.Div(), ratio=1))
        return html.Div([waiting, dmc.Text("waits for a worker, or is being drawn", size="xs", c="dimmed", mt=4)])
    return dmc.Alert(cell.error or f"the drawing was {cell.state}", color="red", variant="light")
