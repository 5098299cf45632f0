"""What retraining brings back, and what it does not.

Source: paper, section 4.2, figure 5.
"""

import math
from collections.abc import Iterator, Sequence

from backend.contracts.grid import RETRAINED
from backend.contracts.results import Claim, ComparisonResult, PairComparison, PairedResult, Quantity, Verdict
from worker.experiments.claims.evidence import GOOD, SIGNIFICANT, Evidence, verdict_of

PLACE = 3


def claims(evidence: Evidence) -> Iterator[Claim]:
    """Quality after retraining, and its difference to machines trained at that sparsity from scratch."""
    if evidence.comparison is not None:
        yield _recovers(evidence.comparison)
        yield _stays_behind(evidence.comparison)


def _recovers(comparison: ComparisonResult) -> Claim:
    means = {_name(pair): _mean_quality(pair) for pair in comparison.pairs}
    known = [mean for mean in means.values() if mean is not None]
    listed = ", ".join(f"{mean:.3f} for {name}" for name, mean in means.items() if mean is not None)
    return Claim(
        claim="Retraining brings the quality of a broken machine back",
        source="Paper, section 4.2, figure 5",
        found=f"mean Q after retraining: {listed or 'not measured'}",
        criterion=f"mean Q is at least {GOOD:g} for every pair",
        verdict=verdict_of(known=bool(known), holds=min(known, default=0.0) >= GOOD),
        value=min(known, default=math.nan),
        num_replicas=_replicas(comparison),
    )


def _stays_behind(comparison: ComparisonResult) -> Claim:
    differences = {_name(pair): _difference(pair) for pair in comparison.pairs}
    known = {name: one for name, one in differences.items() if one is not None and one.mean is not None}
    less = fisher([one.p_value_less for one in known.values() if one.p_value_less is not None])
    listed = ", ".join(f"{one.mean:+.3f} for {name}" for name, one in known.items())
    means = [one.mean for one in known.values() if one.mean is not None]
    return Claim(
        claim="Retrained machines are worse than machines trained at that sparsity from scratch",
        source="Paper, section 4.2, figure 5",
        found=f"mean Q from p on, retrained - reference: {listed or 'not measured'}; p = {less:.2g} for less",
        criterion=f"sign-flip tests of all pairs, combined by Fisher: p for less is below {SIGNIFICANT:g}",
        verdict=_behind(less, list(known.values())),
        value=math.fsum(means) / len(means) if means else math.nan,
        num_replicas=_replicas(comparison),
    )


def _behind(less: float, differences: Sequence[PairedResult]) -> Verdict:
    if less < SIGNIFICANT:
        return "holds"
    two_sided = [one.p_value for one in differences if one.p_value is not None]
    better = bool(differences) and all(one.mean is not None and one.mean > 0 for one in differences)
    return "does not hold" if better and fisher(two_sided) < SIGNIFICANT else "cannot tell"


def fisher(p_values: Sequence[float]) -> float:
    """The p-value of k independent p-values together; 1 of none.

    -2 sum ln p has the chi-square law with 2 k degrees of freedom, whose tail is exp(-x/2) sum_{i<k} (x/2)^i / i!.

    Source: Fisher, Statistical methods for research workers (1932), section 21.1.
    """
    half = -math.fsum(map(math.log, p_values))
    return math.exp(-half) * math.fsum(half**i / math.factorial(i) for i in range(len(p_values))) if p_values else 1.0


def _name(pair: PairComparison) -> str:
    return f"({pair.initial_dilution:g}, {pair.pruning:g})"


def _quantity(pair: PairComparison, name: str) -> Quantity:
    return next(one for one in pair.quantities if one.name == name)


def _mean_quality(pair: PairComparison) -> float | None:
    groups = _quantity(pair, "quality").groups
    return next((group.mean for group in groups if group.machine_class == RETRAINED), None)


def _difference(pair: PairComparison) -> PairedResult | None:
    return _quantity(pair, "mean_quality").differences.get(RETRAINED)


def _replicas(comparison: ComparisonResult) -> int:
    return min((group.n for pair in comparison.pairs for group in _quantity(pair, "quality").groups), default=0)
