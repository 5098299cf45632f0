"""Paired differences over replicas: the same seed or mask under two treatments, for instance retrained - reference."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float64
from torch import Tensor

from worker.rbm.analysis.replica_bootstrap import (
    CONFIDENCE,
    NO_INTERVAL,
    NUM_RESAMPLES,
    Interval,
    percentile_interval,
    replica_weights,
)
from worker.rbm.analysis.student_t import student_t_quantile

MOST_ENUMERATED = 16
NUM_PERMUTATIONS = 9999
LEAST_FOR_BOOTSTRAP = 5
TIE = 1e-12
"""Sums of differences that are closer than this fraction of the sum of their sizes count as equal."""


@dataclass(frozen=True)
class PairedDifference:
    """The differences value - reference of n pairs.

    Attributes:
        n: pairs of which both values are known.
        mean: of the differences.
        std: of the differences, with n - 1.
        t_interval: 95 % interval of the mean by Student's t.
        bootstrap_interval: 95 % bootstrap interval of the mean; none below 5 pairs.
        p_value: two-sided, of the sign-flip test.
        p_value_less: one-sided, for a difference below 0.
        exact: whether all 2^n signs were enumerated.
        num_signs: how many were compared.
        reason: why a value or an interval is missing; None if nothing is.
    """

    n: int
    mean: float
    std: float
    t_interval: Interval
    bootstrap_interval: Interval
    p_value: float
    p_value_less: float
    exact: bool
    num_signs: int
    reason: str | None


def paired_difference(
    values: Float64[Tensor, " replica"],
    reference: Float64[Tensor, " replica"],
    generator: torch.Generator,
    *,
    num_resamples: int = NUM_RESAMPLES,
    num_permutations: int = NUM_PERMUTATIONS,
) -> PairedDifference:
    """Compare paired values: mean difference, its intervals, and a test that flips the signs of the differences.

    If values and references are exchangeable within each pair, every sign of every difference is as likely as the
    other. p = the part of the 2^n signs whose mean is as far from 0 (two-sided), or as low (less), as the observed
    one; above 16 pairs (1 + number reached) / (1 + number drawn).

    Args:
        values: one of each pair.
        reference: the other; a pair with a NaN is left out.
        generator: draws resamples, and signs above 16 pairs.
        num_resamples: resamples of the pairs.
        num_permutations: signs to draw above 16 pairs.

    Raises:
        ValueError: if the numbers of values differ.

    Source: Fisher, The design of experiments (1935), section 21 (sign flips); Student 1908.
    """
    if values.shape != reference.shape:
        raise ValueError(f"{values.numel()} values and {reference.numel()} references; give pairs")
    difference = values - reference
    difference = difference[~difference.isnan()]
    n = difference.numel()
    if n < 2:
        return _undefined(difference)
    mean, std = float(difference.mean()), float(difference.std())
    half = student_t_quantile(CONFIDENCE, n - 1) * std / math.sqrt(n)
    enough = n >= LEAST_FOR_BOOTSTRAP
    p_value, p_value_less, num_signs = _sign_flip(difference, generator, num_permutations)
    return PairedDifference(
        n=n,
        mean=mean,
        std=std,
        t_interval=Interval(mean - half, mean + half),
        bootstrap_interval=_bootstrap(difference, generator, num_resamples) if enough else NO_INTERVAL,
        p_value=p_value,
        p_value_less=p_value_less,
        exact=n <= MOST_ENUMERATED,
        num_signs=num_signs,
        reason=None if enough else f"no bootstrap interval: {n} pairs; at least {LEAST_FOR_BOOTSTRAP} are needed",
    )


def _undefined(difference: Float64[Tensor, " pair"]) -> PairedDifference:
    n, nan = difference.numel(), math.nan
    mean = float(difference.mean()) if n else nan
    reason = f"{n} pairs; a comparison needs at least 2"
    return PairedDifference(n, mean, nan, NO_INTERVAL, NO_INTERVAL, nan, nan, False, 0, reason)


def _bootstrap(difference: Float64[Tensor, " pair"], generator: torch.Generator, num_resamples: int) -> Interval:
    return percentile_interval(replica_weights(difference.numel(), generator, num_resamples) @ difference)


def _sign_flip(
    difference: Float64[Tensor, " pair"], generator: torch.Generator, num_permutations: int
) -> tuple[float, float, int]:
    """Two-sided p, p for less, and the number of signs compared."""
    exact = difference.numel() <= MOST_ENUMERATED
    signs = _all_signs(difference.numel()) if exact else _random_signs(difference.numel(), num_permutations, generator)
    sums = signs @ difference
    observed, tie = float(difference.sum()), TIE * float(difference.abs().sum())
    # An exact enumeration holds the observed signs; a sample gets them added.
    extra = 0 if exact else 1
    far = int((sums.abs() >= abs(observed) - tie).sum()) + extra
    low = int((sums <= observed + tie).sum()) + extra
    return far / (len(signs) + extra), low / (len(signs) + extra), len(signs)


def _all_signs(num_pairs: int) -> Float64[Tensor, "sign pair"]:
    bits = torch.arange(2**num_pairs)[:, None] >> torch.arange(num_pairs)
    return 1 - 2 * (bits & 1).to(torch.float64)


def _random_signs(num_pairs: int, count: int, generator: torch.Generator) -> Float64[Tensor, "sign pair"]:
    return 1 - 2 * torch.randint(2, (count, num_pairs), generator=generator).to(torch.float64)
