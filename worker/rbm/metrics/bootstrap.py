"""Bootstrap intervals of metrics: how far a value would move if other samples of the same machine had been drawn."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float64
from torch import Tensor

NUM_RESAMPLES = 500
CONFIDENCE = 0.95
RESAMPLES_PER_BLOCK = 50

ANY_NUMBER = (-math.inf, math.inf)
SHARE = (0.0, 1.0)


@dataclass(frozen=True)
class Estimate:
    """A metric of each replica with its 95 % bootstrap interval over samples.

    Attributes:
        value: the metric; NaN where it is undefined.
        low: lower end of the interval; NaN where there is none.
        high: upper end of the interval; NaN where there is none.
    """

    value: Float64[Tensor, " replica"]
    low: Float64[Tensor, " replica"]
    high: Float64[Tensor, " replica"]

    @classmethod
    def without_interval(cls, value: Float64[Tensor, " replica"]) -> Estimate:
        """A value alone."""
        unknown = torch.full_like(value, torch.nan)
        return cls(value, unknown, unknown)

    @classmethod
    def joined(cls, estimates: Sequence[Estimate]) -> Estimate:
        """The estimates of several batches of replicas as one."""
        return cls(
            torch.cat([one.value for one in estimates]),
            torch.cat([one.low for one in estimates]),
            torch.cat([one.high for one in estimates]),
        )


def resampling_counts(
    num_samples: int, generator: torch.Generator, num_resamples: int = NUM_RESAMPLES
) -> Float64[Tensor, "resample sample"]:
    """How often each sample is in each resample of `num_samples` samples, drawn with replacement.

    Raises:
        ValueError: if there is no sample or no resample.

    Source: Efron, Bootstrap methods: another look at the jackknife (1979).
    """
    if num_samples < 1 or num_resamples < 1:
        raise ValueError(f"{num_resamples} resamples of {num_samples} samples; there must be at least 1 of each")
    counts = torch.zeros(num_resamples, num_samples, dtype=torch.float64)
    one = torch.ones((), dtype=torch.float64)
    for block in torch.split(counts, RESAMPLES_PER_BLOCK):
        drawn = torch.randint(num_samples, block.shape, generator=generator)
        block.scatter_add_(1, drawn, one.expand(block.shape))
    return counts


def estimate(
    value: float, resampled: Float64[Tensor, " resample"], possible: tuple[float, float] = ANY_NUMBER
) -> Estimate:
    """A value of one replica and the 95 % percentile interval of its resampled values, shifted by their bias.

    Resamples repeat samples, so statistics like a squared error are larger on them by about their own finite-sample
    floor; the mean of the shifted values is the value itself. Resampled values that are NaN are left out;
    there is no interval of fewer than two, nor of a value that is NaN.

    Args:
        value: the statistic of the samples.
        resampled: the statistic of each resample.
        possible: least and greatest value of the statistic; the shifted interval is cut there.

    Source: Efron and Tibshirani, An introduction to the bootstrap (1993), chapters 10 (bias) and 13 (percentiles).
    """
    known = resampled[~torch.isnan(resampled)]
    if known.numel() < 2:
        return Estimate.without_interval(torch.tensor([value], dtype=torch.float64))
    tail = (1 - CONFIDENCE) / 2
    levels = torch.tensor([tail, 1 - tail], dtype=torch.float64)
    low, high = (torch.quantile(known, levels) - (known.mean() - value)).clamp(*possible).tolist()
    return Estimate(*(torch.tensor([one], dtype=torch.float64) for one in (value, low, high)))


def estimate_of_mean(
    values: Float64[Tensor, " sample"], generator: torch.Generator, possible: tuple[float, float] = ANY_NUMBER
) -> Estimate:
    """The mean over the samples of one replica, with its interval.

    Raises:
        ValueError: if there is no sample.
    """
    counts = resampling_counts(len(values), generator)
    return estimate(float(values.mean()), counts @ values / len(values), possible)
