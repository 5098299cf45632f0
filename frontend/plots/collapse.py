"""Collapse: quality against p* = p - alpha p0, on which one curve is enough (paper, figure 4a)."""

import plotly.graph_objects as go

from backend.contracts.messages import Curves
from backend.contracts.results import CollapseFit, Interval
from frontend.plots.curves import CurveView, Look, add_series, info_of, lay_out, name_of, of_metric
from frontend.theme import PALETTES, SYMBOLS, colour_of, rgb, translucent
from frontend.wording import scientific

X_TITLE = "p* = p - alpha p<sub>0</sub>"
LOW, HIGH = -0.5, 1.5
"""The alphas that can be chosen: those that the fit searches."""


def collapse_figure(curves: Curves, metric: str, fit: CollapseFit | None, view: CurveView) -> go.Figure:
    """The curves of the trained machines at alpha = 0. The browser moves each by `meta.initial_dilution` alpha.

    The threshold, with its interval, belongs to the fitted alpha and stays where it is.
    """
    series = [one for one in of_metric(curves, metric) if fit is None or one.initial_dilution in read_by(fit)]
    ranks = [one.initial_dilution for one in series]
    figure = go.Figure()
    for place, one in enumerate(series):
        colour = colour_of(one.initial_dilution, ranks, view.scheme)
        add_series(figure, one, view, Look(name_of(one), colour, SYMBOLS[place % len(SYMBOLS)]), curves.pruning_rule)
    values = [one.value for series_ in series for point in series_.points for one in point.replicas]
    if fit is not None and fit.threshold is not None and values:
        _add_threshold(figure, fit, (min(0.0, *values), max(1.0, *values)), view)
    lay_out(figure, X_TITLE, info_of(curves, metric), view)
    figure.update_layout(uirevision="collapse")
    return figure


def moved(figure: go.Figure, alpha: float) -> go.Figure:
    """The figure with each curve at p - alpha p0, as the page's slider shows it."""
    for trace in figure.data:
        if trace.meta:
            trace.x = [None if x is None else x - alpha * trace.meta["initial_dilution"] for x in trace.x]
    return figure


def read_by(fit: CollapseFit) -> set[float]:
    """The initial dilutions whose curves the fit has read; a study may have further machines."""
    return {*fit.initial_dilutions, *fit.left_out}


def _add_threshold(figure: go.Figure, fit: CollapseFit, height: tuple[float, float], view: CurveView) -> None:
    muted, (bottom, top) = rgb(PALETTES[view.scheme].muted), height
    low, high = fit.threshold_interval.low, fit.threshold_interval.high
    name = f"threshold {scientific(fit.threshold)}"
    if low is not None and high is not None:
        figure.add_scatter(
            x=[low, high, high, low], y=[bottom, bottom, top, top], fill="toself", mode="lines", name="band",
            fillcolor=translucent(muted, 0.2), line={"width": 0}, hoverinfo="skip", showlegend=False,
            legendgroup="threshold",
        )  # fmt: skip
        name += f" ({interval_words(fit.threshold_interval)})"
    figure.add_scatter(
        x=[fit.threshold, fit.threshold], y=[bottom, top], mode="lines", name=name, legendgroup="threshold",
        line={"color": muted, "width": 1.5, "dash": "dash"}, hovertemplate=f"{name}<extra></extra>",
    )  # fmt: skip


def interval_words(interval: Interval) -> str:
    """`95 % CI 0.41 to 0.47`, or why there is none."""
    if interval.low is None or interval.high is None:
        return "no interval: too few replicas"
    return f"95 % CI {scientific(interval.low)} to {scientific(interval.high)}"
