"""One study: where it stands, its curves, its samples, its training, its cells, and how to make it again."""

from typing import Any

import dash_mantine_components as dmc
from dash import ClientsideFunction, Dash, Input, Output, State, dcc, html, no_update
from dash.development.base_component import Component

from backend.client import AsyncClient
from backend.contracts.messages import Study
from frontend import theme
from frontend.components import commands, figure, live, progress, samples, study_panels
from frontend.components.texts import link_button
from frontend.plots.bands import LABELS, band_of
from frontend.plots.curves import CurveView, empty_figure, pruning_figure, training_figure
from frontend.routing import Address, Page, one_of

PATH = "/studies/<study_id>"
_TABS = (("results", "Results"), ("training", "Training"), ("cells", "Cells"), ("recipe", "Recipe"))
_DEFAULTS = {"tab": "results", "band": "std", "replicas": "", "log": "", "metric": ""}


async def layout(client: AsyncClient, address: Address) -> Page:
    """Head and tabs; the panel of the tab in the address is filled by its callback."""
    study = await client.study(address.path["study_id"])
    query = address.query
    tab = one_of(query.get("tab"), dict(_TABS), "results")
    content = html.Div(
        [
            *live.stores("study", {"study": study.id, "kinds": ["worker"]}),
            *samples.stores(query.get("p"), query.get("replica")),
            dcc.Store(id="study-id", data=study.id),
            dcc.Store(id="study-revision"),
            dcc.Store(id="study-state"),
            dcc.Store(id="study-defaults", data=_DEFAULTS),
            dcc.Store(id="study-address"),
            dcc.Store(id="study-tab-address"),
            dcc.Store(id="study-query", data=dict(query)),
            dmc.Group(
                [
                    dmc.Title(study.name, order=1, size="h2", className="wrap"),
                    html.Div(_actions(study), id="study-actions"),
                ],
                justify="space-between",
                gap="sm",
            ),
            html.Div(_head(study), id="study-head", style={"margin": "8px 0 20px"}),
            dmc.Tabs(
                dmc.TabsList([dmc.TabsTab(label, value=value) for value, label in _TABS]),
                id="study-tab",
                value=tab,
                mb="lg",
            ),
            html.Div(dmc.Skeleton(height=480, radius="md"), id="study-panel"),
        ],
        className="page",
    )
    return Page(study.name, content)


def register(app: Dash, client: AsyncClient) -> None:
    """Head by tick; figures by revision (cells done); the rest in the browser."""
    live.register(app, "study")
    samples.register(app)
    study_panels.register(app, client)
    _register_address(app)
    _register_head(app, client)
    _register_panel(app, client)
    _register_pruning(app, client)
    _register_training(app, client)


def _register_address(app: Dash) -> None:
    app.clientside_callback(
        ClientsideFunction("page", "remember"),
        Output("study-tab-address", "data"),
        Input("study-tab", "value"),
        State("study-defaults", "data"),
        prevent_initial_call=True,
    )
    app.clientside_callback(
        ClientsideFunction("page", "remember"),
        Output("study-address", "data"),
        Input("study-band", "value"),
        Input("study-replicas", "checked"),
        Input("study-log", "checked"),
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
    )
    async def head(tick: float | None, study_id: str, revision: str | None, state: str | None) -> Any:
        study = await client.study(study_id)
        now = f"{study.state}/{study.progress.cells_done}/{study.progress.cells_failed}"
        actions = no_update if state == study.state else _actions(study)
        return _head(study), actions, (no_update if now == revision else now), study.state


def _register_panel(app: Dash, client: AsyncClient) -> None:
    @app.callback(
        Output("study-panel", "children"),
        Input("study-tab", "value"),
        State("study-id", "data"),
        State("study-query", "data"),
        State("url", "href"),
    )
    async def panel(tab: str, study_id: str, query: dict[str, str], href: str | None) -> Any:
        if tab == "cells":
            return study_panels.cells()
        if tab == "recipe":
            return study_panels.recipe(await client.study(study_id), href)
        return _training(study_id) if tab == "training" else _results(study_id, query)


