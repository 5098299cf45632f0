"""Collapse: the curves of all p0 on one axis, with an alpha that the reader moves (paper, figure 4a)."""

from collections.abc import Sequence
from typing import Any

import dash_mantine_components as dmc
from dash import ClientsideFunction, Dash, Input, Output, State, dcc, html, no_update
from dash.development.base_component import Component

from backend.client import AsyncClient
from backend.contracts.messages import Analysis, Study
from backend.contracts.results import CollapseResult
from frontend import metric_choice, theme
from frontend.components import analysis, figure, live
from frontend.components.controls import band_select
from frontend.components.texts import facts
from frontend.panels import Opened
from frontend.plots.bands import band_of
from frontend.plots.collapse import HIGH, LOW, collapse_figure, interval_words
from frontend.plots.curves import CurveView, empty_figure
from frontend.reproduce import FigureCode
from frontend.wording import scientific

TAB, LABEL, PLACE = "collapse", "Collapse", 10
PAPER_ALPHA = 0.5
_NOTE = (
    "Each curve is moved to the left by alpha times its p0. If one alpha lays all curves on each other, dilution "
    "before training counts as a fixed part of pruning after it: a machine breaks at p = threshold + alpha p0."
)


def fits(study: Study, analyses: Sequence[Analysis]) -> bool:
    """A study with a collapse among its analyses."""
    return analysis.find(list(analyses), "collapse") is not None


def layout(opened: Opened) -> Component:
    """Slider and figure at once; fit and threshold when they are there."""
    study_id = opened.study.id
    tools = [
        band_select("collapse-band", opened.query.get("band")),
        figure.exports(
            "collapse-curves", f"collapse-{study_id}", data=f"/api/v1/studies/{study_id}/curves", making=(TAB, "")
        ),
    ]
    body = [_slider(opened.query.get("alpha")), figure.graph("collapse-curves", height=460, opens=True)]
    return html.Div(
        [
            dcc.Store(id="collapse-base"),
            dcc.Store(id="collapse-fitted"),
            dcc.Store(id="collapse-defaults", data={"band": "std"}),
            dcc.Store(id="collapse-address"),
            dcc.Store(id="collapse-chosen"),
            analysis.frame(
                TAB,
                html.Div(id="collapse-fit"),
                always=html.Div(figure.card("Collapse", body, *tools, note=_NOTE), style={"marginBottom": 16}),
            ),
        ]
    )


def figure_code(part: str, opened: Opened) -> FigureCode:
    """The code of the curves at the alpha of the slider."""
    alpha = alpha_of(opened.query.get("alpha"))
    imports = (
        "from backend.contracts.results import CollapseResult",
        "from frontend.plots.collapse import collapse_figure, moved",
        "from frontend.plots.curves import CurveView",
    )
    lines = (
        'result = CollapseResult.model_validate(study.result("collapse"))',
        "curves = study.curves(metric=result.metric)",
        f"view = {CurveView(band_of(opened.query.get('band')))!r}",
        f"alpha = {'result.fit.alpha or 0.0' if alpha is None else alpha}",
        "figure = moved(collapse_figure(curves, result.metric, result.fit, view), alpha)",
    )
    return FigureCode(imports, lines, curves="?metric=quality")


def alpha_of(asked: str | None) -> float | None:
    """The alpha that an address asks for, if it is one that can be chosen."""
    try:
        alpha = float(asked or "")
    except ValueError:
        return None
    return alpha if LOW <= alpha <= HIGH else None


def _slider(asked: str | None) -> Component:
    alpha = alpha_of(asked)
    buttons = [
        dmc.Button(label, id=f"collapse-to-{name}", variant="default", size="compact-sm")
        for name, label in (("fitted", "fitted"), ("zero", "0"), ("paper", f"paper: {PAPER_ALPHA:g}"))
    ]
    words = dmc.Text("alpha = 0", id="collapse-caption", fw=600, className="numbers", w=130)
    slider = dmc.Slider(
        id="collapse-alpha",
        min=LOW,
        max=HIGH,
        step=0.01,
        value=0 if alpha is None else alpha,
        marks=[{"value": mark, "label": f"{mark:g}"} for mark in (-0.5, 0, 0.5, 1, 1.5)],
        label=None,
        updatemode="drag",
        thumbLabel="alpha",
        mb=34,
        mt="xs",
    )
    return html.Div([dmc.Group([words, *buttons], gap="xs"), slider], style={"maxWidth": 620})


def register(app: Dash, client: AsyncClient) -> None:
    """The server sends the curves at alpha = 0 and the fit; every move happens in the browser."""
    analysis.register(app, client, TAB, "collapse")
    figure.register_opening(app, "collapse-curves")
    _register_browser(app)
    _register_curves(app, client)
    _register_fit(app, client)


