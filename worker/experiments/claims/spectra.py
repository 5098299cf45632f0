"""What training does to the spectrum of the weights.

Source: paper, section 4.1, figure 4b.
"""

from collections.abc import Iterator

from backend.contracts.results import Claim, SpectrumResult
from worker.experiments.claims.evidence import Evidence, contains, verdict_of

PLACE = 2
ABOVE_RANDOM = 2.0
"""How far the largest eigenvalue is above that of random entries at least, as a factor."""
CLAIMED_CROSSING = 62


def claims(evidence: Evidence) -> Iterator[Claim]:
    """Structure at every p0, and the crossing."""
    if evidence.spectrum is not None:
        yield _structure(evidence.spectrum)
        yield _crossing(evidence.spectrum)


def _structure(spectrum: SpectrumResult) -> Claim:
    factors = [one.mean[0] / one.marchenko_pastur[0] for one in spectrum.series]
    return Claim(
        claim="Training puts structure into the weights, whatever p0 is",
        source="Paper, section 4.1, figure 4b",
        found=f"the largest eigenvalue is {min(factors):.1f} to {max(factors):.1f} times that of random entries",
        criterion=f"at least {ABOVE_RANDOM:g} times for every p0",
        verdict=verdict_of(known=True, holds=min(factors) >= ABOVE_RANDOM),
        value=min(factors),
        num_replicas=_replicas(spectrum),
    )


def _crossing(spectrum: SpectrumResult) -> Claim:
    crossing = spectrum.crossing
    known = crossing.index is not None
    return Claim(
        claim=f"The spectra of all p0 cross at mode {CLAIMED_CROSSING}",
        source="Paper, section 4.1, figure 4b",
        found=f"they come closest at mode {crossing.index}" if known else crossing.reason or "they do not cross",
        criterion=f"the interval of the crossing over replicas contains {CLAIMED_CROSSING}",
        verdict=contains(crossing.interval, CLAIMED_CROSSING),
        value=None if crossing.index is None else float(crossing.index),
        interval=crossing.interval,
        num_replicas=_replicas(spectrum),
    )


def _replicas(spectrum: SpectrumResult) -> int:
    return min(one.num_replicas for one in spectrum.series)
