"""Representation: principal components of weights and couplings, and whether the classes lie apart."""

import asyncio
from collections.abc import Sequence
from typing import Any

import dash_mantine_components as dmc
from dash import ClientsideFunction, Dash, Input, Output, State, dcc, html, no_update
from dash.development.base_component import Component

from backend.client import AsyncClient
from backend.contracts.messages import Analysis, Study
from backend.contracts.results import Panel, RepresentationResult, SeparationResult
from frontend import machine_classes, theme
from frontend.components import analysis, figure
from frontend.components.controls import select
from frontend.components.texts import facts
from frontend.panels import Opened
from frontend.plots.representation import panel_figure
from frontend.reproduce import FigureCode
from frontend.wording import scientific

TAB, LABEL, PLACE = "representation", "Representation", 40
PANELS = 4
MOST_MACHINES = 2000
_DIMENSIONS = {"2": "two components", "3": "three components"}
_TITLES = {"weights": "Weights W", "couplings": "Couplings J(2)"}
_NOTE = (
    "Each point is a machine. Frozen: trained, then pruned. Retrained: trained again from there. Where the reference "
    "has the mask of the frozen machine and new weights, what the mask alone does is the same for all. Renumbering the "
    "hidden units changes W but not J(2): trust the couplings more than the weights."
)


def fits(study: Study, analyses: Sequence[Analysis]) -> bool:
    """A study with principal components among its analyses."""
    return analysis.find(list(analyses), "representation") is not None


def layout(opened: Opened) -> Component:
    """Four figures, filled with the result."""
    asked = opened.query.get("space", "2")
    choice = select(
        "representation-space", "Components", _DIMENSIONS, asked if asked in _DIMENSIONS else "2", width=180
    )
    cards = [html.Div(_skeleton(place), className="card") for place in range(PANELS)]
    body = html.Div(
        [
            dmc.Group([dmc.Text(_NOTE, size="sm", c="dimmed", maw="50rem"), choice], justify="space-between", mb="md"),
            dmc.SimpleGrid(cards, cols={"base": 1, "md": 2}, spacing="md"),
        ]
    )
    stores = [
        dcc.Store(id="representation-address"),
        dcc.Store(id="representation-defaults", data={"space": "2"}),
    ]
    return html.Div([*stores, analysis.frame(TAB, body)])


def _skeleton(place: int) -> list[Component]:
    identity = f"representation-{place}"
    return [
        html.Div(id=f"{identity}-head"),
        figure.graph(identity, height=400, opens=True),
        html.Div(id=f"{identity}-words"),
    ]


def register(app: Dash, client: AsyncClient) -> None:
    """The figures follow the result, the theme and the number of components."""
    analysis.register(app, client, TAB, "representation")
    for place in range(PANELS):
        figure.register_opening(app, f"representation-{place}")
    app.clientside_callback(
        ClientsideFunction("page", "remember"),
        Output("representation-address", "data"),
        Input("representation-space", "value"),
        State("representation-defaults", "data"),
        prevent_initial_call=True,
    )
    identities = [f"representation-{place}" for place in range(PANELS)]

    @app.callback(
        output=[
            [Output(identity, "figure") for identity in identities],
            [Output(f"{identity}-head", "children") for identity in identities],
            [Output(f"{identity}-words", "children") for identity in identities],
        ],
        inputs=[
            Input("representation-cell", "data"),
            Input("representation-space", "value"),
            Input("scheme", "data"),
        ],
        state=[State("study-id", "data")],
    )
    async def draw(cell: str | None, space: str, scheme: str | None, study_id: str) -> Any:
        if not cell:
            untouched = [no_update] * PANELS
            return untouched, untouched, untouched
        found, machines = await asyncio.gather(client.result(cell), machines_by_cell(client, study_id))
        result = RepresentationResult.model_validate(found)
        shown = result.panels[:PANELS]
        options = {"scheme": theme.scheme_of(scheme), "machines": machines, "pruning": result.pruning}
        return (
            [panel_figure(panel, space=space == "3", **options) for panel in shown],
            [_head(panel, place, cell) for place, panel in enumerate(shown)],
            [words_of(panel) for panel in shown],
        )


def figure_code(part: str, opened: Opened) -> FigureCode:
    """The code of the panel at a place, counted from 0."""
    space = opened.query.get("space") == "3"
    imports = (
        "from backend.contracts.results import RepresentationResult",
        "from frontend.plots.representation import panel_figure",
    )
    lines = (
        'result = RepresentationResult.model_validate(study.result("representation"))',
        f'figure = panel_figure(result.panels[{int(part)}], "light", {{}}, result.pruning, space={space})',
    )
    return FigureCode(imports, lines, analysis="representation")


async def machines_by_cell(client: AsyncClient, study_id: str) -> dict[str, str]:
    """The machine that each machine cell of a study holds."""
    found: dict[str, str] = {}
    cursor: str | None = None
    while len(found) < MOST_MACHINES:
        page = await client.cells(study_id, cursor, 200, "machine")
        found |= {cell.id: cell.machine_id for cell in page.items if cell.machine_id}
        cursor = page.next_cursor
        if cursor is None:
            break
    return found


def _head(panel: Panel, place: int, cell: str) -> Component:
    exports = figure.exports(
        f"representation-{place}",
        f"representation-{panel.features}-{panel.reference}-{cell[:8]}",
        data=f"/api/v1/cells/{cell}/result",
        making=(TAB, str(place)),
    )
    return dmc.Group([dmc.Title(title_of(panel), order=2, size="h4"), exports], justify="space-between")


def title_of(panel: Panel) -> str:
    """Features, and which reference stands beside frozen and retrained machines."""
    return f"{_TITLES[panel.features]}, {machine_classes.label(panel.reference)}"


def words_of(panel: Panel) -> Component:
    """The separation of all classes and of each two of them."""
    pairs = [
        (f"{machine_classes.label(one.first)}, {machine_classes.label(one.second)}",
         _separation(one.separation, one.adjusted_p_value))
        for one in panel.pairs
    ]  # fmt: skip
    return html.Div(facts([("All classes", _separation(panel.separation, None)), *pairs]), style={"marginTop": 12})


def _separation(one: SeparationResult, adjusted: float | None) -> str:
    if one.pseudo_f is None:
        return one.reason or "undefined"
    p = one.p_value if adjusted is None else adjusted
    chance = "p undefined" if p is None else f"p = {p:.2g}"
    least = "" if one.least_p_value is None else f", least possible {one.least_p_value:.2g}"
    return f"pseudo-F {scientific(one.pseudo_f)}, R² {scientific(one.r_squared)}, {chance}{least}"
