"""Each claim's verdict turns where its criterion says."""

import math
from collections.abc import Mapping, Sequence

import pytest

from backend.contracts.grid import FROZEN, REFERENCE, RETRAINED, SAME_MASK
from backend.contracts.results import (
    Claim,
    CollapseResult,
    ComparisonResult,
    RepresentationResult,
    Result,
    SpectrumResult,
)
from worker.experiments.claims import Evidence, judge_claims
from worker.experiments.claims.retraining import fisher

NO = {"low": None, "high": None}


def found(evidence: Evidence, words: str) -> Claim:
    [claim] = [one for one in judge_claims(evidence) if words in one.claim]
    return claim


def collapse(**fit: object) -> CollapseResult:
    own = {
        "alpha": 0.45, "alpha_interval": {"low": 0.4, "high": 0.52}, "threshold": 0.64,
        "threshold_interval": {"low": 0.6, "high": 0.7}, "width": 0.1, "width_interval": NO, "spread": 0.02,
        "spread_unscaled": 0.1, "level_spacing": 0.05, "initial_dilutions": [0.0, 0.4], "num_replicas": [3, 4],
        "left_out": [], "reason": None,
    }  # fmt: skip
    line = {
        "initial_dilutions": [0.0, 0.4], "mean_points": [0.64, 0.83], "num_replicas": [3, 4], "num_missing": [0, 0],
        "alpha": 0.47, "alpha_interval": {"low": 0.4, "high": 0.5}, "threshold": 0.64, "threshold_interval": NO,
        "reason": None,
    }  # fmt: skip
    transition = {"start": [0.6, 0.6], "half": [0.64, 0.65], "end": [0.7, 0.7], "width": [0.1, 0.1]}
    whole = {
        "metric": "quality",
        "fit": own | {name: value for name, value in fit.items() if name in own},
        "line": line | {name.removeprefix("line_"): value for name, value in fit.items() if name.startswith("line_")},
        "transitions": [{"initial_dilution": 0.0, **transition, **fit.get("transition", {})}],  # type: ignore[dict-item]
    }
    return CollapseResult.model_validate(whole)


@pytest.mark.parametrize(
    ("values", "verdict"),
    [
        ([0.95, 0.92], "holds"),
        ([0.99, 0.99, 0.99, 0.79], "does not hold"),
        ([0.88, 0.89], "does not hold"),
    ],
)
def test_quality_before_pruning_is_that_of_the_greatest_dilution(values: list[float], verdict: str) -> None:
    claim = found(Evidence({0.0: [0.2], 0.8: values}), "up to p0 = 0.8")
    assert (claim.verdict, claim.num_replicas) == (verdict, len(values))


@pytest.mark.parametrize(
    ("width", "verdict"),
    [
        ([0.1, 0.3], "holds"),
        ([0.1, 0.31], "does not hold"),
        ([0.1, None], "holds"),
        ([None, None], "cannot tell"),
        ([0.1, None, None], "cannot tell"),
    ],
)
def test_a_fall_is_abrupt_by_its_mean_width(width: list[float | None], verdict: str) -> None:
    assert found(Evidence({}, collapse=collapse(transition={"width": width})), "abruptly").verdict == verdict


@pytest.mark.parametrize(
    ("line", "verdict"),
    [
        ({}, "holds"),
        ({"line_mean_points": [0.64, 0.6]}, "does not hold"),
        ({"line_alpha_interval": {"low": -0.1, "high": 0.5}}, "does not hold"),
        ({"line_alpha_interval": NO}, "cannot tell"),
        ({"line_mean_points": [0.64, None]}, "cannot tell"),
    ],
)
def test_the_threshold_grows_with_its_slope(line: dict[str, object], verdict: str) -> None:
    assert found(Evidence({}, collapse=collapse(**line)), "grows with p0").verdict == verdict


