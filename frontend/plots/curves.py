"""Curves over replicas: mean line, band, single replicas and reference lines. Pure: messages to figure."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from backend.contracts.grid import TRAINED
from backend.contracts.messages import CurvePoint, Curves, CurveSeries, MetricInfo, ReferenceLine
from frontend import machine_classes
from frontend.explorer.address import explorer_at
from frontend.plots.bands import Band, edges
from frontend.theme import PALETTES, SYMBOLS, Scheme, colour_of, rgb, template, translucent
from frontend.wording import scientific

POWERS_SIZE = 10
MOST_OPENING = 24
"""Replicas of a curve that are drawn as traces of their own, each with a way to its machine."""
DASHES = ("dash", "dot", "dashdot", "longdash")


@dataclass(frozen=True)
class CurveView:
    """How curves are shown: state that lives in the page's address."""

    band: Band = "std"
    replicas: bool = False
    log_y: bool = False
    scheme: Scheme = "light"


@dataclass(frozen=True)
class Look:
    """Name, colour, marker and dash pattern of one curve."""

    name: str
    colour: str
    symbol: str | None = None
    dash: str = "solid"


def pruning_figure(curves: Curves, metric: str, view: CurveView, machine_class: str = TRAINED) -> go.Figure:
    """A metric against the total pruning p: one curve for each initial dilution p0 of one class of machines."""
    series = of_metric(curves, metric, machine_class)
    figure = go.Figure()
    for place, one in enumerate(series):
        colour = colour_of(_rank(one), [_rank(other) for other in series], view.scheme)
        add_series(figure, one, view, Look(name_of(one), colour, SYMBOLS[place % len(SYMBOLS)]), curves.pruning_rule)
    lines = [line for line in curves.references if line.metric == metric]
    add_references(figure, lines, [point.x for one in series for point in one.points], view)
    lay_out(figure, curves.x_label, info_of(curves, metric), view)
    return figure


def training_figure(curves: Curves, view: CurveView) -> go.Figure:
    """All metrics of a training against its updates; colour is p0, the dash pattern is the metric.

    The legend has each kind of machine once: its other metrics come and go with it.
    """
    figure = go.Figure()
    metrics = [info.name for info in curves.metrics]
    ranks = [_rank(one) for one in curves.series]
    for one in curves.series:
        place = metrics.index(one.metric) if one.metric in metrics else 0
        name = f"{name_of(one)}, {'test' if one.metric.endswith('_test') else 'train'}"
        if one.machine_class != TRAINED:
            name = f"{machine_classes.label(one.machine_class)}, {name}"
        dash = ("solid", *DASHES)[place % 5]
        add_series(figure, one, view, Look(name, colour_of(_rank(one), ranks, view.scheme), dash=dash))
    for trace in figure.data:
        _, _, kind = trace.legendgroup.partition("/")
        trace.update(legendgroup=kind, showlegend=trace.line.dash == "solid")
    lay_out(figure, curves.x_label, curves.metrics[0] if curves.metrics else None, view)
    figure.update_layout(legend_maxheight=0.3)
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


def name_of(series: CurveSeries) -> str:
    """A curve by its initial dilution, and by where its machines were pruned before their last training."""
    start = f"p<sub>0</sub> = {series.initial_dilution:g}"
    return start if series.pruned_to is None else f"{start}, pruned to {series.pruned_to:g}"


def of_metric(curves: Curves, metric: str, machine_class: str = TRAINED) -> list[CurveSeries]:
    """The curves of a metric and a class that have points, by p0 and by the level of their pruning."""
    found = [one for one in curves.series if (one.metric, one.machine_class) == (metric, machine_class) and one.points]
    return sorted(found, key=lambda one: (one.initial_dilution, one.pruned_to or 0.0))


def info_of(curves: Curves, metric: str) -> MetricInfo | None:
    """What is said of a metric."""
    return next((info for info in curves.metrics if info.name == metric), None)


def _rank(series: CurveSeries) -> float:
    # Curves of one p0 keep their colours beside each other, ordered by the level of their pruning.
    return series.initial_dilution + (series.pruned_to or 0.0) * 1e-3


def add_series(
    figure: go.Figure, series: CurveSeries, view: CurveView, look: Look, pruning_rule: str | None = None
) -> None:
    """One curve with its band and its replicas. A click on it leads to a machine: `customdata` is [words, address].

    `pruning_rule`: where x is a pruning level, how the machines were pruned to it.
    """
    group = f"{series.metric}/{series.machine_class}/{series.initial_dilution:g}/{series.pruned_to}"
    if view.band != "none":
        _add_band(figure, series, view, group, look.colour)
    if view.replicas:
        _add_replicas(figure, series, group, look.colour, pruning_rule)
    figure.add_scatter(
        x=[point.x for point in series.points],
        y=[point.mean for point in series.points],
        name=f"{look.name} ({replica_counts(series)})",
        legendgroup=group,
        mode="lines+markers" if look.symbol else "lines",
        line={"color": look.colour, "width": 2, "dash": look.dash},
        marker={"color": look.colour, "size": 7, "symbol": look.symbol or "circle"},
        customdata=[[_spread(point), machine_at(point, pruning_rule)] for point in series.points],
        hovertemplate=f"<b>{look.name}</b><br>x = %{{x:.4~g}}<br>mean %{{y:.3~g}}%{{customdata[0]}}<extra></extra>",
        meta={"initial_dilution": series.initial_dilution},
    )


