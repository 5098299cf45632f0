"""Cells: every cell of the study with its coordinates, its state and its values."""

from collections.abc import Sequence
from typing import Any

import dash_mantine_components as dmc
from dash import Dash, Input, Output, State, html
from dash.development.base_component import Component

from backend.client import AsyncClient
from backend.contracts.catalogue import catalogue
from backend.contracts.messages import Analysis, CellSummary, Study
from frontend import machine_classes
from frontend.components.figure import card
from frontend.components.table import column, table
from frontend.metric_choice import place
from frontend.panels import Opened
from frontend.wording import scientific

TAB, LABEL, PLACE = "cells", "Cells", 91
MOST_CELLS = 2000
_PAGE = 200


def fits(study: Study, analyses: Sequence[Analysis]) -> bool:
    """Every study has cells."""
    return True


def layout(opened: Opened) -> Component:
    """An empty table of cells; its callback fills it."""
    columns = [
        column("p0", "p0", width=80),
        column("p", "p", width=80),
        column("replica", "Replica", width=95),
        column("kind", "Kind", width=115),
        column("class", "Class", width=150),
        column("state", "State", width=125, cellRenderer="State"),
        column("value", "Metrics", flex=2, minWidth=180),
        column("machine", "Machine", width=115, cellRenderer="PageLink", cellRendererParams={"hrefField": "href"}),
        column("id", "Cell", flex=1, minWidth=140),
    ]
    grid = table("study-cells", columns, height=560)
    note = "Each cell is known by the hash of everything that defines it, and is never computed twice."
    return card("Cells", [html.Div(id="study-cells-note"), grid], note=note)


def row(cell: CellSummary) -> dict[str, Any]:
    """A cell as a row of the table."""
    return {
        "id": cell.id,
        "kind": cell.kind,
        "class": class_of(cell),
        "state": cell.state,
        "p0": cell.axes.get("initial_dilution"),
        "p": cell.axes.get("pruning"),
        "replica": cell.axes.get("replica"),
        "value": values_of(cell),
        "machine": "open" if cell.machine_id else "",
        "href": f"/machines/{cell.machine_id}" if cell.machine_id else None,
    }


def class_of(cell: CellSummary) -> str:
    """The class of a machine, or the name of an analysis."""
    name = cell.axes.get("machine_class")
    return machine_classes.label(str(name)) if name else str(cell.axes.get("analysis", "")).replace("_", " ")


def values_of(cell: CellSummary) -> str:
    """Its metrics by the names that readers know, those of the paper first."""
    label = catalogue().metric_label
    return ", ".join(f"{label(name)} {scientific(cell.metrics[name])}" for name in sorted(cell.metrics, key=place))


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
    async def fill(revision: str, identity: str, study_id: str) -> Any:
        found, more = await first_cells(client, study_id)
        note = f"The first {MOST_CELLS} cells are shown; the CSV of the curves has all values." if more else ""
        return [row(cell) for cell in found], dmc.Text(note, size="sm", c="dimmed")
