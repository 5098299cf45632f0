"""Which levels of pruning a machine survives, by a criterion that asks no judge.

A machine that draws digits has pixel correlations like the data's. Past its transition every chain ends in the same
image, and pixels do not vary together any more. The slope of the samples' covariances on the data's,

    s = sum_{i != j} C_ij D_ij / sum_{i != j} D_ij^2,   C, D: covariances of the samples and of the data,

is 1 for the data, and 0 for independent pixels and for one image that all chains share. What counts is s(p) / s(p0):
how much of it survives. In a mixture of digits and of the one broken image it first rises, so it must stay close to 1.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float64, UInt8
from torch import Tensor

from worker.rbm.metrics.second_moment_error import covariance

LEARNED_ABOVE = 0.3
INTACT_WITHIN = 0.2
BROKEN_BELOW = 0.2


def covariance_slope(
    samples: UInt8[Tensor, "sample visible"], data_covariance: Float64[Tensor, "visible visible"]
) -> float:
    """The slope s of the samples' covariances on the data's, without the diagonal.

    Raises:
        ValueError: if there are fewer than two samples.
    """
    if len(samples) < 2:
        raise ValueError(f"{len(samples)} samples have no covariance; give 2 or more")
    expected = data_covariance - torch.diag(data_covariance.diagonal())
    return float((covariance(samples) * expected).sum() / expected.square().sum())


def survival(slopes: Sequence[float]) -> list[float]:
    """s(p) / s(p0) for each level, the first of which is p0; all 0 for a machine that never learned (s(p0) < 0.3)."""
    first = slopes[0]
    return [slope / first if first >= LEARNED_ABOVE else 0.0 for slope in slopes]


def intact_levels(survivals: Sequence[float]) -> list[bool]:
    """Which levels, in ascending order, come before the last one that is still within 0.2 of 1 without a gap.

    That last one is next to the transition: some of its samples may be broken already.
    """
    within = [abs(one - 1) <= INTACT_WITHIN for one in survivals]
    length = next((index for index, one in enumerate(within) if not one), len(within))
    return [index < length - 1 for index in range(len(survivals))]


def broken_levels(survivals: Sequence[float]) -> list[bool]:
    """Which levels, in ascending order, come after the last whose survival is 0.2 or more.

    A machine that never learned has none: nothing was broken.
    """
    alive = [index for index, one in enumerate(survivals) if one >= BROKEN_BELOW]
    return [bool(alive) and index > alive[-1] for index in range(len(survivals))]
