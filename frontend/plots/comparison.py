"""Pruning curves of the classes of machines of one pair (p0, p) (paper, figure 5)."""

from collections.abc import Mapping

import plotly.graph_objects as go

from backend.contracts.grid import FROZEN, REFERENCE, TRAINED
from backend.contracts.messages import Curves, CurveSeries
from frontend import machine_classes
from frontend.plots.curves import CurveView, Look, add_references, add_series, info_of, lay_out


def comparison_figure(
    curves: Curves, metric: str, initial_dilution: float, pruning: float, view: CurveView
) -> go.Figure:
    """A metric from p on: frozen, retrained, reference, same mask, and whatever else the study trains at p."""
    figure = go.Figure()
    series = classes_of_pair(curves, metric, initial_dilution, pruning)
    for name, one in series.items():
        look = Look(
            machine_classes.label(name), machine_classes.colour(name, view.scheme), machine_classes.symbol(name)
        )
        add_series(figure, one, view, look, curves.pruning_rule)
    lines = [line for line in curves.references if line.metric == metric]
    add_references(figure, lines, [point.x for one in series.values() for point in one.points], view)
    lay_out(figure, curves.x_label, info_of(curves, metric), view)
    return figure


def classes_of_pair(curves: Curves, metric: str, initial_dilution: float, pruning: float) -> Mapping[str, CurveSeries]:
    """The curve of each class from p on. Frozen machines are the trained ones, pruned to p."""
    found: dict[str, CurveSeries] = {}
    for one in curves.series:
        name = _class_in_pair(one, initial_dilution, pruning)
        points = [point for point in one.points if point.x >= pruning]
        if one.metric == metric and name and points:
            found[name] = one.model_copy(update={"machine_class": name, "points": points})
    return {name: found[name] for name in machine_classes.ordered(found)}


def _class_in_pair(series: CurveSeries, initial_dilution: float, pruning: float) -> str | None:
    if series.machine_class != TRAINED:
        return (
            series.machine_class if (series.initial_dilution, series.pruned_to) == (initial_dilution, pruning) else None
        )
    return {initial_dilution: FROZEN, pruning: REFERENCE}.get(series.initial_dilution)
