"""Whether retrained machines stay near the frozen ones they came from.

Source: paper, section 4.3, figure 6.
"""

import math
from collections.abc import Iterator

from backend.contracts.grid import FROZEN, REFERENCE, RETRAINED, SAME_MASK
from backend.contracts.results import Claim, Panel, SeparationResult
from worker.experiments.claims.evidence import SIGNIFICANT, Evidence, verdict_of

PLACE = 4
PANELS = (
    ("By their weights, frozen and retrained machines lie apart from references", "weights", REFERENCE, True),
    ("By their weights they do not lie apart from references on the same masks", "weights", SAME_MASK, False),
    ("By their effective couplings they lie apart from references", "couplings", REFERENCE, True),
    ("By their effective couplings they do so even on the same masks", "couplings", SAME_MASK, True),
)


def claims(evidence: Evidence) -> Iterator[Claim]:
    """One claim for each panel of the figure."""
    if evidence.representation is not None:
        panels = {(str(panel.features), panel.reference): panel for panel in evidence.representation.panels}
        for claim, features, reference, apart in PANELS:
            yield _claim(claim, panels[features, reference], apart=apart)


def _claim(claim: str, panel: Panel, *, apart: bool) -> Claim:
    """Both classes must differ: the larger of the two p-values decides, and needs no adjustment."""
    tests = {name: _test(panel, name) for name in (FROZEN, RETRAINED)}
    p_values = [one.p_value for one in tests.values() if one.p_value is not None]
    largest = max(p_values) if len(p_values) == len(tests) else math.nan
    reachable = all((one.least_p_value or 1.0) < SIGNIFICANT for one in tests.values())
    listed = "; ".join(f"{name}: {_in_words(one)}" for name, one in tests.items())
    return Claim(
        claim=claim,
        source="Paper, section 4.3, figure 6",
        found=listed if reachable else f"{listed}; so few replicas cannot give p below {SIGNIFICANT:g}",
        criterion=f"permutation tests of each class against the reference: "
        f"{'both give p below' if apart else 'not both give p below'} {SIGNIFICANT:g}",
        verdict=verdict_of(known=reachable and largest == largest, holds=(largest < SIGNIFICANT) == apart),  # noqa: PLR0124
        value=largest,
        num_replicas=min(panel.separation.num_points, default=0),
    )


def _in_words(test: SeparationResult) -> str:
    if test.p_value is None or test.r_squared is None:
        return test.reason or "not measured"
    return f"R2 = {test.r_squared:.2f}, p = {test.p_value:.2g}"


def _test(panel: Panel, name: str) -> SeparationResult:
    both = {name, panel.reference}
    return next(one.separation for one in panel.pairs if {one.first, one.second} == both)
