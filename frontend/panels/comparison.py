"""Comparison: for each pair (p0, p) the curves of every class of machines, and their paired differences."""

from collections.abc import Iterator, Sequence
from typing import Any

import dash_mantine_components as dmc
from dash import ALL, ClientsideFunction, Dash, Input, Output, State, ctx, dcc, html, no_update
from dash.development.base_component import Component

from backend.client import AsyncClient
from backend.contracts.grid import FROZEN, REFERENCE, RETRAINED, SAME_MASK
from backend.contracts.messages import Analysis, Study
from backend.contracts.results import ComparisonResult, Group, PairedResult
from frontend import machine_classes, metric_choice, theme
from frontend.components import analysis, figure, live
from frontend.components.controls import band_select, select, switch
from frontend.panels import Opened
from frontend.plots.bands import band_of
from frontend.plots.comparison import comparison_figure
from frontend.plots.curves import CurveView, empty_figure
from frontend.reproduce import FigureCode
from frontend.wording import scientific

TAB, LABEL, PLACE = "comparison", "Comparison", 30
TABLE = "comparison-table"
_COLUMNS = ("p0, p", "Quantity", "Class", "Mean ± std", "n", "Difference to reference", "95 % interval", "p", "Pairs")
_NOTE = (
    "Difference: class - reference of the same replica, then the mean over the pairs; interval by Student's t; p of "
    "the two-sided sign-flip test, which with n pairs cannot be below 2 / 2^n."
)


def fits(study: Study, analyses: Sequence[Analysis]) -> bool:
    """A study with a comparison among its analyses."""
    return analysis.find(list(analyses), "comparison") is not None


def pairs_of(study: Study) -> list[tuple[float, float]]:
    """The pairs (p0, p) that a study compares: those it lists, or its p0 with each of its steps."""
    if "pairs" in study.parameters:
        return [(float(p0), float(p)) for p0, p in study.parameters["pairs"]]
    first = float(study.parameters.get("initial_dilution", 0.0))
    return [(first, float(step)) for step in study.parameters.get("steps", [])]


def layout(opened: Opened) -> Component:
    """A figure for each pair at once; the table with the result."""
    query, pairs = opened.query, pairs_of(opened.study)
    controls = [
        select("comparison-metric", "Metric", {}, query.get("metric") or None, 250),
        band_select("comparison-band", query.get("band")),
        switch("comparison-replicas", "replicas", query),
    ]
    figures = [_figure(opened.study.id, p0, p) for p0, p in pairs]
    meanings = [
        dmc.Text([html.B(machine_classes.label(name)), f": {machine_classes.MEANINGS[name]}"], size="sm", c="dimmed")
        for name in classes_of(opened.study)
    ]
    head = html.Div([dmc.Group(controls, gap="sm", mb="xs"), dmc.Group(meanings, gap="md", mb="md")])
    grid = dmc.SimpleGrid(figures, cols={"base": 1, "md": 2 if len(figures) > 1 else 1}, spacing="md")
    return html.Div(
        [
            dcc.Store(id="comparison-address"),
            dcc.Store(id="comparison-opened"),
            dcc.Store(id="comparison-defaults", data={"band": "std", "replicas": ""}),
            analysis.frame(TAB, html.Div(id="comparison-differences"), always=html.Div([head, grid])),
        ]
    )


def figure_code(part: str, opened: Opened) -> FigureCode:
    """The code of the figure of one pair."""
    query = opened.query
    metric = metric_choice.likely(query.get("metric"), opened.study)
    p0, p = _pair_of(part)
    imports = (
        "from frontend.plots.comparison import comparison_figure",
        "from frontend.plots.curves import CurveView",
    )
    lines = (
        f"curves = study.curves(metric={metric!r})",
        f"view = {CurveView(band_of(query.get('band')), query.get('replicas') == '1')!r}",
        f"figure = comparison_figure(curves, {metric!r}, {p0!r}, {p!r}, view)",
    )
    return FigureCode(imports, lines, curves=f"?metric={metric}")


def classes_of(study: Study) -> list[str]:
    """The classes of machines that a study compares."""
    own = study.parameters.get("schedules", [RETRAINED])
    # A study of pairs that says nothing of it trains them.
    same_mask = study.parameters.get("same_mask", "pairs" in study.parameters)
    return machine_classes.ordered([FROZEN, REFERENCE, *own, *([SAME_MASK] if same_mask else [])])


def _figure(study_id: str, p0: float, p: float) -> Component:
    identity = {"type": "comparison-curves", "pair": f"{p0:g} to {p:g}"}
    title = ["p", html.Sub("0"), f" = {p0:g}, pruned to p = {p:g}"]
    exports = figure.exports(
        identity,
        f"comparison-{p0:g}-{p:g}-{study_id}",
        data=f"/api/v1/studies/{study_id}/curves",
        making=(TAB, identity["pair"]),
    )
    return figure.card(title, figure.graph(identity, height=380), exports)


