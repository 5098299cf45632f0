"""Where quality falls to 1/2, and the straight line through these points: a second estimate of alpha and threshold."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float64
from torch import Tensor

from worker.rbm.analysis.quality_curves import QualityCurves, check_distinct, filled
from worker.rbm.analysis.replica_bootstrap import (
    NO_INTERVAL,
    NUM_RESAMPLES,
    Interval,
    percentile_interval,
    replica_weights,
)
from worker.rbm.analysis.transition import falling_points


@dataclass(frozen=True)
class HalfQualityLine:
    """The line p = threshold + alpha p0 through the mean half-quality points, by least squares.

    Attributes:
        initial_dilutions: the p0 that have a point.
        mean_points: the mean over replicas of the p where Q falls to 1/2, of each p0.
        num_replicas: how many replicas have a point, of each p0.
        num_missing: how many have none; where it is not 0, the mean point is too low.
        alpha: slope.
        alpha_interval: its bootstrap interval over replicas.
        threshold: intercept.
        threshold_interval: its bootstrap interval over replicas.
        reason: why a value or an interval is missing; None if nothing is.
    """

    initial_dilutions: tuple[float, ...]
    mean_points: tuple[float, ...]
    num_replicas: tuple[int, ...]
    num_missing: tuple[int, ...]
    alpha: float
    alpha_interval: Interval
    threshold: float
    threshold_interval: Interval
    reason: str | None


def half_quality_points(curves: QualityCurves) -> Float64[Tensor, " replica"]:
    """The p where the curve of each replica first falls to 1/2, between levels by a straight line; NaN if never.

    Source: paper, eq. 7 (the threshold).
    """
    return falling_points(curves.levels, filled(curves))


def half_quality_line(
    curves: Sequence[QualityCurves], generator: torch.Generator, num_resamples: int = NUM_RESAMPLES
) -> HalfQualityLine:
    """Fit p = threshold + alpha p0 to the mean half-quality points, each p0 with the same weight.

    Args:
        curves: the curves of each initial dilution.
        generator: draws the resamples.
        num_resamples: resamples of the replicas within each p0.

    Raises:
        ValueError: if an initial dilution is given twice.
    """
    check_distinct(curves)
    points = {one.initial_dilution: half_quality_points(one) for one in curves}
    points = {p0: values for p0, values in sorted(points.items()) if not bool(values.isnan().all())}
    known = [values[~values.isnan()] for values in points.values()]
    dilutions = torch.tensor(list(points), dtype=torch.float64)
    reason: str | None = f"the quality falls to 1/2 for {len(points)} initial dilutions; a line needs at least 2"
    alpha, threshold, intervals = math.nan, math.nan, (NO_INTERVAL, NO_INTERVAL)
    if len(points) > 1:
        means = torch.stack([values.mean() for values in known])
        alpha, threshold = (float(value) for value in _line(dilutions, means[None]))
        intervals, reason = _intervals(dilutions, known, generator, num_resamples)
    return HalfQualityLine(
        initial_dilutions=tuple(points),
        mean_points=tuple(float(values.mean()) for values in known),
        num_replicas=tuple(values.numel() for values in known),
        num_missing=tuple(int(values.isnan().sum()) for values in points.values()),
        alpha=alpha,
        alpha_interval=intervals[0],
        threshold=threshold,
        threshold_interval=intervals[1],
        reason=reason,
    )


def _line(
    dilutions: Float64[Tensor, " dilution"], points: Float64[Tensor, "resample dilution"]
) -> tuple[Float64[Tensor, " resample"], Float64[Tensor, " resample"]]:
    """Slope and intercept of the least-squares line of each resample."""
    centred = dilutions - dilutions.mean()
    slope = points @ centred / centred.square().sum()
    return slope, points.mean(dim=1) - slope * dilutions.mean()


def _intervals(
    dilutions: Float64[Tensor, " dilution"],
    points: Sequence[Float64[Tensor, " _"]],
    generator: torch.Generator,
    num_resamples: int,
) -> tuple[tuple[Interval, Interval], str | None]:
    """Intervals of slope and intercept, or none and why."""
    if min(values.numel() for values in points) < 2:
        return (NO_INTERVAL, NO_INTERVAL), "no interval: an initial dilution has one replica; at least 2 are needed"
    means = [replica_weights(values.numel(), generator, num_resamples) @ values for values in points]
    alpha, threshold = _line(dilutions, torch.stack(means, dim=1))
    return (percentile_interval(alpha), percentile_interval(threshold)), None
