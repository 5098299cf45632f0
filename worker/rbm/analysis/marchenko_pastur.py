"""The Marchenko-Pastur law: the spectrum of a large random matrix with independent, identically distributed entries."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float64
from torch import Tensor

NUM_BISECTIONS = 60


def marchenko_pastur_quantiles(num_visible: int, num_hidden: int, variance: float) -> Float64[Tensor, " mode"]:
    """The expected k-th largest eigenvalue of W^T W for entries of the given variance, k = 1 to min(visible, hidden).

    It is where the law's upper tail is (k - 1/2) / min(visible, hidden). The max(visible, hidden) - min(visible,
    hidden) eigenvalues that are 0 by the shape alone, of W^T W or of W W^T, are left out; the others are the same for
    both.

    Raises:
        ValueError: if a size is below 1 or the variance is negative or not finite.

    Source: Marchenko and Pastur, Distribution of eigenvalues for some sets of random matrices (1967).
    """
    if min(num_visible, num_hidden) < 1 or not 0 <= variance < math.inf:
        raise ValueError(f"{num_visible} x {num_hidden}, variance {variance}: sizes must be >= 1, the variance >= 0")
    modes, longer = min(num_visible, num_hidden), max(num_visible, num_hidden)
    ratio = modes / longer
    below = 1 - (torch.arange(modes, dtype=torch.float64) + 0.5) / modes
    low = torch.full_like(below, (1 - math.sqrt(ratio)) ** 2)
    high = torch.full_like(below, (1 + math.sqrt(ratio)) ** 2)
    for _ in range(NUM_BISECTIONS):
        middle = (low + high) / 2
        is_left = marchenko_pastur_cdf(middle, ratio) < below
        low, high = torch.where(is_left, middle, low), torch.where(is_left, high, middle)
    return (low + high) / 2 * (variance * longer)


def marchenko_pastur_cdf(points: Float64[Tensor, " point"], ratio: float) -> Float64[Tensor, " point"]:
    """The law's distribution function F(x) for unit scale and ratio r = shorter / longer side, 0 < r <= 1.

    With a, b = (1 -+ sqrt(r))^2 and density sqrt((b - x)(x - a)) / (2 pi r x) on [a, b],
    F(x) = 1/2 + [ sqrt((b - x)(x - a)) + (1 + r) asin((x - 1 - r) / (2 sqrt(r)))
    - (1 - r) asin(((1 + r) x - (1 - r)^2) / (2 sqrt(r) x)) ] / (2 pi r).

    Raises:
        ValueError: if the ratio is not in (0, 1].

    Source: the integral of the density of Marchenko and Pastur (1967).
    """
    if not 0 < ratio <= 1:
        raise ValueError(f"ratio is {ratio}; it must be in (0, 1]: the shorter side over the longer")
    root = math.sqrt(ratio)
    low, high = (1 - root) ** 2, (1 + root) ** 2
    x = points.clamp(low, high)
    semicircle = ((high - x) * (x - low)).clamp(min=0).sqrt()
    first = ((x - 1 - ratio) / (2 * root)).clamp(-1, 1).asin()
    second = (((1 + ratio) * x - (1 - ratio) ** 2) / (2 * root * x.clamp(min=1e-300))).clamp(-1, 1).asin()
    return 0.5 + (semicircle + (1 + ratio) * first - (1 - ratio) * second) / (2 * math.pi * ratio)
