"""Collapse of quality curves: one curve against p* = p - alpha p0, whatever the initial dilution p0."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float64
from torch import Tensor

from worker.rbm.analysis.quality_curves import (
    QualityCurves,
    check_distinct,
    filled,
    interpolated,
    interpolation_matrix,
)
from worker.rbm.analysis.replica_bootstrap import (
    NO_INTERVAL,
    NUM_RESAMPLES,
    Interval,
    percentile_interval,
    replica_weights,
)
from worker.rbm.analysis.transition import LOW_QUALITY, Transition, transition

ALPHA_RANGE = (-0.5, 1.5)
NUM_ALPHAS = 101
POINT_SPACING = 0.01
"""Spacing of the common p* axis, in units of p."""


@dataclass(frozen=True)
class Collapse:
    """The alpha of least spread and the common curve at it.

    Attributes:
        alpha: the alpha of least spread.
        alpha_interval: its bootstrap interval over replicas.
        threshold: the p* where the common curve falls to 1/2.
        threshold_interval: its bootstrap interval over replicas.
        width: the distance in p* over which the common curve falls from 0.9 to 0.1.
        width_interval: its bootstrap interval over replicas.
        spread: the spread at this alpha, in units of p.
        spread_unscaled: the spread at alpha = 0: what the collapse began with.
        level_spacing: the widest gap between neighbouring levels at the fall; an interval over replicas
            does not know of it.
        initial_dilutions: the p0 that took part.
        num_replicas: replicas of each of them.
        left_out: the p0 whose mean curve does not fall to 1/2 within its levels.
        reason: why a value or an interval is missing; None if nothing is.
    """

    alpha: float
    alpha_interval: Interval
    threshold: float
    threshold_interval: Interval
    width: float
    width_interval: Interval
    spread: float
    spread_unscaled: float
    level_spacing: float
    initial_dilutions: tuple[float, ...]
    num_replicas: tuple[int, ...]
    left_out: tuple[float, ...]
    reason: str | None


@dataclass(frozen=True)
class _MeanCurves:
    """Mean curves of one initial dilution, one for each resample of its replicas."""

    initial_dilution: float
    levels: Float64[Tensor, " level"]
    quality: Float64[Tensor, "resample level"]
    has_fallen: bool
    """Whether the mean over all replicas ends at or below 0.1, so that it may be continued as a constant."""

    def known(self, points: Float64[Tensor, "*point"]) -> Float64[Tensor, "*point"]:
        """1 where the curves are known, 0 beyond the last level of a curve that has not fallen yet."""
        inside = points <= self.levels[-1]
        return (inside | self.has_fallen).to(torch.float64)


@dataclass(frozen=True)
class _Fit:
    """The alpha of least spread of each resample, and the common curve's threshold and width there."""

    alpha: Float64[Tensor, " resample"]
    threshold: Float64[Tensor, " resample"]
    width: Float64[Tensor, " resample"]


