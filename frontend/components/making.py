"""How a figure is made: a window with its parameters, seeds, code version, and the curl and Python that make it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import dash_mantine_components as dmc
from dash import ALL, ClientsideFunction, Dash, Input, Output, State, dcc, html, no_update
from dash.development.base_component import Component

from backend.client import AsyncClient
from backend.contracts.messages import Analysis, Machine, StudyCreate
from frontend import panels
from frontend.components import analysis, figure, form, machine_facts, machine_figures
from frontend.components.code_panel import snippets_panel
from frontend.components.texts import facts
from frontend.panels import Opened
from frontend.reproduce import FigureCode, MachineCode, figure_as_curl, figure_as_python, machine_as_python
from frontend.routing import origin_of, query_of


def parts(of: str) -> list[Component]:
    """The window of a page (`of`: `study` or `machine`), closed, and what was asked for."""
    window = dmc.Modal(
        html.Div(id=f"{of}-making-content"),
        id=f"{of}-making",
        title="How this figure is made",
        opened=False,
        size="72rem",
        closeButtonProps={"aria-label": "Close"},
    )
    return [dcc.Store(id=f"{of}-making-asked"), window]


def register_study(app: Dash, client: AsyncClient) -> None:
    """The window of a study's figures."""

    async def of_study(asked: dict[str, str], study_id: str) -> Component:
        study, analyses = await asyncio.gather(client.study(study_id), client.analyses(study_id))
        opened = Opened(study, query_of(asked["search"]), asked["href"])
        code = panels.panel(asked["tab"]).figure_code(asked["part"], opened)
        return content(opened, code, analyses)

    _register(app, "study", of_study)


def register_machine(app: Dash, client: AsyncClient) -> None:
    """The window of a machine's figures."""

    async def of_machine(asked: dict[str, str], machine_id: str) -> Component:
        machine, curves = await asyncio.gather(client.machine(machine_id), client.machine_curves(machine_id))
        code = machine_figures.code_of(asked["part"], query_of(asked["search"]), curves)
        return machine_content(machine, origin_of(asked["href"]), code)

    _register(app, "machine", of_machine)


def _register(app: Dash, of: str, answer: Callable[[dict[str, str], str], Awaitable[Component]]) -> None:
    """A button asks, with the address as it is now: what the controls show is in it."""
    app.clientside_callback(
        ClientsideFunction("page", "askMaking"),
        Output(f"{of}-making-asked", "data"),
        Input({"type": figure.MAKING, "tab": ALL, "part": ALL}, "n_clicks"),
        prevent_initial_call=True,
    )

    @app.callback(
        Output(f"{of}-making", "opened"),
        Output(f"{of}-making-content", "children"),
        Input(f"{of}-making-asked", "data"),
        State(f"{of}-id", "data"),
        prevent_initial_call=True,
    )
    async def show(asked: dict[str, str] | None, identity: str) -> Any:
        return (True, await answer(asked, identity)) if asked else (no_update, no_update)


def machine_content(machine: Machine, origin: str, code: MachineCode) -> Component:
    """What the machine is at the left, commands at the right."""
    house = [("Machine", machine.id), ("SHA-256", machine.digest), ("Study", machine.study_id)]
    known = machine_facts.named(machine.parameters | machine.provenance)
    commands = snippets_panel(
        machine_as_python(machine.id, origin, code), f"curl '{origin}/api/v1/machines/{machine.id}/{code.path}'"
    )
    note = "The numbers are those of this laboratory: the machine is not trained or measured again."
    return _window(facts([*house, *known]), note, commands)


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
    return _window(facts([*house, *form.titled(study.type, study.parameters)]), note, commands)


def _window(known: Component, note: str, commands: Component) -> Component:
    return dmc.SimpleGrid(
        [
            html.Div(known),
            html.Div([dmc.Text(note, size="sm", c="dimmed", mb="xs"), commands], style={"minWidth": 0}),
        ],
        cols={"base": 1, "md": 2},
        spacing="lg",
    )
