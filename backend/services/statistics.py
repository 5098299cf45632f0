"""Statistics over replicas."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

CONFIDENCE = 0.95
# Two-sided 95 % quantiles of Student's t for 1 to 10 degrees of freedom.
# Source: Abramowitz and Stegun, Handbook of mathematical functions, table 26.10.
_SMALL = (12.7062047, 4.3026527, 3.1824463, 2.7764451, 2.5705818, 2.4469119, 2.3646243, 2.3060041, 2.2621572, 2.2281389)


@dataclass(frozen=True)
class Summary:
    """Mean and spread of n values; `std` is the sample standard deviation (n - 1), None for one value."""

    n: int
    mean: float
    std: float | None
    sem: float | None
    ci_low: float | None
    ci_high: float | None
    minimum: float
    maximum: float


def summarise(values: Sequence[float]) -> Summary:
    """Mean, standard deviation, standard error and 95 % confidence interval of the mean (Student's t).

    Raises:
        ValueError: no values.
    """
    if not values:
        raise ValueError("there are no values to summarise")
    n, mean = len(values), math.fsum(values) / len(values)
    if n == 1:
        return Summary(1, mean, None, None, None, None, mean, mean)
    deviations = [value - mean for value in values]
    # Two passes with exact sums; the second term takes out the rounding of the mean.
    squares = math.fsum(one * one for one in deviations) - math.fsum(deviations) ** 2 / n
    std = math.sqrt(max(0.0, squares) / (n - 1))
    sem = std / math.sqrt(n)
    half = student_t(n - 1) * sem
    return Summary(n, mean, std, sem, mean - half, mean + half, min(values), max(values))


def student_t(degrees: int) -> float:
    """Two-sided 95 % quantile of Student's t: a table up to 10 degrees of freedom, then an expansion (error < 1e-5).

    Source: Abramowitz and Stegun, 26.7.5 (Cornish-Fisher expansion in 1 / degrees).

    Raises:
        ValueError: fewer than one degree of freedom.
    """
    if degrees < 1:
        raise ValueError(f"{degrees} degrees of freedom: at least 1 is needed")
    if degrees <= len(_SMALL):
        return _SMALL[degrees - 1]
    z = NormalDist().inv_cdf((1 + CONFIDENCE) / 2)
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return z + sum(term / float(degrees) ** order for order, term in enumerate(terms, start=1))
