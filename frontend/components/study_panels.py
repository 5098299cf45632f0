"""The panels of a study's page that are tables and text: its cells, and the recipe that makes it again."""

from collections.abc import Iterator
from typing import Any

import dash_mantine_components as dmc
from dash import Dash, Input, Output, State, html
from dash.development.base_component import Component

from backend.client import AsyncClient
from backend.contracts.catalogue import catalogue
from backend.contracts.messages import CellSummary, Curves, Study, StudyCreate
from backend.contracts.study_types import study_types
from frontend.components import form
from frontend.components.code_panel import code_panel
from frontend.components.figure import card
from frontend.components.table import column, table
from frontend.components.texts import code, facts
from frontend.wording import scientific

MOST_CELLS = 2000
_PAGE = 200


def curve_note(curves: Curves) -> Component:
    """How the values were measured: samples, steps, formula, source."""
    info = curves.metrics[0] if curves.metrics else None
    if info is None or curves.num_samples is None:
        return html.Div()
    measured = f"{curves.num_samples} samples after {curves.gibbs_steps} Gibbs steps for every value"
    better = {"lower": "lower is better", "higher": "higher is better", "none": ""}[info.better]
    words = [f"{measured}; {better}. ", code(info.formula), f" ({info.source})"]
    return dmc.Text(words, size="sm", c="dimmed", mb="xs")


def cells() -> Component:
    """An empty table of cells; its callback fills it."""
    columns = [
        column("p0", "p0", width=80),
        column("p", "p", width=80),
        column("replica", "Replica", width=95),
        column("kind", "Kind", width=115),
        column("state", "State", width=125, cellRenderer="State"),
        column("value", "Metrics", flex=2, minWidth=180),
        column("machine", "Machine", width=115, cellRenderer="PageLink", cellRendererParams={"hrefField": "href"}),
        column("id", "Cell", flex=1, minWidth=140),
    ]
    grid = table("study-cells", columns, height=560)
    note = "Each cell is known by the hash of everything that defines it, and is never computed twice."
    return card("Cells", [html.Div(id="study-cells-note"), grid], note=note)


def recipe(study: Study, href: str | None) -> Component:
    """Every parameter with its seed, the code version, and the commands that make the study again."""
    origin = "/".join((href or "http://127.0.0.1:8050").split("/")[:3])
    create = StudyCreate(name=study.name, type=study.type, parameters=study.parameters)
    house = [("Study", study.id), ("Type", study.type), ("Code version", study.code_version)]
    left = [facts([*house, *_parameters(study)])]
    return dmc.SimpleGrid(
        [card("Parameters", left), card("Make it again", code_panel(create, origin))],
        cols={"base": 1, "md": 2},
        spacing="md",
    )


def _parameters(study: Study) -> Iterator[tuple[str, Any]]:
    """Every parameter under the title that its form gives it; those that this version does not know by their names."""
    kind = study_types().get(study.type)
    known = form.fields(kind.parameters.model_json_schema()) if kind else []
    for field in known:
        group = f"{field.path[0]}: ".capitalize() if len(field.path) > 1 else ""
        yield f"{group}{field.label}", form.value_at(study.parameters, field.path)
    grouped = {field.path[0] for field in known}
    yield from ((name, value) for name, value in study.parameters.items() if name not in grouped)


def row(cell: CellSummary) -> dict[str, Any]:
    """A cell as a row of the table."""
    return {
        "id": cell.id,
        "kind": cell.kind,
        "state": cell.state,
        "p0": cell.axes.get("initial_dilution"),
        "p": cell.axes.get("pruning"),
        "replica": cell.axes.get("replica"),
        "value": ", ".join(f"{_label(name)} {scientific(value)}" for name, value in cell.metrics.items()),
        "machine": "open" if cell.machine_id else "",
        "href": f"/machines/{cell.machine_id}" if cell.machine_id else None,
    }


def _label(metric: str) -> str:
    return next((entry.label for entry in catalogue().metrics if entry.name == metric), metric)


async def first_cells(client: AsyncClient, study_id: str) -> tuple[list[CellSummary], bool]:
    """The first cells of a study, and whether there are more than the table takes."""
    found: list[CellSummary] = []
    cursor: str | None = None
    while len(found) < MOST_CELLS:
        page = await client.cells(study_id, cursor, _PAGE)
        found += page.items
        cursor = page.next_cursor
        if cursor is None:
            return found, False
    return found, True


def register(app: Dash, client: AsyncClient) -> None:
    """The cells follow the study's revision."""

    @app.callback(
        Output("study-cells", "rowData"),
        Output("study-cells-note", "children"),
        Input("study-revision", "data"),
        Input("study-cells", "id"),
        State("study-id", "data"),
    )
    async def fill(revision: str | None, identity: str, study_id: str) -> Any:
        found, more = await first_cells(client, study_id)
        note = f"The first {MOST_CELLS} cells are shown; the CSV of the curves has all values." if more else ""
        return [row(cell) for cell in found], dmc.Text(note, size="sm", c="dimmed")
