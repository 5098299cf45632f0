"""What claims are judged by, and the scan that finds them."""

import importlib
import pkgutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from backend.contracts.results import (
    Claim,
    CollapseResult,
    ComparisonResult,
    Interval,
    RepresentationResult,
    SpectrumResult,
    Verdict,
)

SIGNIFICANT = 0.05
GOOD = 0.9
"""A Q that counts as good."""


@dataclass(frozen=True)
class Evidence:
    """What the claims read. A result is None when its analysis could not be made.

    Attributes:
        quality: Q of every trained machine at its own p0, for each p0, ascending.
    """

    quality: Mapping[float, Sequence[float]]
    spectrum: SpectrumResult | None = None
    collapse: CollapseResult | None = None
    comparison: ComparisonResult | None = None
    representation: RepresentationResult | None = None

    @property
    def num_replicas(self) -> int:
        """Replicas of the initial dilution that has fewest."""
        return min(map(len, self.quality.values()), default=0)


def judge_claims(evidence: Evidence) -> list[Claim]:
    """Every claim that the evidence can say something about, in the order of the files' `PLACE`."""
    package = importlib.import_module(__package__)
    modules = [importlib.import_module(f"{__package__}.{one.name}") for one in pkgutil.iter_modules(package.__path__)]
    claiming = sorted((one for one in modules if hasattr(one, "claims")), key=lambda one: one.PLACE)
    found: list[Callable[[Evidence], Iterator[Claim]]] = [one.claims for one in claiming]
    return [claim for claims in found for claim in claims(evidence)]


def verdict_of(known: bool, holds: bool) -> Verdict:
    """`cannot tell` unless the criterion could be applied."""
    if not known:
        return "cannot tell"
    return "holds" if holds else "does not hold"


def contains(interval: Interval, value: float) -> Verdict:
    """Whether an interval contains a value; `cannot tell` without an interval."""
    low, high = interval.low, interval.high
    return verdict_of(low is not None, low is not None and high is not None and low <= value <= high)
