"""Results: every metric against the pruning level and against p0, and the samples behind the values."""

from collections.abc import Mapping, Sequence
from typing import Any

import dash_mantine_components as dmc
import plotly.graph_objects as go
from dash import ClientsideFunction, Dash, Input, Output, State, dcc, html, no_update
from dash.development.base_component import Component

from backend.client import AsyncClient
from backend.contracts.catalogue import catalogue
from backend.contracts.grid import TRAINED
from backend.contracts.messages import Analysis, Curves, MetricInfo, Study
from frontend import machine_classes, metric_choice, theme
from frontend.components import figure, live, samples
from frontend.components.controls import band_select, select, switch
from frontend.components.texts import code
from frontend.panels import Opened
from frontend.plots.bands import band_of
from frontend.plots.curves import CurveView, empty_figure, of_metric, pruning_figure
from frontend.plots.initial_dilution import dilution_figure, unpruned
from frontend.plots.panels import rows_of, side_by_side
from frontend.reproduce import FigureCode

TAB, LABEL, PLACE = "results", "Results", 1
_DEFAULTS = {"band": "std", "replicas": "", "log": "", "class": TRAINED}
# What one look at the curves fills.
_OUTPUTS = {
    "curves": ("study-curves", "figure"),
    "curves_size": ("study-curves", "style"),
    "dilutions": ("study-dilutions", "figure"),
    "dilutions_size": ("study-dilutions", "style"),
    "no_dilutions": ("study-dilutions-place", "hidden"),
    "note": ("study-curves-note", "children"),
    "metrics": ("study-metric", "data"),
    "metric": ("study-metric", "value"),
    "default": ("study-metric-default", "data"),
    "classes": ("study-class", "data"),
    "machine_class": ("study-class", "value"),
    "one_class": ("study-class-place", "hidden"),
}
CURVES_HEIGHT, DILUTIONS_HEIGHT, PANEL_HEIGHT, PANELS_WIDTH = 460, 380, 380, 760  # pixels
_WAITING = "The curve begins when the first machine is trained and judged"
_DILUTION_NOTE = (
    "Every machine as it was trained, at its own p0, before anything is pruned: does dilution before training cost "
    "quality? (Paper, figure 2.)"
)


def fits(study: Study, analyses: Sequence[Analysis]) -> bool:
    """A study that draws samples has curves."""
    return "generation" in study.parameters


def layout(opened: Opened) -> Component:
    """Curves against p, curves against p0, samples."""
    study_id, query = opened.study.id, opened.query
    csv, data = f"/api/v1/studies/{study_id}/curves.csv", f"/api/v1/studies/{study_id}/curves"
    asked = query.get("class", TRAINED)
    controls = [
        select("study-metric", "Metric", {}, query.get("metric") or None, 250),
        html.Div(
            select("study-class", "Machines", {asked: machine_classes.label(asked)}, asked, 190),
            id="study-class-place",
            hidden=True,
        ),
        band_select("study-band", query.get("band")),
        switch("study-replicas", "replicas", query),
        switch("study-log", "log", query),
    ]
    curves = figure.card(
        "Quality against pruning",
        [
            dmc.Group(controls, gap="sm"),
            html.Div(id="study-curves-note", style={"marginTop": 10}),
            html.Div(figure.graph("study-curves", height=CURVES_HEIGHT, opens=True), className="scroll"),
        ],
        figure.exports("study-curves", f"curves-{study_id}", csv, data, making=(TAB, "curves")),
    )
    dilutions = figure.card(
        "Quality against initial dilution",
        html.Div(figure.graph("study-dilutions", height=DILUTIONS_HEIGHT, opens=True), className="scroll"),
        figure.exports("study-dilutions", f"dilutions-{study_id}", data=data, making=(TAB, "dilutions")),
        note=_DILUTION_NOTE,
    )
    browser = html.Div(samples.browser(samples.EMPTY, None, None), id="study-samples")
    stores = [
        dcc.Store(id="samples-index"),
        dcc.Store(id="study-curves-defaults", data=_DEFAULTS),
        dcc.Store(id="study-metric-default"),
        dcc.Store(id="study-curves-address"),
        dcc.Store(id="study-metric-address"),
    ]
    return html.Div([*stores, dmc.Stack([curves, html.Div(dilutions, id="study-dilutions-place"), browser], gap="md")])


