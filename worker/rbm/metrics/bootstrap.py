"""Bootstrap intervals of metrics: how far a value would move if other samples of the same machine had been drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float64
from torch import Tensor

NUM_RESAMPLES = 500
CONFIDENCE = 0.95


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

    Source: Efron, Bootstrap methods: another look at the jackknife (1979).
    """
    drawn = torch.randint(num_samples, (num_resamples, num_samples), generator=generator)
    counts = torch.zeros(num_resamples, num_samples, dtype=torch.float64)
    return counts.scatter_add_(1, drawn, torch.ones(drawn.shape, dtype=torch.float64))


def estimate(value: float, resampled: Float64[Tensor, " resample"]) -> Estimate:
    """A value of one replica and the 95 % percentile interval of its resampled values, shifted by their bias.

    Resamples repeat samples, so statistics like a squared error are larger on them by about their own finite-sample
    floor; the mean of the shifted values is the value itself. Resampled values that are NaN are left out.

    Source: Efron and Tibshirani, An introduction to the bootstrap (1993), chapters 10 (bias) and 13 (percentiles).
    """
    known = resampled[~torch.isnan(resampled)]
    if value != value or known.numel() < 2:  # noqa: PLR0124 - NaN
        return Estimate.without_interval(torch.tensor([value], dtype=torch.float64))
    tail = (1 - CONFIDENCE) / 2
    levels = torch.tensor([tail, 1 - tail], dtype=torch.float64)
    low, high = (torch.quantile(known, levels) - (known.mean() - value)).tolist()
    return Estimate(*(torch.tensor([one], dtype=torch.float64) for one in (value, low, high)))
