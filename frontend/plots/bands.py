"""Bands around a mean: the four ways to show how replicas spread."""

from collections.abc import Callable
from typing import Literal, get_args

from backend.contracts.messages import CurvePoint

Band = Literal["std", "sem", "ci", "range", "none"]
Edges = tuple[float, float]

LABELS: dict[Band, str] = {
    "std": "± std",
    "sem": "± sem",
    "ci": "95 % CI",
    "range": "min to max",
    "none": "no band",
}


def band_of(name: object) -> Band:
    """The band of that name; the standard deviation if there is none."""
    return next((band for band in get_args(Band) if band == name), "std")


def _around(mean: float, half_width: float | None) -> Edges:
    return mean - (half_width or 0.0), mean + (half_width or 0.0)


def _interval(point: CurvePoint) -> Edges:
    low, high = point.ci_low, point.ci_high
    return (point.mean if low is None else low), (point.mean if high is None else high)


_EDGES: dict[Band, Callable[[CurvePoint], Edges]] = {
    "std": lambda point: _around(point.mean, point.std),
    "sem": lambda point: _around(point.mean, point.sem),
    "ci": _interval,
    "range": lambda point: (point.minimum, point.maximum),
    "none": lambda point: (point.mean, point.mean),
}


def edges(point: CurvePoint, band: Band) -> Edges:
    """Lower and upper edge of the band at one point; both are the mean where a single replica has no spread."""
    return _EDGES[band](point)
