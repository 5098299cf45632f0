"""One study: where it stands, and a tab for each of its panels (`frontend/panels`)."""

import asyncio
from typing import Any

import dash_mantine_components as dmc
from dash import ClientsideFunction, Dash, Input, Output, State, dcc, html, no_update
from dash.development.base_component import Component

from backend.client import AsyncClient
from backend.contracts.messages import Study
from frontend import panels, theme
from frontend.components import commands, live, making, progress, samples
from frontend.components.texts import link_button
from frontend.panels import Opened
from frontend.routing import Address, Page, one_of, query_of

PATH = "/studies/<study_id>"


async def layout(client: AsyncClient, address: Address) -> Page:
    """Head, tabs, and the panel of the tab in the address."""
    study_id = address.path["study_id"]
    study, analyses = await asyncio.gather(client.study(study_id), client.analyses(study_id))
    query = address.query
    tabs = {panel.TAB: panel.LABEL for panel in panels.fitting(study, analyses)}
    first = next(iter(tabs))
    opened = one_of(query.get("tab"), tabs, first)
    panel = await _panel(client, opened, Opened(study, query, address.href, address.scheme))
    content = html.Div(
        [
            *live.stores("study", {"study": study.id, "kinds": ["worker"]}),
            *samples.stores(query.get("p"), query.get("replica")),
            dcc.Store(id="study-id", data=study.id),
            dcc.Store(id="study-revision", data=_revision(study)),
            dcc.Store(id="study-state", data=study.state),
            dcc.Store(id="study-defaults", data={"tab": first}),
            dcc.Store(id="study-tab-address"),
            *making.parts("study"),
            dmc.Group(
                [
                    dmc.Title(study.name, order=1, size="h2", className="wrap"),
                    html.Div(_actions(study), id="study-actions"),
                ],
                justify="space-between",
                gap="sm",
            ),
            html.Div(progress.standing_of(study), id="study-head", style={"margin": "8px 0 20px"}),
            dmc.Tabs(
                dmc.TabsList([dmc.TabsTab(label, value=tab) for tab, label in tabs.items()], className="tabs"),
                id="study-tab",
                value=opened,
                mb="lg",
            ),
            html.Div(panel, id="study-panel"),
        ],
        className="page",
    )
    return Page(study.name, content)


def register(app: Dash, client: AsyncClient) -> None:
    """Head by tick; the panel by the tab; what changes in it by its own callbacks."""
    live.register(app, "study")
    samples.register(app)
    making.register_study(app, client)
    for panel in panels.panels():
        panel.register(app, client)
    _register_head(app, client)
    _register_panel(app, client)
    app.clientside_callback(
        ClientsideFunction("page", "openTab"),
        Output("study-tab-address", "data"),
        Input("study-tab", "value"),
        State("study-defaults", "data"),
        prevent_initial_call=True,
    )


def _register_head(app: Dash, client: AsyncClient) -> None:
    @app.callback(
        Output("study-head", "children"),
        Output("study-actions", "children"),
        Output("study-revision", "data"),
        Output("study-state", "data"),
        Input("study-tick", "data"),
        State("study-id", "data"),
        State("study-revision", "data"),
        State("study-state", "data"),
        running=live.running("study"),
        prevent_initial_call=True,
    )
    async def head(tick: float | None, study_id: str, revision: str, state: str) -> Any:
        study = await client.study(study_id)
        now = _revision(study)
        actions = no_update if state == study.state else _actions(study)
        return progress.standing_of(study), actions, (no_update if now == revision else now), study.state


def _register_panel(app: Dash, client: AsyncClient) -> None:
    @app.callback(
        Output("study-panel", "children"),
        Input("study-tab-address", "data"),
        State("study-id", "data"),
        State("url", "href"),
        State("scheme", "data"),
        prevent_initial_call=True,
    )
    async def panel(address: dict[str, str], study_id: str, href: str | None, scheme: str | None) -> Any:
        study = await client.study(study_id)
        opened = Opened(study, query_of(address["search"]), href, theme.scheme_of(scheme))
        return await _panel(client, address["tab"], opened)


async def _panel(client: AsyncClient, tab: str, opened: Opened) -> Component:
    """The panel of a tab, under the name by which the tab (`study-tab`) refers to it."""
    chosen = panels.panel(tab)
    content = chosen.layout(opened)
    if hasattr(chosen, "fill"):
        await chosen.fill(client, opened, content)
    own = {"aria-labelledby": f"study-tab-tab-{chosen.TAB}"}
    return html.Div(content, id=f"study-tab-panel-{chosen.TAB}", role="tabpanel", **own)


def _revision(study: Study) -> str:
    """Another text whenever figures may have become others."""
    return f"{study.state}/{study.progress.cells_done}/{study.progress.cells_failed}"


def _actions(study: Study) -> Component:
    buttons = [commands.button("study", action, study.id, study.name) for action in commands.for_study(study)]
    return dmc.Group([link_button("Clone", f"/studies/new?clone={study.id}"), *buttons], gap="xs")
