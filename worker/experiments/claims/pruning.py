"""What dilution before training and pruning after it do to quality.

Source: paper, section 4.1, figures 2, 3 and 4a.
"""

import itertools
import math
from collections.abc import Iterator

from backend.contracts.results import Claim, CollapseResult, Interval, Verdict
from worker.experiments.claims.evidence import GOOD, Evidence, contains, verdict_of

PLACE = 1
POOR = 0.8
"""A Q below which no replica may be."""
ABRUPT = 0.2
"""The widest fall of Q from 0.9 to 0.1 that counts as abrupt, in units of p."""
CLAIMED_ALPHA, CLAIMED_THRESHOLD = 0.5, 0.5


def claims(evidence: Evidence) -> Iterator[Claim]:
    """Quality at p0; the abrupt fall; the threshold that grows; the collapse."""
    if evidence.quality:
        yield _survives(evidence)
    if evidence.collapse is not None:
        yield _abrupt(evidence.collapse, evidence.num_replicas)
        yield _grows(evidence.collapse)
        yield from _collapses(evidence.collapse)


def _survives(evidence: Evidence) -> Claim:
    highest = max(evidence.quality)
    values = evidence.quality[highest]
    mean = math.fsum(values) / len(values)
    return Claim(
        claim=f"Dilution before training up to p0 = {highest:g} does not cost quality",
        source="Paper, section 4.1, figure 2",
        found=f"mean Q = {mean:.3f} at p0 = {highest:g}, lowest replica {min(values):.3f}",
        criterion=f"mean Q is at least {GOOD:g} and no replica is below {POOR:g}",
        verdict=verdict_of(known=True, holds=mean >= GOOD and min(values) >= POOR),
        value=mean,
        num_replicas=len(values),
    )


def _abrupt(collapse: CollapseResult, num_replicas: int) -> Claim:
    widths = [width for one in collapse.transitions for width in one.width if width is not None]
    total = sum(len(one.width) for one in collapse.transitions)
    mean = math.fsum(widths) / len(widths) if widths else math.nan
    fallen = f"{len(widths)} of {total} machines fall so far"
    return Claim(
        claim="Pruning after training breaks generation abruptly",
        source="Paper, section 4.1, figure 3a",
        found=f"Q falls from 0.9 to 0.1 within {mean:.3f} of p on average; {fallen}" if widths else fallen,
        criterion=f"the mean width is at most {ABRUPT:g}, over at least half of the machines",
        verdict=verdict_of(known=2 * len(widths) >= total > 0, holds=mean <= ABRUPT),
        value=mean,
        num_replicas=num_replicas,
    )


def _grows(collapse: CollapseResult) -> Claim:
    line = collapse.line
    points = [(p0, p) for p0, p in zip(line.initial_dilutions, line.mean_points, strict=True) if p is not None]
    listed = ", ".join(f"{p:.2f} for p0 = {p0:g}" for p0, p in points)
    return Claim(
        claim="The level at which it breaks grows with p0",
        source="Paper, section 4.1, figure 3a",
        found=f"Q falls to 1/2 at p = {listed}" if listed else line.reason or "no machine breaks",
        criterion="the mean level grows from each p0 to the next, and the interval of the slope is above 0",
        verdict=_growing([p for _, p in points], line.alpha_interval),
        value=line.alpha,
        interval=line.alpha_interval,
        num_replicas=min(line.num_replicas, default=0),
    )


def _growing(levels: list[float], slope: Interval) -> Verdict:
    if len(levels) < 2:
        return "cannot tell"
    if not all(earlier < later for earlier, later in itertools.pairwise(levels)):
        return "does not hold"
    return verdict_of(known=slope.low is not None, holds=slope.low is not None and slope.low > 0)


def _collapses(collapse: CollapseResult) -> Iterator[Claim]:
    fit = collapse.fit
    replicas = min(fit.num_replicas, default=0)
    found, closer = fit.reason or "no fit", False
    if fit.alpha is not None and fit.spread is not None and fit.spread_unscaled is not None:
        found = f"spread {fit.spread:.3f} of p at alpha = {fit.alpha:.2f}, {fit.spread_unscaled:.3f} at alpha = 0"
        closer = fit.spread <= fit.spread_unscaled / 2
    yield Claim(
        claim="The curves collapse on p - alpha p0",
        source="Paper, section 4.1, eq. 7 and figure 4a",
        found=found,
        criterion="the spread of the curves is at most half of what it is at alpha = 0",
        verdict=verdict_of(known=fit.spread is not None, holds=closer),
        value=fit.spread,
        num_replicas=replicas,
    )
    for name, value, interval, claimed in (
        ("alpha", fit.alpha, fit.alpha_interval, CLAIMED_ALPHA),
        ("threshold", fit.threshold, fit.threshold_interval, CLAIMED_THRESHOLD),
    ):
        yield Claim(
            claim=f"The {name} of the collapse is {claimed:g}",
            source="Paper, section 4.1, eq. 7 and figure 4a",
            found=f"{name} = {value:.2f}" if value is not None else fit.reason or "no fit",
            criterion=f"the interval over replicas contains {claimed:g}",
            verdict=contains(interval, claimed),
            value=value,
            interval=interval,
            num_replicas=replicas,
        )