async def fill(client: AsyncClient, opened: Opened, content: Component) -> None:
    """Put the figures into a new panel, so that nobody waits for a second answer; samples follow."""
    query = opened.query
    asked = {"metric": query.get("metric") or None, "class": query.get("class", TRAINED)}
    shown = await _look(client, opened.study.id, asked, {**_controls(query), "scheme": opened.scheme})
    for name, (identity, attribute) in _OUTPUTS.items():
        if shown[name] is not no_update:
            setattr(content[identity], attribute, shown[name])


def _controls(query: Mapping[str, str]) -> dict[str, str | None]:
    return {name: query.get(name) for name in ("band", "replicas", "log")}


def figure_code(part: str, opened: Opened) -> FigureCode:
    """The code of `curves` or `dilutions`."""
    query = opened.query
    metrics = metric_choice.named(metric_choice.likely(query.get("metric"), opened.study))
    if part == "dilutions":
        imports: tuple[str, ...] = (
            "from frontend.plots.curves import CurveView",
            "from frontend.plots.initial_dilution import dilution_figure",
        )
        panel = "dilution_figure(curves, {}, view)"
    else:
        imports = ("from frontend.plots.curves import CurveView, pruning_figure",)
        panel = f"pruning_figure(curves, {{}}, view, {query.get('class', TRAINED)!r})"
    view = f"view = {view_of({**_controls(query), 'scheme': None})!r}"
    if len(metrics) == 1:
        (metric,) = metrics
        lines = (f"curves = study.curves(metric={metric!r})", view, f"figure = {panel.format(repr(metric))}")
    else:
        imports += ("from frontend.plots.panels import side_by_side",)
        asked = ("metrics = [", *(f"    {metric!r}," for metric in metrics), "]")
        fetch = ("curves = study.curves(metric=metrics)", "measured = {series.metric for series in curves.series}")
        each = f"{panel.format('metric')} for metric in metrics if metric in measured"
        lines = (*asked, *fetch, view, f"figure = side_by_side([{each}])")
    return FigureCode(imports, lines, curves="?" + "&".join(f"metric={metric}" for metric in metrics))


def register(app: Dash, client: AsyncClient) -> None:
    """Figures and samples by revision (cells done) and controls; controls in the address."""
    figure.register_opening(app, "study-curves")
    figure.register_opening(app, "study-dilutions")
    _register_address(app)
    _register_figures(app, client)
    _register_samples(app, client)


def _register_address(app: Dash) -> None:
    app.clientside_callback(
        ClientsideFunction("page", "remember"),
        Output("study-curves-address", "data"),
        Input("study-band", "value"),
        Input("study-replicas", "checked"),
        Input("study-log", "checked"),
        Input("study-class", "value"),
        State("study-curves-defaults", "data"),
        prevent_initial_call=True,
    )
    app.clientside_callback(
        ClientsideFunction("page", "remember"),
        Output("study-metric-address", "data"),
        Input("study-metric", "value"),
        State("study-metric-default", "data"),
        prevent_initial_call=True,
    )


def _register_figures(app: Dash, client: AsyncClient) -> None:
    @app.callback(
        output={name: Output(*place) for name, place in _OUTPUTS.items()},
        inputs={
            "revision": Input("study-revision", "data"),
            "asked": {"metric": Input("study-metric", "value"), "class": Input("study-class", "value")},
            "view": {
                "band": Input("study-band", "value"),
                "replicas": Input("study-replicas", "checked"),
                "log": Input("study-log", "checked"),
                "scheme": Input("scheme", "data"),
            },
        },
        state={"study_id": State("study-id", "data")},
        running=live.running("study", "drawing"),
        prevent_initial_call=True,  # the panel has what is there now
    )
    async def draw(revision: str, asked: dict[str, Any], view: dict[str, Any], study_id: str) -> Any:
        return await _look(client, study_id, asked, view)


def _register_samples(app: Dash, client: AsyncClient) -> None:
    @app.callback(
        Output("study-samples", "children"),
        Output("samples-index", "data"),
        Input("study-revision", "data"),
        Input("study-class", "value"),
        State("study-id", "data"),
        State("samples-index", "data"),
        State("samples-at", "data"),
    )
    async def show(
        revision: str, machine_class: str, study_id: str, old: samples.Index | None, at: dict[str, str] | None
    ) -> Any:
        # Every cell has a value of the first metric: others are undefined where a machine is broken.
        curves = await metric_choice.curves_of(client, study_id, None)
        index = samples.index_of(curves, class_shown(curves, machine_class), metric_choice.FEW_REPLICAS)
        place = at or {}
        same = samples.same_frame(old, index)
        frame = no_update if same else samples.browser(index, place.get("p"), place.get("replica"))
        return frame, no_update if old == index else index


