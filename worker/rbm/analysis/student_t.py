"""Student's t distribution for whole degrees of freedom, by its closed form."""

from __future__ import annotations

import math

NUM_BISECTIONS = 60


def student_t_quantile(confidence: float, degrees: int) -> float:
    """The t for which |T| <= t has the probability `confidence`.

    Raises:
        ValueError: if there is no degree of freedom or the confidence is not in (0, 1).

    Source: Abramowitz and Stegun, Handbook of mathematical functions, 26.7.3 and 26.7.4.
    """
    if degrees < 1 or not 0 < confidence < 1:
        raise ValueError(f"{degrees} degrees of freedom, confidence {confidence}; at least 1, and in (0, 1)")
    low, high = 0.0, math.pi / 2
    for _ in range(NUM_BISECTIONS):
        middle = (low + high) / 2
        low, high = (middle, high) if _within_angle(middle, degrees) < confidence else (low, middle)
    return math.tan((low + high) / 2) * math.sqrt(degrees)


def _within_angle(angle: float, degrees: int) -> float:
    """The probability that |T| <= sqrt(degrees) tan(angle)."""
    odd = degrees % 2
    term = math.cos(angle) if odd else 1.0
    total = 0.0
    for power in range(1 + odd, degrees, 2):
        total += term
        term *= math.cos(angle) ** 2 * power / (power + 1)
    return (angle + math.sin(angle) * total) * 2 / math.pi if odd else math.sin(angle) * total
