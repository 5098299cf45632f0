"""Curves over replicas: mean line, band, single replicas and reference lines. Pure: messages to figure."""

from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from backend.contracts.messages import CurvePoint, Curves, CurveSeries, MetricInfo, ReferenceLine
from frontend.plots.bands import Band, edges
from frontend.theme import PALETTES, SYMBOLS, Scheme, colour_of, template, translucent
from frontend.wording import scientific

DASHES = ("dash", "dot", "dashdot", "longdash")


@dataclass(frozen=True)
class CurveView:
    """How curves are shown: state that lives in the page's address."""

    band: Band = "std"
    replicas: bool = False
    log_y: bool = False
    scheme: Scheme = "light"


def pruning_figure(curves: Curves, metric: str, view: CurveView) -> go.Figure:
    """A metric against the total pruning p: one curve for each initial dilution p0."""
    series = _of_metric(curves, metric)
    figure = go.Figure()
    for one in series:
        colour, symbol = _style(one, series, view.scheme)
        _add_series(figure, one, view, f"p<sub>0</sub> = {one.initial_dilution:g}", colour, symbol=symbol)
    _add_references(figure, [line for line in curves.references if line.metric == metric], series, view.scheme)
    _lay_out(figure, curves, _info(curves, metric), view)
    return figure


def training_figure(curves: Curves, view: CurveView) -> go.Figure:
    """All metrics of a training against its updates; colour is p0, the dash pattern is the metric."""
    figure = go.Figure()
    metrics = [info.name for info in curves.metrics]
    for one in curves.series:
        colour, _ = _style(one, curves.series, view.scheme)
        place = metrics.index(one.metric) if one.metric in metrics else 0
        name = f"p<sub>0</sub> = {one.initial_dilution:g}, {'test' if one.metric.endswith('_test') else 'train'}"
        _add_series(figure, one, view, name, colour, dash=("solid", *DASHES)[place % 5])
    _lay_out(figure, curves, curves.metrics[0] if curves.metrics else None, view)
    return figure


def empty_figure(text: str, scheme: Scheme) -> go.Figure:
    """No axes, one sentence: why nothing is drawn yet."""
    figure = go.Figure()
    figure.add_annotation(text=text, showarrow=False, font={"size": 14, "color": PALETTES[scheme].muted})
    figure.update_layout(template=template(scheme), xaxis_visible=False, yaxis_visible=False)
    return figure


def replica_counts(series: CurveSeries) -> str:
    """How many replicas stand behind a curve: `n = 3`, or `n = 1 to 3` while some are still missing."""
    counts = [point.n for point in series.points]
    low, high = min(counts, default=0), max(counts, default=0)
    return f"n = {low}" if low == high else f"n = {low} to {high}"


def _of_metric(curves: Curves, metric: str) -> list[CurveSeries]:
    return [series for series in curves.series if series.metric == metric and series.points]


def _info(curves: Curves, metric: str) -> MetricInfo | None:
    return next((info for info in curves.metrics if info.name == metric), None)


def _style(one: CurveSeries, series: Sequence[CurveSeries], scheme: Scheme) -> tuple[str, str]:
    values = sorted({other.initial_dilution for other in series})
    symbol = SYMBOLS[values.index(one.initial_dilution) % len(SYMBOLS)]
    return colour_of(one.initial_dilution, values, scheme), symbol


def _add_series(
    figure: go.Figure,
    series: CurveSeries,
    view: CurveView,
    name: str,
    colour: str,
    *,
    symbol: str | None = None,
    dash: str = "solid",
) -> None:
    group = f"{series.metric}/{series.initial_dilution:g}"
    if view.band != "none":
        _add_band(figure, series, view, group, colour)
    if view.replicas:
        _add_replicas(figure, series, group, colour)
    figure.add_scatter(
        x=[point.x for point in series.points],
        y=[point.mean for point in series.points],
        name=f"{name} ({replica_counts(series)})",
        legendgroup=group,
        mode="lines+markers" if symbol else "lines",
        line={"color": colour, "width": 2, "dash": dash},
        marker={"color": colour, "size": 7, "symbol": symbol or "circle"},
        customdata=[_spread(point) for point in series.points],
        hovertemplate=f"<b>{name}</b><br>x = %{{x:.4~g}}<br>mean %{{y:.3~g}}%{{customdata}}<extra></extra>",
    )


def _spread(point: CurvePoint) -> str:
    parts = [f"n = {point.n}"]
    if point.std is not None:
        parts.append(f"std {scientific(point.std)}")
    if point.ci_low is not None and point.ci_high is not None:
        parts.append(f"95 % CI {scientific(point.ci_low)} to {scientific(point.ci_high)}")
    return "<br>" + "<br>".join(parts)


def _add_band(figure: go.Figure, series: CurveSeries, view: CurveView, group: str, colour: str) -> None:
    pairs = [edges(point, view.band) for point in series.points]
    # A logarithmic axis has no place for an edge at or below zero: it is drawn far below the smallest replica.
    floor = min(point.minimum for point in series.points) / 100 if view.log_y else None
    low = [max(edge, floor) if floor is not None else edge for edge, _ in pairs]
    xs = [point.x for point in series.points]
    figure.add_scatter(
        x=[*xs, *reversed(xs)],
        y=[*[edge for _, edge in pairs], *reversed(low)],
        fill="toself",
        fillcolor=translucent(colour, 0.16),
        line={"width": 0},
        mode="lines",
        hoverinfo="skip",
        legendgroup=group,
        showlegend=False,
        name="band",
    )


def _add_replicas(figure: go.Figure, series: CurveSeries, group: str, colour: str) -> None:
    values = [(value.replica, point.x, value.value) for point in series.points for value in point.replicas]
    for replica in sorted({replica for replica, _, _ in values}):
        found = [(x, y) for owner, x, y in values if owner == replica]
        figure.add_scatter(
            x=[x for x, _ in found],
            y=[y for _, y in found],
            mode="lines+markers",
            line={"color": translucent(colour, 0.45), "width": 1},
            marker={"color": translucent(colour, 0.45), "size": 3},
            legendgroup=group,
            showlegend=False,
            name=f"replica {replica}",
            hovertemplate=f"replica {replica}<br>x = %{{x:.4~g}}<br>%{{y:.3~g}}<extra></extra>",
        )


def _add_references(
    figure: go.Figure, lines: Sequence[ReferenceLine], series: Sequence[CurveSeries], scheme: Scheme
) -> None:
    xs = [point.x for one in series for point in one.points] or [0.0, 1.0]
    for line, dash in zip(lines, DASHES, strict=False):
        figure.add_scatter(
            x=[min(xs), max(xs)],
            y=[line.value, line.value],
            mode="lines",
            name=line.label,
            line={"color": PALETTES[scheme].muted, "width": 1.5, "dash": dash},
            hovertemplate=f"{line.label}<br>%{{y:.3~g}}<extra></extra>",
        )


def _lay_out(figure: go.Figure, curves: Curves, info: MetricInfo | None, view: CurveView) -> None:
    unit = f" [{info.unit}]" if info and info.unit not in ("", "1") else ""
    figure.update_layout(
        template=template(view.scheme),
        xaxis_title=curves.x_label,
        yaxis_title=f"{info.label if info else 'value'}{unit}",
        yaxis_type="log" if view.log_y else "linear",
        yaxis_exponentformat="power",
        hovermode="closest",
        uirevision="keep",  # a live update leaves the reader's zoom and hidden curves alone
    )