def test_the_collapse_is_judged_by_its_spread_and_its_numbers_by_their_intervals() -> None:
    good = Evidence({}, collapse=collapse())
    assert found(good, "collapse on").verdict == "holds"
    assert found(good, "alpha of").verdict == "holds"
    assert found(good, "threshold of").verdict == "does not hold"
    assert found(Evidence({}, collapse=collapse(spread=0.051)), "collapse on").verdict == "does not hold"
    none = collapse(alpha=None, alpha_interval=NO, spread=None, spread_unscaled=None, reason="one p0")
    assert found(Evidence({}, collapse=none), "collapse on").verdict == "cannot tell"
    assert found(Evidence({}, collapse=none), "alpha of").found == "one p0"


def spectrum(largest: float, low: float | None, high: float | None) -> SpectrumResult:
    series = {
        "initial_dilution": 0.0, "num_replicas": 3, "mean": [largest, 1.0], "std": [None, None],
        "lowest": [1.0, 1.0], "highest": [1.0, 1.0], "marchenko_pastur": [10.0, 1.0],
    }  # fmt: skip
    crossing = {
        "index": 47, "interval": {"low": low, "high": high}, "spread": [0.0], "first": 2, "last": 200, "reason": None,
    }  # fmt: skip
    return SpectrumResult.model_validate({"series": [series], "crossing": crossing})


def test_spectra_are_compared_with_random_entries_and_the_claimed_mode() -> None:
    for largest, verdict in ((20.0, "holds"), (19.9, "does not hold")):
        assert found(Evidence({}, spectrum=spectrum(largest, 40, 50)), "structure").verdict == verdict
    for (low, high), verdict in (((40, 62), "holds"), ((40, 61), "does not hold"), ((None, None), "cannot tell")):
        assert found(Evidence({}, spectrum=spectrum(20, low, high)), "cross at mode 62").verdict == verdict


def comparison(*differences: tuple[float, float, float], qualities: Sequence[float] = ()) -> ComparisonResult:
    def pair(place: int, mean: float, two_sided: float, less: float) -> dict[str, object]:
        quality = qualities[place] if qualities else 0.95
        difference = {
            "n": 5, "mean": mean, "std": 0.1, "t_interval": NO, "bootstrap_interval": NO, "p_value": two_sided,
            "p_value_less": less, "exact": True, "num_signs": 32, "reason": None,
        }  # fmt: skip
        groups = [
            {"machine_class": kind, "n": 5, "missing": 0, "mean": quality, "std": 0.1}
            for kind in (RETRAINED, REFERENCE)
        ]
        quantities = [
            {"name": name, "label": name, "groups": groups, "differences": {RETRAINED: difference}}
            for name in ("quality", "mean_quality")
        ]
        return {"initial_dilution": 0.1 * place, "pruning": 0.9, "quantities": quantities}

    pairs = [pair(place, *one) for place, one in enumerate(differences)]
    return ComparisonResult.model_validate({"metric": "quality", "reference": REFERENCE, "pairs": pairs})


@pytest.mark.parametrize(
    ("differences", "verdict"),
    [
        ([(-0.1, 0.06, 0.03)], "holds"),
        ([(-0.1, 0.125, 0.0625), (-0.1, 0.125, 0.0625)], "holds"),
        ([(-0.1, 0.125, 0.0625)], "cannot tell"),
        ([(0.1, 0.03, 0.99)], "does not hold"),
        ([(0.1, 0.3, 0.9), (0.1, 0.4, 0.8)], "cannot tell"),
    ],
)
def test_retrained_machines_stay_behind_by_the_tests_of_all_pairs(
    differences: list[tuple[float, float, float]], verdict: str
) -> None:
    assert found(Evidence({}, comparison=comparison(*differences)), "worse than").verdict == verdict


def test_retraining_recovers_by_the_worst_pair() -> None:
    assert found(Evidence({}, comparison=comparison((0, 1, 1))), "back").verdict == "holds"
    two = comparison((0, 1, 1), (0, 1, 1), qualities=[0.99, 0.89])
    assert found(Evidence({}, comparison=two), "back").verdict == "does not hold"


