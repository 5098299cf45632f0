import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.services.statistics import student_t, summarise

VALUES = st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=30)


# scipy.stats.t.ppf(0.975, degrees), scipy 1.17.1
BY_SCIPY = {
    1: 12.70620474,
    2: 4.30265273,
    3: 3.18244631,
    4: 2.77644511,
    5: 2.57058184,
    6: 2.44691185,
    7: 2.36462425,
    8: 2.30600414,
    9: 2.26215716,
    10: 2.22813885,
    11: 2.20098516,
    12: 2.17881283,
    14: 2.14478669,
    19: 2.09302405,
    29: 2.04522964,
    49: 2.00957524,
    99: 1.98421695,
    499: 1.96472939,
    999: 1.96234146,
}


@pytest.mark.parametrize("degrees", BY_SCIPY)
def test_student_t_against_scipy(degrees: int) -> None:
    assert student_t(degrees) == pytest.approx(BY_SCIPY[degrees], abs=1e-5)


def test_student_t_needs_a_degree_of_freedom() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        student_t(0)


@given(VALUES)
def test_summary_against_numpy(values: list[float]) -> None:
    summary = summarise(values)
    scale = max(1.0, *map(abs, values))
    assert summary.n == len(values)
    assert summary.mean == pytest.approx(np.mean(values), abs=1e-12 * scale)
    assert summary.std == pytest.approx(np.std(values, ddof=1), abs=1e-9 * scale)
    assert summary.sem == pytest.approx(np.std(values, ddof=1) / np.sqrt(len(values)), abs=1e-9 * scale)
    assert (summary.minimum, summary.maximum) == (min(values), max(values))


def test_confidence_interval_against_scipy() -> None:
    values = [1.0, 2.0, 4.0, 8.0, 16.0]
    summary = summarise(values)
    # scipy.stats.t.interval(0.95, 4, loc=mean, scale=sem)
    assert summary.ci_low == pytest.approx(-1.3731325632789027, abs=1e-6)
    assert summary.ci_high == pytest.approx(13.773132563278903, abs=1e-6)


def test_one_value_has_no_spread() -> None:
    summary = summarise([3.0])
    assert (summary.n, summary.mean, summary.minimum, summary.maximum) == (1, 3.0, 3.0, 3.0)
    assert (summary.std, summary.sem, summary.ci_low, summary.ci_high) == (None, None, None, None)


def test_close_values_keep_their_spread() -> None:
    """A one-pass sum of squares would lose it."""
    summary = summarise([1e9 + 1, 1e9 + 2, 1e9 + 3])
    assert summary.std == pytest.approx(1.0, rel=1e-12)
    assert math.isfinite(summary.sem or math.nan)


def test_no_values_are_refused() -> None:
    with pytest.raises(ValueError, match="no values"):
        summarise([])