def register(app: Dash, client: AsyncClient) -> None:
    """Figures by revision, the table by result."""
    analysis.register(app, client, TAB, "comparison")
    app.clientside_callback(
        ClientsideFunction("page", "remember"),
        Output("comparison-address", "data"),
        Input("comparison-metric", "value"),
        Input("comparison-band", "value"),
        Input("comparison-replicas", "checked"),
        State("comparison-defaults", "data"),
        prevent_initial_call=True,
    )
    app.clientside_callback(
        ClientsideFunction("page", "followAny"),
        Output("comparison-opened", "data"),
        Input({"type": "comparison-curves", "pair": ALL}, "clickData"),
        prevent_initial_call=True,
    )
    _register_figures(app, client)
    _register_differences(app, client)


def _register_figures(app: Dash, client: AsyncClient) -> None:
    @app.callback(
        Output({"type": "comparison-curves", "pair": ALL}, "figure"),
        Output("comparison-metric", "data"),
        Output("comparison-metric", "value"),
        Output("comparison-defaults", "data"),
        Input("study-revision", "data"),
        Input("comparison-metric", "value"),
        Input("comparison-band", "value"),
        Input("comparison-replicas", "checked"),
        Input("scheme", "data"),
        State("study-id", "data"),
        running=live.running("study", "drawing"),
    )
    async def draw(revision: str, asked: str | None, *controls: Any) -> Any:
        band, replicas, scheme, study_id = controls
        view = CurveView(band_of(band), bool(replicas), scheme=theme.scheme_of(scheme))
        pairs = [_pair_of(one["id"]["pair"]) for one in ctx.outputs_list[0]]
        curves = await metric_choice.curves_of(client, study_id, asked, replicas=view.replicas)
        metrics = metric_choice.offered(curves)
        metric = metric_choice.chosen(asked, metrics)
        if metric is None:
            waiting = empty_figure("The curves begin when the first machines are judged", view.scheme)
            return [waiting] * len(pairs), no_update, no_update, no_update
        return (
            [comparison_figure(curves, metric.name, p0, p, view) for p0, p in pairs],
            [{"value": one.name, "label": one.label} for one in metrics],
            no_update if metric.name == asked else metric.name,
            {"band": "std", "replicas": "", "metric": metrics[0].name},
        )


def _pair_of(name: str) -> tuple[float, float]:
    first, _, last = name.partition(" to ")
    return float(first), float(last)


def _register_differences(app: Dash, client: AsyncClient) -> None:
    @app.callback(Output("comparison-differences", "children"), Input("comparison-cell", "data"))
    async def differences(cell: str | None) -> Any:
        return differences_card(ComparisonResult.model_validate(await client.result(cell)), cell) if cell else no_update


def differences_card(result: ComparisonResult, cell: str) -> Component:
    """Every quantity of every class, and its paired difference to the reference."""
    rows = [html.Tr([html.Td(value) for value in row]) for row in rows_of(result)]
    head = html.Thead(html.Tr([html.Th(name) for name in _COLUMNS]))
    table = html.Div(html.Table([head, html.Tbody(rows)], className="values"), className="scroll", id=TABLE)
    exports = [
        figure.exports(TABLE, f"comparison-{cell[:8]}", data=f"/api/v1/cells/{cell}/result", pictures=False),
    ]
    return html.Div(figure.card("Differences to the reference", table, *exports, note=_NOTE), style={"marginTop": 16})


def rows_of(result: ComparisonResult) -> Iterator[tuple[str, ...]]:
    """The rows of the table, in the order of `_COLUMNS`."""
    for pair in result.pairs:
        for quantity in pair.quantities:
            groups = {group.machine_class: group for group in quantity.groups}
            for name in machine_classes.ordered(groups):
                difference = quantity.differences.get(name)
                yield (
                    f"{pair.initial_dilution:g}, {pair.pruning:g}",
                    quantity.label,
                    machine_classes.label(name),
                    _mean(groups[name]),
                    _count(groups[name]),
                    *(_difference(difference) if difference else ("reference", "", "", "")),
                )


def _mean(group: Group) -> str:
    spread = "" if group.std is None else f" ± {scientific(group.std)}"
    return f"{scientific(group.mean)}{spread}"


def _count(group: Group) -> str:
    return f"{group.n} ({group.missing} undefined)" if group.missing else str(group.n)


def _difference(one: PairedResult) -> tuple[str, str, str, str]:
    if one.mean is None:
        return one.reason or "undefined", "", "", str(one.n)
    low, high = one.t_interval.low, one.t_interval.high
    interval = "none: too few pairs" if low is None or high is None else f"{low:+.3g} to {high:+.3g}"
    p = "n/a" if one.p_value is None else f"{one.p_value:.2g}"
    return f"{one.mean:+.3g}", interval, p, str(one.n)
