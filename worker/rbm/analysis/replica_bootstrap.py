"""Bootstrap over replicas: how far a result would move if other replicas had been trained."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float64
from torch import Tensor

NUM_RESAMPLES = 500
CONFIDENCE = 0.95
LEAST_DEFINED = 0.9
"""An interval needs a value from at least this fraction of the resamples."""


@dataclass(frozen=True)
class Interval:
    """A 95 % interval; NaN where there is none."""

    low: float
    high: float


NO_INTERVAL = Interval(math.nan, math.nan)


def replica_weights(
    num_replicas: int, generator: torch.Generator, num_resamples: int = NUM_RESAMPLES
) -> Float64[Tensor, "resample replica"]:
    """The weight of each replica in the mean of each resample: n - 1 draws with replacement from n replicas.

    The mean of n - 1 draws has the variance s^2 / n, s^2 the unbiased variance. With n draws it would have
    (n - 1) / n of it, which for 3 replicas makes an interval too narrow by a fifth.

    Raises:
        ValueError: if there are fewer than 2 replicas.

    Source: Rao and Wu, Resampling inference with complex survey data (1988): with n - 1 draws nothing is rescaled.
    """
    if num_replicas < 2:
        raise ValueError(f"{num_replicas} replicas; resampling needs at least 2")
    drawn = torch.randint(num_replicas, (num_resamples, num_replicas - 1), generator=generator)
    counts = torch.zeros(num_resamples, num_replicas, dtype=torch.float64)
    counts.scatter_add_(1, drawn, torch.ones(drawn.shape, dtype=torch.float64))
    return counts / (num_replicas - 1)


def percentile_interval(resampled: Float64[Tensor, " resample"]) -> Interval:
    """The 2.5 % and 97.5 % quantiles of the resampled values; none if over a tenth of them are undefined.

    Source: Efron and Tibshirani, An introduction to the bootstrap (1993), chapter 13.
    """
    known = resampled[~torch.isnan(resampled)]
    if known.numel() < max(2, LEAST_DEFINED * resampled.numel()):
        return NO_INTERVAL
    tail = (1 - CONFIDENCE) / 2
    low, high = torch.quantile(known, torch.tensor([tail, 1 - tail], dtype=torch.float64)).tolist()
    return Interval(low, high)
