"""The frame of a panel that shows an analysis: waiting, failed with its reason, or the result."""

import asyncio
from typing import Any

import dash_mantine_components as dmc
from dash import Dash, Input, Output, State, dcc, html, no_update
from dash.development.base_component import Component

from backend.client import AsyncClient
from backend.contracts.messages import Analysis, Study
from backend.contracts.states import CellState
from frontend.components.texts import link_button


def frame(tab: str, body: Component, *, always: Component | None = None) -> Component:
    """Where a panel stands, what it `always` shows, and the `body` that appears with the result."""
    return html.Div(
        [
            dcc.Store(id=f"{tab}-cell"),
            html.Div(id=f"{tab}-standing"),
            always or html.Div(),
            html.Div(body, id=f"{tab}-body", hidden=True),
        ]
    )


def register(app: Dash, client: AsyncClient, tab: str, analysis: str) -> None:
    """Follow the study: `<tab>-cell` gets the cell of the analysis when its result is there."""

    @app.callback(
        Output(f"{tab}-cell", "data"),
        Output(f"{tab}-standing", "children"),
        Output(f"{tab}-body", "hidden"),
        Input("study-revision", "data"),
        State(f"{tab}-cell", "data"),
        State("study-id", "data"),
    )
    async def follow(revision: str, known: str | None, study_id: str) -> Any:
        if known:
            return no_update, no_update, no_update
        study, analyses = await asyncio.gather(client.study(study_id), client.analyses(study_id))
        own = find(analyses, analysis)
        if own is not None and own.state is CellState.DONE:
            return own.cell_id, None, False
        return no_update, standing(study, own), True


def find(analyses: list[Analysis], name: str) -> Analysis | None:
    """The analysis of that name."""
    return next((one for one in analyses if one.analysis == name), None)


def standing(study: Study, analysis: Analysis | None) -> Component:
    """Why there is no result (yet), and the next step."""
    title = analysis.title if analysis else "This analysis"
    if analysis is None:
        return dmc.Alert("It is not part of this study.", title=title, color="gray", variant="light", mb="md")
    if analysis.state is CellState.FAILED:
        words = analysis.error or "no reason was recorded"
        hint = "Retry the study when the cause is removed: only what is missing or failed runs again."
        return dmc.Alert([words, dmc.Text(hint, size="sm", mt=6)], title=f"{title} failed", color="red",
                         variant="light", mb="md", className="wrap")  # fmt: skip
    if analysis.state is CellState.PENDING:
        done, total = study.progress.cells_done, study.progress.cells_total
        words = (
            f"Waiting for {total - done} of {total} cells of the study: it is made when those that it reads are done."
        )
        queue = html.Div(link_button("Its jobs in the queue", f"/queue?study={study.id}"), style={"marginTop": 10})
        return dmc.Alert([words, queue], title=title, color="blue", variant="light", mb="md")
    words = "It was cancelled. Retry the study to make it."
    return dmc.Alert(words, title=title, color="gray", variant="light", mb="md")
