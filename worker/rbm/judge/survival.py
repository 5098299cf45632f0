"""Which levels of pruning a machine survives, by a criterion that asks no judge.

A machine that still draws digits has the pixel correlations of the data. Past its transition every chain ends in the
same image, and pixels do not vary together any more. The survival

    s = sum_{i != j} C_ij D_ij / sum_{i != j} D_ij^2,   C, D: covariances of the samples and of the data,

is the slope of the samples' covariances on the data's: 1 for a machine that has learned them, 0 for noise and for one
image that all chains share.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float64, UInt8
from torch import Tensor

from worker.rbm.metrics.second_moment_error import covariance

INTACT_ABOVE = 0.8
BROKEN_BELOW = 0.1


def survival(samples: UInt8[Tensor, "sample visible"], data_covariance: Float64[Tensor, "visible visible"]) -> float:
    """The slope s of the samples' covariances on the data's, without the diagonal.

    Raises:
        ValueError: if there are fewer than two samples.
    """
    if len(samples) < 2:
        raise ValueError(f"{len(samples)} samples have no covariance; give 2 or more")
    expected = data_covariance - torch.diag(data_covariance.diagonal())
    return float((covariance(samples) * expected).sum() / expected.square().sum())


def intact_levels(survivals: Sequence[float]) -> list[bool]:
    """Which levels, in ascending order, come before the first with s below 0.8."""
    intact, so_far = [], True
    for one in survivals:
        so_far = so_far and one >= INTACT_ABOVE
        intact.append(so_far)
    return intact


def broken_levels(survivals: Sequence[float]) -> list[bool]:
    """Which levels, in ascending order, come after the last with s at 0.1 or above.

    A machine all of whose levels are below that has never learned: none of them counts, nothing was broken.
    """
    alive = [index for index, one in enumerate(survivals) if one >= BROKEN_BELOW]
    return [bool(alive) and index > alive[-1] for index in range(len(survivals))]