def test_fishers_combination() -> None:
    """Two values 0.1 and 0.2: tail of chi-square with 4 degrees of freedom at 2 ln 50, by hand."""
    assert fisher([0.1, 0.2]) == pytest.approx(0.02 * (1 + math.log(50)))
    assert fisher([0.3]) == pytest.approx(0.3)
    assert fisher([]) == 1.0


def representation(
    p_value: float | None, least: float, others: Mapping[tuple[str, str], float] | None = None
) -> RepresentationResult:
    """The same p-value for every pair of classes, but for the `others`."""

    def test(first: str, second: str) -> dict[str, object]:
        p_value = p_value_of(first, second)
        return {
            "classes": [first, second], "num_points": [5, 5], "pseudo_f": 2.0, "r_squared": 0.2, "within": [1.0, 1.0],
            "p_value": p_value, "least_p_value": least, "num_permutations": 9999, "reason": None,
        }  # fmt: skip

    def p_value_of(first: str, second: str) -> float | None:
        return (others or {}).get((first, second), p_value)

    panels = [
        {
            "features": features,
            "reference": reference,
            "points": [],
            "explained_variance_ratio": [],
            "separation": test(FROZEN, reference),
            "pairs": [
                {"first": kind, "second": reference, "separation": test(kind, reference), "adjusted_p_value": None}
                for kind in (FROZEN, RETRAINED)
            ],
        }
        for features in ("weights", "couplings")
        for reference in (REFERENCE, SAME_MASK)
    ]
    return RepresentationResult.model_validate({"initial_dilution": 0.4, "pruning": 0.9, "panels": panels})


@pytest.mark.parametrize(
    ("p_value", "least", "apart", "together"),
    [
        (0.01, 0.004, "holds", "does not hold"),
        (0.3, 0.004, "does not hold", "holds"),
        (0.3, 0.06, "cannot tell", "cannot tell"),
        (None, 0.004, "cannot tell", "cannot tell"),
    ],
)
def test_classes_lie_apart_by_both_permutation_tests(
    p_value: float | None, least: float, apart: str, together: str
) -> None:
    evidence = Evidence({}, representation=representation(p_value, least))
    for words in ("By their weights, frozen", "couplings they lie apart", "couplings they do so even"):
        assert found(evidence, words).verdict == apart
    assert found(evidence, "do not lie apart").verdict == together


def test_both_classes_must_lie_apart_and_each_reference_has_its_own_test() -> None:
    apart = "couplings they lie apart"
    one_only = representation(0.01, 0.004, {(RETRAINED, REFERENCE): 0.3})
    assert found(Evidence({}, representation=one_only), apart).verdict == "does not hold"
    other_reference = representation(0.01, 0.004, {(RETRAINED, SAME_MASK): 0.3})
    assert found(Evidence({}, representation=other_reference), apart).verdict == "holds"
    assert found(Evidence({}, representation=other_reference), "couplings they do so even").verdict == "does not hold"


def test_claims_come_in_the_order_of_the_papers_sections() -> None:
    everything = Evidence(
        {0.8: [0.95]},
        spectrum=spectrum(20, 40, 62),
        collapse=collapse(),
        comparison=comparison((0, 1, 1)),
        representation=representation(0.01, 0.004),
    )
    sections = [one.source.split(",")[1] for one in judge_claims(everything)]
    assert sections == sorted(sections)
    assert set(sections) == {" section 4.1", " section 4.2", " section 4.3"}


def test_nothing_is_claimed_without_evidence() -> None:
    assert judge_claims(Evidence({})) == []


def test_every_result_takes_nan_for_undefined() -> None:
    result = collapse(alpha=math.nan)
    assert isinstance(result, Result)
    assert result.fit.alpha is None