def fit_collapse(
    curves: Sequence[QualityCurves], generator: torch.Generator, num_resamples: int = NUM_RESAMPLES
) -> Collapse:
    """Find the alpha of least `spread`, searched from -0.5 to 1.5, and the threshold of the common curve there.

    The common curve is the mean over p0, each with the same weight, of the mean curves over replicas. The bootstrap
    draws replicas within each p0 and repeats the whole fit.

    Args:
        curves: the curves of each initial dilution.
        generator: draws the resamples.
        num_resamples: how many.

    Raises:
        ValueError: if an initial dilution is given twice.

    Source: paper, section 4.1, eq. 7 and fig. 4a.
    """
    check_distinct(curves)
    falling = [one for one in _without_gaps(curves) if not bool(_mean_transition(one).half.isnan())]
    used = tuple(one.initial_dilution for one in falling)
    left_out = tuple(sorted({one.initial_dilution for one in curves} - set(used)))
    counts = tuple(len(one.quality) for one in falling)
    if len(falling) < 2:
        why = f"the mean quality falls to 1/2 for {len(falling)} initial dilutions; a collapse needs at least 2"
        return _undefined(used, counts, left_out, why)
    single = min(counts) < 2
    weights = [_equal(count) for count in counts]
    if not single:
        drawn = [replica_weights(count, generator, num_resamples) for count in counts]
        weights = [torch.cat(pair) for pair in zip(weights, drawn, strict=True)]
    fit = _fit([_mean_curves(one, rows) for one, rows in zip(falling, weights, strict=True)])
    if bool(fit.alpha[0].isnan()):
        low, high = ALPHA_RANGE
        return _undefined(used, counts, left_out, f"the spread is least at an end of the search, {low} to {high}")
    least, unscaled = spread(falling, [float(fit.alpha[0]), 0.0]).tolist()
    return Collapse(
        alpha=float(fit.alpha[0]),
        alpha_interval=percentile_interval(fit.alpha[1:]),
        threshold=float(fit.threshold[0]),
        threshold_interval=percentile_interval(fit.threshold[1:]),
        width=float(fit.width[0]),
        width_interval=percentile_interval(fit.width[1:]),
        spread=least,
        spread_unscaled=unscaled,
        level_spacing=max(_spacing_at_fall(one) for one in falling),
        initial_dilutions=used,
        num_replicas=counts,
        left_out=left_out,
        reason="no interval: an initial dilution has one replica; at least 2 are needed" if single else None,
    )


def spread(curves: Sequence[QualityCurves], alphas: Sequence[float]) -> Float64[Tensor, " alpha"]:
    """How far the mean curves of the initial dilutions are from their common curve, for each alpha, in units of p.

    spread(alpha) = integral dp* of the variance over p0 of Q_p0(p* + alpha p0), with Q_p0 the mean over replicas,
    straight between levels, over all p* that a curve reaches for an alpha of the search. A curve goes on as a constant
    to the left of its levels, and to the right if it has fallen to 0.1; otherwise it takes no part there. 0: the curves
    are one. For sharp falls it is about the distance between them. NaN for fewer than two curves.

    Raises:
        ValueError: if an initial dilution is given twice.

    Source: Bhattacharjee and Seno, A measure of data collapse for scaling (2001), which measures the overlaps alone.
    """
    check_distinct(curves)
    complete = _without_gaps(curves)
    means = [_mean_curves(one, _equal(len(one.quality))) for one in complete]
    if len(means) < 2:
        return torch.full((len(alphas),), torch.nan, dtype=torch.float64)
    axis = _common_axis(means)
    return torch.cat([_spread_at(means, alpha, axis) for alpha in alphas])


def _without_gaps(curves: Sequence[QualityCurves]) -> list[QualityCurves]:
    """The curves by p0, gaps filled, up to the last level that any replica knows.

    A replica takes no part if it knows fewer than two values, or if it ends before the others without having fallen.
    """
    complete = []
    for one in sorted(curves, key=lambda one: one.initial_dilution):
        measured = ~one.quality.isnan()
        last = int(torch.arange(len(one.levels))[measured.any(dim=0)].max()) if bool(measured.any()) else 0
        rows = filled(one)
        usable = (measured[:, last] | (rows[:, last] <= LOW_QUALITY)) & ~rows[:, last].isnan()
        if bool(usable.any()):
            upto = slice(0, last + 1)
            complete.append(QualityCurves(one.initial_dilution, one.levels[upto], rows[usable, upto]))
    return complete


def _equal(num_replicas: int) -> Float64[Tensor, "1 replica"]:
    """The weights of the mean of all replicas."""
    return torch.full((1, num_replicas), 1 / num_replicas, dtype=torch.float64)


def _mean_curves(curves: QualityCurves, weights: Float64[Tensor, "resample replica"]) -> _MeanCurves:
    """The mean curve of each resample."""
    has_fallen = float(curves.quality[:, -1].mean()) <= LOW_QUALITY
    return _MeanCurves(curves.initial_dilution, curves.levels, weights @ curves.quality, has_fallen)


def _mean_transition(curves: QualityCurves) -> Transition:
    return transition(curves.levels, curves.quality.mean(dim=0, keepdim=True))