def machine_at(point: CurvePoint, pruning_rule: str | None, replica: int | None = None) -> str | None:
    """The way to a machine of a point: that of a replica, else of the first; pruned to its level in the explorer."""
    for one in point.replicas:
        if one.machine_id and replica in (None, one.replica):
            return explorer_at(one.machine_id, point.x, pruning_rule) if pruning_rule else f"/machines/{one.machine_id}"
    return None


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
        meta={"initial_dilution": series.initial_dilution},
        legendgroup=group,
        **_area(colour),
    )


def _area(colour: str, opacity: float = 0.16) -> Mapping[str, object]:
    return {
        "fill": "toself",
        "fillcolor": translucent(colour, opacity),
        "line": {"width": 0},
        "mode": "lines",
        "hoverinfo": "skip",
        "showlegend": False,
        "name": "band",
    }


def _by_replica(series: CurveSeries) -> dict[int, list[tuple[CurvePoint, float]]]:
    found: dict[int, list[tuple[CurvePoint, float]]] = defaultdict(list)
    for point in series.points:
        for one in point.replicas:
            found[one.replica].append((point, one.value))
    return dict(sorted(found.items()))


def _add_replicas(figure: go.Figure, series: CurveSeries, group: str, colour: str, pruning_rule: str | None) -> None:
    replicas = _by_replica(series)
    if len(replicas) > MOST_OPENING:
        _add_many_replicas(figure, series, group, colour, list(replicas.values()))
        return
    for replica, found in replicas.items():
        figure.add_scatter(
            x=[point.x for point, _ in found],
            y=[value for _, value in found],
            mode="lines+markers",
            line={"color": translucent(colour, 0.45), "width": 1},
            marker={"color": translucent(colour, 0.45), "size": 3},
            legendgroup=group,
            showlegend=False,
            name=f"replica {replica}",
            customdata=[["", machine_at(point, pruning_rule, replica)] for point, _ in found],
            hovertemplate=f"replica {replica}<br>x = %{{x:.4~g}}<br>%{{y:.3~g}}<extra></extra>",
            meta={"initial_dilution": series.initial_dilution},
        )


def _add_many_replicas(
    figure: go.Figure,
    series: CurveSeries,
    group: str,
    colour: str,
    replicas: Sequence[Sequence[tuple[CurvePoint, float]]],
) -> None:
    """Hundreds of replicas as one line with gaps: a trace for each would take the browser seconds."""
    gap = [None]
    figure.add_scatter(
        x=[x for found in replicas for x in [*(point.x for point, _ in found), *gap]],
        y=[y for found in replicas for y in [*(value for _, value in found), *gap]],
        mode="lines",
        line={"color": translucent(colour, max(0.08, 8 / len(replicas))), "width": 1, "simplify": False},
        hoverinfo="skip",
        legendgroup=group,
        showlegend=False,
        name=f"{len(replicas)} replicas",
        meta={"initial_dilution": series.initial_dilution},
    )


def add_references(figure: go.Figure, lines: Sequence[ReferenceLine], xs: Sequence[float], view: CurveView) -> None:
    """Where the metric means something fixed, from the first x to the last: a line, and its interval as a band."""
    muted = rgb(PALETTES[view.scheme].muted)
    first, last = min(xs, default=0.0), max(xs, default=1.0)
    for line, dash in zip(lines, DASHES, strict=False):
        interval = ""
        if line.low is not None and line.high is not None:
            interval = f"<br>95 % interval {scientific(line.low)} to {scientific(line.high)}"
            ys = [line.high, line.high, line.low, line.low]
            figure.add_scatter(x=[first, last, last, first], y=ys, legendgroup=line.label, **_area(muted, 0.22))
        figure.add_scatter(
            x=[first, last],
            y=[line.value, line.value],
            mode="lines",
            name=line.label,
            legendgroup=line.label,
            line={"color": muted, "width": 1.5, "dash": dash},
            hovertemplate=f"{line.label}<br>%{{y:.3~g}}{interval}<extra></extra>",
        )


def lay_out(figure: go.Figure, x_title: str, info: MetricInfo | None, view: CurveView) -> None:
    """Axes in the words of the metric, in the colours of the theme."""
    unit = f" [{info.unit}]" if info and info.unit not in ("", "1") else ""
    figure.update_layout(
        template=template(view.scheme),
        xaxis_title=x_title,
        yaxis_title=f"{info.label if info else 'value'}{unit}",
        yaxis_type="log" if view.log_y else "linear",
        yaxis_exponentformat="power",
        # Plotly draws powers of ten a quarter larger than other ticks.
        yaxis_tickfont_size=POWERS_SIZE if view.log_y else None,
        hovermode="closest",
        uirevision="keep",  # a live update leaves the reader's zoom and hidden curves alone
    )