async def _look(client: AsyncClient, study_id: str, asked: dict[str, Any], view: dict[str, Any]) -> dict[str, Any]:
    """What fills `_OUTPUTS` for what the controls ask."""
    curves = await metric_choice.curves_of(client, study_id, asked["metric"], replicas=bool(view["replicas"]))
    return figures(curves, asked["metric"], asked["class"], view_of(view))


def figures(curves: Curves, asked: str | None, machine_class: str, view: CurveView) -> dict[str, Any]:
    """What the controls offer and what the figures show."""
    metrics = metric_choice.offered(curves)
    chosen = metric_choice.shown(asked, metrics)
    if not chosen or not curves.series:
        waiting = empty_figure(_WAITING, view.scheme)
        drawn = {"curves": waiting, "dilutions": waiting, "no_dilutions": True}
        return dict.fromkeys(_OUTPUTS, no_update) | drawn
    classes = machine_classes.ordered(one.machine_class for one in curves.series)
    shown = class_shown(curves, machine_class)
    names = [one.name for one in chosen]
    value = names[0] if len(names) == 1 else metric_choice.PAPER
    return {
        "curves": _panels([pruning_figure(curves, name, view, shown) for name in names]),
        "curves_size": _size(CURVES_HEIGHT, len(names)),
        "dilutions": _panels([dilution_figure(curves, name, view) for name in names]),
        "dilutions_size": _size(DILUTIONS_HEIGHT, len(names)),
        "no_dilutions": not any(unpruned(curves, name) for name in names),
        "note": note(chosen, any(of_metric(curves, name, shown) for name in names)),
        "metrics": _offered(metrics),
        "metric": no_update if value == asked else value,
        "default": {"metric": metrics[0].name},
        "classes": [{"value": one, "label": machine_classes.label(one)} for one in classes],
        "machine_class": no_update if shown == machine_class else shown,
        "one_class": len(classes) == 1,
    }


def _panels(figures: list[go.Figure]) -> go.Figure:
    return figures[0] if len(figures) == 1 else side_by_side(figures)


def _size(height: int, panels: int) -> dict[str, Any]:
    """Panels are as high as two of them need, and wider than a telephone."""
    return figure.size(height) if panels == 1 else figure.size(PANEL_HEIGHT * rows_of(panels), PANELS_WIDTH)


def _offered(metrics: Sequence[MetricInfo]) -> list[dict[str, str]]:
    """What the reader can choose from: every metric, and those of the paper together."""
    together = {"value": metric_choice.PAPER, "label": "All metrics of the paper"}
    several = len(metric_choice.of_paper(metrics)) > 1
    return [*([together] if several else []), *({"value": one.name, "label": one.label} for one in metrics)]


def class_shown(curves: Curves, asked: str | None) -> str:
    """The class of machines that is asked for if there are some, else the first that there is."""
    classes = machine_classes.ordered(one.machine_class for one in curves.series)
    return asked if asked in classes else next(iter(classes), TRAINED)


def view_of(controls: dict[str, Any]) -> CurveView:
    """The view that the controls ask for."""
    scheme = theme.scheme_of(controls["scheme"])
    return CurveView(band_of(controls["band"]), bool(controls["replicas"]), bool(controls["log"]), scheme)


def setting(metric: MetricInfo) -> str:
    """How many chains are behind every value of a metric, and how long they ran; nothing where none were."""
    if metric.num_samples is None or metric.gibbs_steps is None:
        return ""
    behind = catalogue().metric_behind(metric.name)
    if behind is not None and behind[0].needs == "machine":
        return f"{metric.num_samples:,} annealed chains over {metric.gibbs_steps:,} temperatures for every value. "
    return f"{metric.num_samples:,} samples after {metric.gibbs_steps:,} Gibbs steps for every value. "


def note(metrics: Sequence[MetricInfo], measured: bool = True) -> Component:
    """How the values were measured: samples, steps, and of a single metric its formula and source."""
    if not measured:
        return dmc.Text("These machines have no value of this metric yet.", size="sm", c="dimmed", mb="xs")
    first = metrics[0]
    words: list[Any] = [setting(first)]
    if len(metrics) == 1:
        better = {"lower": "Lower is better. ", "higher": "Higher is better. ", "none": ""}[first.better]
        words += [better, *([code(first.formula)] if first.formula else []), f" ({first.source}). "]
    words.append("Click a point to open its machine in the explorer, pruned to that level.")
    return dmc.Text(words, size="sm", c="dimmed", mb="xs", maw="60rem")