def _spacing_at_fall(curves: QualityCurves) -> float:
    """The gap between the two levels around the fall of the mean curve to 1/2."""
    right = int(torch.searchsorted(curves.levels, _mean_transition(curves).half))
    return float(curves.levels[right] - curves.levels[right - 1])


def _common_axis(means: Sequence[_MeanCurves]) -> Float64[Tensor, " point"]:
    """The p* that any curve reaches for any alpha of the search: one axis, so that spreads can be compared."""
    first = min(float(one.levels[0]) - ALPHA_RANGE[1] * one.initial_dilution for one in means)
    last = max(float(one.levels[-1]) - ALPHA_RANGE[0] * one.initial_dilution for one in means)
    return first + POINT_SPACING * torch.arange(math.ceil((last - first) / POINT_SPACING) + 1, dtype=torch.float64)


def _spread_at(
    means: Sequence[_MeanCurves], alpha: float, axis: Float64[Tensor, " point"]
) -> Float64[Tensor, " resample"]:
    """The spread of each resample: mean of squares minus square of the mean, over the curves known at each point."""
    size = len(means[0].quality), len(axis)
    total, squares = torch.zeros(size, dtype=torch.float64), torch.zeros(size, dtype=torch.float64)
    count = torch.zeros(len(axis), dtype=torch.float64)
    for one in means:
        points = axis + alpha * one.initial_dilution
        known = one.known(points)
        shifted = one.quality @ (interpolation_matrix(one.levels, points) * known)
        total += shifted
        squares.addcmul_(shifted, shifted)
        count += known
    share = 1 / count.clamp(min=1)
    return (squares @ share - total.square_() @ share.square()) * POINT_SPACING


def _fit(means: Sequence[_MeanCurves]) -> _Fit:
    """Fit each resample by itself."""
    axis = _common_axis(means)
    alphas = torch.linspace(*ALPHA_RANGE, NUM_ALPHAS, dtype=torch.float64)
    alpha = _least(alphas, torch.stack([_spread_at(means, value, axis) for value in alphas.tolist()]))
    fall = transition(axis, _common_curve(means, alpha, axis))
    return _Fit(alpha, fall.half, fall.width)


def _common_curve(
    means: Sequence[_MeanCurves], alpha: Float64[Tensor, " resample"], axis: Float64[Tensor, " point"]
) -> Float64[Tensor, "resample point"]:
    """The mean of the curves that are known at each point, each resample at its own alpha."""
    total = torch.zeros(len(alpha), len(axis), dtype=torch.float64)
    count = torch.zeros_like(total)
    for one in means:
        points = axis + alpha[:, None] * one.initial_dilution
        known = one.known(points)
        total += interpolated(one.levels, one.quality, points) * known
        count += known
    return total / count


def _least(alphas: Float64[Tensor, " alpha"], table: Float64[Tensor, "alpha resample"]) -> Float64[Tensor, " resample"]:
    """Where a parabola through the least value and its neighbours is least; NaN if that is at an end."""
    index = table.argmin(dim=0)
    middle = index.clamp(1, len(alphas) - 2)
    left, centre, right = (table.gather(0, (middle + offset)[None])[0] for offset in (-1, 0, 1))
    curvature = left - 2 * centre + right
    shift = torch.where(curvature > 0, (left - right) / (2 * curvature), 0.0)
    return torch.where(index == middle, alphas[middle] + shift * (alphas[1] - alphas[0]), torch.nan)


def _undefined(used: tuple[float, ...], counts: tuple[int, ...], left_out: tuple[float, ...], reason: str) -> Collapse:
    return Collapse(
        alpha=math.nan,
        alpha_interval=NO_INTERVAL,
        threshold=math.nan,
        threshold_interval=NO_INTERVAL,
        width=math.nan,
        width_interval=NO_INTERVAL,
        spread=math.nan,
        spread_unscaled=math.nan,
        level_spacing=math.nan,
        initial_dilutions=used,
        num_replicas=counts,
        left_out=left_out,
        reason=reason,
    )
