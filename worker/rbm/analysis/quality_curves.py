"""Quality curves: a quality between 0 and 1 against the total pruning p, for the replicas of one initial dilution."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float64, Int64
from torch import Tensor


@dataclass(frozen=True)
class QualityCurves:
    """The curves Q(p) of the replicas of one initial dilution.

    Attributes:
        initial_dilution: p0.
        levels: total pruning p, ascending, float64 [level].
        quality: Q of each replica, float64 [replica level]; NaN where it was not measured.

    Raises:
        ValueError: if the levels are not finite and strictly ascending, or a shape does not fit.
    """

    initial_dilution: float
    levels: Float64[Tensor, " level"]
    quality: Float64[Tensor, "replica level"]

    def __post_init__(self) -> None:
        if self.quality.dim() != 2 or self.quality.shape[1:] != self.levels.shape or 0 in self.quality.shape:
            shapes = f"levels {tuple(self.levels.shape)}, quality {tuple(self.quality.shape)}"
            raise ValueError(f"{shapes}: quality must be (replica, level), none of them 0")
        if not bool(torch.isfinite(self.levels).all()) or bool((self.levels.diff() <= 0).any()):
            raise ValueError(f"levels are {self.levels.tolist()}; they must be finite and strictly ascending")
        if bool(torch.isinf(self.quality).any()):
            raise ValueError("a quality is infinite; give finite values, NaN where nothing was measured")


def check_distinct(curves: Sequence[QualityCurves]) -> None:
    """Refuse an initial dilution that is given twice: its replicas belong into one set of curves.

    Raises:
        ValueError: naming them.
    """
    dilutions = [one.initial_dilution for one in curves]
    if len(set(dilutions)) != len(dilutions):
        raise ValueError(f"initial dilutions are {dilutions}; give each once, with all of its replicas")


def filled(curves: QualityCurves) -> Float64[Tensor, "replica level"]:
    """The curves with straight lines over the gaps, constant beyond the first and last known value.

    A replica with fewer than two known values has no curve: its row is NaN.
    """
    levels, quality = curves.levels.numpy(), curves.quality.numpy().copy()
    for row in quality:
        known = ~np.isnan(row)
        row[:] = np.interp(levels, levels[known], row[known]) if known.sum() > 1 else np.nan
    return torch.from_numpy(quality)


def interpolation_matrix(
    levels: Float64[Tensor, " level"], points: Float64[Tensor, " point"]
) -> Float64[Tensor, "level point"]:
    """Maps the values at two or more levels to those at the points: linear between levels, constant beyond them."""
    right, fraction = _segments(levels, points)
    matrix = torch.zeros(len(levels), len(points), dtype=torch.float64)
    matrix.scatter_(0, (right - 1)[None], (1 - fraction)[None])
    return matrix.scatter_(0, right[None], fraction[None])


def interpolated(
    levels: Float64[Tensor, " level"],
    values: Float64[Tensor, "curve level"],
    points: Float64[Tensor, "curve point"],
) -> Float64[Tensor, "curve point"]:
    """Each curve, of two or more levels, at its own points: linear between levels, constant beyond them."""
    right, fraction = _segments(levels, points)
    return torch.lerp(values.gather(1, right - 1), values.gather(1, right), fraction)


def _segments(
    levels: Float64[Tensor, " level"], points: Float64[Tensor, "*point"]
) -> tuple[Int64[Tensor, "*point"], Float64[Tensor, "*point"]]:
    """The level to the right of each point, and how far it is from the level to the left, 0 to 1."""
    inside = points.clamp(float(levels[0]), float(levels[-1])).contiguous()
    right = torch.searchsorted(levels, inside).clamp(1, len(levels) - 1)
    return right, (inside - levels[right - 1]) / (levels[right] - levels[right - 1])