def _register_browser(app: Dash) -> None:
    app.clientside_callback(
        ClientsideFunction("collapse", "draw"),
        Output("collapse-curves", "figure"),
        Output("collapse-caption", "children"),
        Input("collapse-alpha", "value"),
        Input("collapse-base", "data"),
    )
    app.clientside_callback(
        ClientsideFunction("collapse", "choose"),
        Output("collapse-alpha", "value"),
        Input("collapse-to-fitted", "n_clicks"),
        Input("collapse-to-zero", "n_clicks"),
        Input("collapse-to-paper", "n_clicks"),
        Input("collapse-fitted", "data"),
        prevent_initial_call=True,
    )
    app.clientside_callback(
        ClientsideFunction("page", "remember"),
        Output("collapse-address", "data"),
        Input("collapse-alpha", "value"),
        Input("collapse-band", "value"),
        State("collapse-defaults", "data"),
        prevent_initial_call=True,
    )


def _register_curves(app: Dash, client: AsyncClient) -> None:
    @app.callback(
        Output("collapse-base", "data"),
        Output("collapse-fitted", "data"),
        Input("study-revision", "data"),
        Input("collapse-cell", "data"),
        Input("collapse-band", "value"),
        Input("scheme", "data"),
        State("study-id", "data"),
        running=live.running("study", "drawing"),
    )
    async def draw(revision: str, cell: str | None, band: str, scheme: str | None, study_id: str) -> Any:
        view = CurveView(band_of(band), scheme=theme.scheme_of(scheme))
        result = CollapseResult.model_validate(await client.result(cell)) if cell else None
        asked = result.metric if result else None
        curves = await metric_choice.curves_of(client, study_id, asked)
        metric = metric_choice.chosen(asked, metric_choice.offered(curves))
        if metric is None:
            return empty_figure("The curves begin when the first machine is trained and judged", view.scheme), no_update
        fit = result.fit if result and result.metric == metric.name else None
        return collapse_figure(curves, metric.name, fit, view), fit.alpha if fit else no_update


def _register_fit(app: Dash, client: AsyncClient) -> None:
    @app.callback(Output("collapse-fit", "children"), Input("collapse-cell", "data"))
    async def fit(cell: str | None) -> Any:
        return fit_card(CollapseResult.model_validate(await client.result(cell)), cell) if cell else no_update


def fit_card(result: CollapseResult, cell: str) -> Component:
    """The fit in words and numbers, beside the second estimate."""
    fit, line = result.fit, result.line
    link = figure.data_link(f"/api/v1/cells/{cell}/result", f"collapse-{cell[:8]}")
    rows = [
        ("alpha", f"{scientific(fit.alpha)} ({interval_words(fit.alpha_interval)})"),
        ("Threshold", f"{scientific(fit.threshold)} ({interval_words(fit.threshold_interval)})"),
        ("Width, Q from 0.9 to 0.1", f"{scientific(fit.width)} of p ({interval_words(fit.width_interval)})"),
        ("Spread", f"{scientific(fit.spread)}; at alpha = 0 it is {scientific(fit.spread_unscaled)}"),
        ("Level spacing at the fall", scientific(fit.level_spacing)),
        ("Replicas", ", ".join(f"{n} at p0 = {p0:g}" for p0, n in _pairs(fit.initial_dilutions, fit.num_replicas))),
        ("Left out", ", ".join(f"p0 = {p0:g}" for p0 in fit.left_out)),
        ("By the half points", f"alpha {scientific(line.alpha)}, threshold {scientific(line.threshold)}"),
    ]
    known = [("Why not", fit.reason)] if fit.alpha is None else rows
    return figure.card("The fit", [dmc.Text(meaning(result), mb="sm", maw="46rem"), facts(known)], link)


def meaning(result: CollapseResult) -> str:
    """What the fit says, in one or two sentences."""
    fit = result.fit
    if fit.alpha is None or fit.threshold is None:
        return f"No alpha could be fitted: {fit.reason or 'the curves do not fall'}."
    words = f"A machine breaks near p = {fit.threshold:.2f} + {fit.alpha:.2f} p0."
    if fit.spread is not None and fit.spread_unscaled:
        words += f" At this alpha the curves spread {fit.spread / fit.spread_unscaled:.0%} as much as unmoved ones."
    low, high = fit.alpha_interval.low, fit.alpha_interval.high
    if low is not None and high is not None:
        inside = "contains" if low <= PAPER_ALPHA <= high else "does not contain"
        words += f" The interval of alpha {inside} the paper's {PAPER_ALPHA:g}."
    return words


def _pairs(dilutions: list[float], counts: list[int]) -> list[tuple[float, int]]:
    return list(zip(dilutions, counts, strict=False))
