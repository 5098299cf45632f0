"""Curves of one machine: its training, and what was measured of it after pruning. Pure: messages to figure."""

from collections.abc import Sequence

import plotly.graph_objects as go

from backend.contracts.catalogue import catalogue
from backend.contracts.messages import MachineCurve, MachineCurves, MachineTraining
from frontend.plots.curves import CurveView, add_references, lay_out
from frontend.theme import CATEGORIES, Scheme, translucent


def training_of_machine(training: MachineTraining, scheme: Scheme = "light") -> go.Figure:
    """Every recorded metric against the update."""
    figure = go.Figure()
    for curve, colour in zip(training.curves, CATEGORIES[scheme], strict=False):
        name = "test images" if curve.metric.endswith("_test") else "training images"
        figure.add_scatter(
            x=[point.x for point in curve.points],
            y=[point.value for point in curve.points],
            name=name,
            mode="lines",
            line={"color": colour, "width": 2},
            hovertemplate=f"<b>{name}</b><br>update %{{x:,}}<br>%{{y:.4~g}}<extra></extra>",
        )
    lay_out(figure, training.x_label, training.metrics[0] if training.metrics else None, CurveView(scheme=scheme))
    return figure


def measured_of_machine(measured: MachineCurves, metric: str, scheme: Scheme = "light") -> go.Figure:
    """One metric against the pruning level p, one curve for each way of measuring; a band is the 95 % interval."""
    curves = [curve for curve in measured.curves if curve.metric == metric]
    info = next((one for one in measured.metrics if one.name == metric), None)
    figure = go.Figure()
    view = CurveView(scheme=scheme)
    for curve, name, colour in zip(curves, ways_of(curves), CATEGORIES[scheme], strict=False):
        _add(figure, curve, name, colour)
    lines = {one.reference.label: one.reference for one in curves if one.reference}
    add_references(figure, list(lines.values()), [point.x for one in curves for point in one.points], view)
    lay_out(figure, measured.x_label, info, view)
    return figure


def ways_of(curves: Sequence[MachineCurve]) -> list[str]:
    """How each curve was measured: by which rule, and where they differ, on how many samples after how many steps."""
    labels = {rule.name: rule.label for rule in catalogue().pruning_rules}
    rules = [labels.get(curve.pruning_rule, curve.pruning_rule) for curve in curves]
    sizes = [f"{curve.num_samples or 0:,} samples, {curve.gibbs_steps or 0:,} steps" for curve in curves]
    return rules if len(set(sizes)) == 1 else [f"{rule}, {size}" for rule, size in zip(rules, sizes, strict=True)]


def _add(figure: go.Figure, curve: MachineCurve, name: str, colour: str) -> None:
    band = [point for point in curve.points if point.low is not None and point.high is not None]
    if band:
        xs = [point.x for point in band]
        figure.add_scatter(
            x=[*xs, *reversed(xs)],
            y=[*[point.high for point in band], *[point.low for point in reversed(band)]],
            legendgroup=name,
            fill="toself",
            fillcolor=translucent(colour, 0.16),
            line={"width": 0},
            mode="lines",
            hoverinfo="skip",
            showlegend=False,
            name="band",
        )
    figure.add_scatter(
        x=[point.x for point in curve.points],
        y=[point.value for point in curve.points],
        name=name,
        legendgroup=name,
        mode="lines+markers",
        line={"color": colour, "width": 2},
        marker={"color": colour, "size": 7},
        hovertemplate=f"<b>{name}</b><br>p = %{{x:.4~g}}<br>%{{y:.3~g}}<extra></extra>",
    )
