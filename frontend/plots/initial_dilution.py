"""Quality against p0: every machine as it was trained, before anything is pruned (paper, figure 2)."""

import plotly.graph_objects as go

from backend.contracts.messages import CurvePoint, Curves, CurveSeries
from frontend.plots.curves import CurveView, Look, add_references, add_series, info_of, lay_out, of_metric
from frontend.theme import CATEGORIES

X_TITLE = "initial dilution p<sub>0</sub>"


def dilution_figure(curves: Curves, metric: str, view: CurveView) -> go.Figure:
    """A metric of each trained machine at its own p0: mean, band and replicas."""
    points = unpruned(curves, metric)
    figure = go.Figure()
    if points:
        series = CurveSeries(
            metric=metric, machine_class="trained", initial_dilution=0.0, pruned_to=None, points=points
        )
        look = Look("before pruning", CATEGORIES[view.scheme][0], "circle")
        add_series(figure, series, view, look, curves.pruning_rule)
    lines = [line for line in curves.references if line.metric == metric]
    add_references(figure, lines, [point.x for point in points], view)
    lay_out(figure, X_TITLE, info_of(curves, metric), view)
    # From zero: a difference looks as large as it is.
    figure.update_layout(yaxis_rangemode="tozero" if not view.log_y else "normal")
    return figure


def unpruned(curves: Curves, metric: str) -> list[CurvePoint]:
    """The points of the trained machines where p = p0, by p0."""
    return [point for one in of_metric(curves, metric) for point in one.points if point.x == one.initial_dilution]
