"""How a figure is made: a window with its parameters, seeds, code version, and the curl and Python that make it."""

import asyncio
from typing import Any

import dash_mantine_components as dmc
from dash import ALL, ClientsideFunction, Dash, Input, Output, State, dcc, html, no_update
from dash.development.base_component import Component

from backend.client import AsyncClient
from backend.contracts.messages import Analysis, StudyCreate
from frontend import panels
from frontend.components import analysis, figure, form
from frontend.components.code_panel import snippets_panel
from frontend.components.texts import facts
from frontend.panels import Opened
from frontend.reproduce import FigureCode, figure_as_curl, figure_as_python
from frontend.routing import query_of


def parts() -> list[Component]:
    """The window, closed, and what was asked for; once on a page."""
    window = dmc.Modal(
        html.Div(id="making-content"),
        id="making",
        title="How this figure is made",
        opened=False,
        size="72rem",
        closeButtonProps={"aria-label": "Close"},
    )
    return [dcc.Store(id="making-asked"), window]


def register(app: Dash, client: AsyncClient) -> None:
    """A button asks, with the address as it is now: what the controls show is in it."""
    app.clientside_callback(
        ClientsideFunction("page", "askMaking"),
        Output("making-asked", "data"),
        Input({"type": figure.MAKING, "tab": ALL, "part": ALL}, "n_clicks"),
        prevent_initial_call=True,
    )

    @app.callback(
        Output("making", "opened"),
        Output("making-content", "children"),
        Input("making-asked", "data"),
        State("study-id", "data"),
        prevent_initial_call=True,
    )
    async def show(asked: dict[str, str] | None, study_id: str) -> Any:
        if not asked:
            return no_update, no_update
        study, analyses = await asyncio.gather(client.study(study_id), client.analyses(study_id))
        opened = Opened(study, query_of(asked["search"]), asked["href"])
        code = panels.panel(asked["tab"]).figure_code(asked["part"], opened)
        return True, content(opened, code, analyses)


def content(opened: Opened, code: FigureCode, analyses: list[Analysis]) -> Component:
    """Parameters at the left, commands at the right."""
    study = opened.study
    own = analysis.find(analyses, code.analysis) if code.analysis else None
    create = StudyCreate(name=study.name, type=study.type, parameters=study.parameters)
    path = code.path(study.id, own.cell_id if own else None)
    house = [("Study", study.id), ("Type", study.type), ("Code version", study.code_version)]
    commands = snippets_panel(
        figure_as_python(create, opened.origin, code), figure_as_curl(create, opened.origin, path)
    )
    note = "The study is submitted again; cells that exist are shared and not computed a second time."
    return dmc.SimpleGrid(
        [
            html.Div(facts([*house, *form.titled(study.type, study.parameters)])),
            html.Div([dmc.Text(note, size="sm", c="dimmed", mb="xs"), commands], style={"minWidth": 0}),
        ],
        cols={"base": 1, "md": 2},
        spacing="lg",
    )