def _register_pruning(app: Dash, client: AsyncClient) -> None:
    @app.callback(
        output=[
            Output("study-curves", "figure"),
            Output("study-curves-note", "children"),
            Output("study-samples", "children"),
            Output("samples-index", "data"),
        ],
        inputs={
            "revision": Input("study-revision", "data"),
            "view": {
                "band": Input("study-band", "value"),
                "replicas": Input("study-replicas", "checked"),
                "log": Input("study-log", "checked"),
                "scheme": Input("scheme", "data"),
            },
        },
        state={
            "study_id": State("study-id", "data"),
            "old": State("samples-index", "data"),
            "at": State("samples-at", "data"),
        },
        running=live.running("study", "drawing"),
    )
    async def draw(revision: str | None, view: dict[str, Any], study_id: str, old: Any, at: Any) -> Any:
        if revision is None:
            return [no_update] * 4
        curves = await client.curves(study_id)
        index = samples.index_of(curves)
        figure_, note = _pruning(curves, view_of(view)), study_panels.curve_note(curves)
        if samples.same_frame(old, index):
            return [figure_, note, no_update, no_update if old == index else index]
        at = at or {}
        return [figure_, note, samples.browser(index, at.get("p"), at.get("replica")), index]


def view_of(controls: dict[str, Any]) -> CurveView:
    """The view that the controls ask for."""
    scheme = theme.scheme_of(controls["scheme"])
    return CurveView(band_of(controls["band"]), bool(controls["replicas"]), bool(controls["log"]), scheme)


def _register_training(app: Dash, client: AsyncClient) -> None:
    @app.callback(
        Output("study-training", "figure"),
        Input("study-tick", "data"),
        Input("study-training-band", "value"),
        Input("scheme", "data"),
        State("study-id", "data"),
    )
    async def draw(tick: float | None, band: str, scheme: str | None, study_id: str) -> Any:
        curves = await client.curves(study_id, "training")
        view = CurveView(band_of(band), scheme=theme.scheme_of(scheme))
        if not curves.series:
            return empty_figure("The curve begins with the first updates of a training", view.scheme)
        return training_figure(curves, view)


def _pruning(curves: Any, view: CurveView) -> Any:
    if not curves.series:
        return empty_figure("The curve begins when the first machine is trained and judged", view.scheme)
    return pruning_figure(curves, curves.series[0].metric, view)


def _head(study: Study) -> list[Component]:
    return progress.standing_of(study)


def _actions(study: Study) -> Component:
    buttons = [commands.button("study", action, study.id, study.name) for action in commands.for_study(study)]
    return dmc.Group([link_button("Clone", f"/studies/new?clone={study.id}"), *buttons], gap="xs")


def _results(study_id: str, query: dict[str, str]) -> Component:
    tools = dmc.Group(
        [
            dmc.Select(
                id="study-band",
                data=[{"value": band, "label": label} for band, label in LABELS.items()],
                value=band_of(query.get("band")),
                allowDeselect=False,
                size="xs",
                w=130,
                **{"aria-label": "Band"},
            ),
            dmc.Switch(id="study-replicas", label="replicas", checked=query.get("replicas") == "1", size="xs"),
            dmc.Switch(id="study-log", label="log", checked=query.get("log") == "1", size="xs"),
            figure.exports("study-curves", f"curves-{study_id}", f"/api/v1/studies/{study_id}/curves.csv"),
        ],
        gap="sm",
    )
    body = [html.Div(id="study-curves-note"), figure.graph("study-curves", height=460)]
    curves = figure.card("Quality against pruning", body, tools)
    browser = html.Div(samples.browser(samples.EMPTY, None, None), id="study-samples", style={"marginTop": 16})
    return html.Div([dcc.Store(id="samples-index"), curves, browser])


def _training(study_id: str) -> Component:
    band = dmc.Select(
        id="study-training-band",
        data=[{"value": band, "label": label} for band, label in LABELS.items()],
        value="std",
        allowDeselect=False,
        size="xs",
        w=130,
        **{"aria-label": "Band"},
    )
    csv = f"/api/v1/studies/{study_id}/curves.csv?kind=training"
    note = "Pseudo-log-likelihood per image while the machines learn: solid on training images, dashed on test images."
    tools = dmc.Group([band, figure.exports("study-training", f"training-{study_id}", csv)], gap="sm")
    return figure.card("Training", figure.graph("study-training", height=480), tools, note=note)
