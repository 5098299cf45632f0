"""Paired differences by enumeration of signs and of resamples."""

import itertools
import math

import numpy as np
import pytest
import torch

from worker.rbm.analysis.paired import paired_difference
from worker.rbm.analysis.student_t import student_t_quantile

NAN = math.nan
DIFFERENCES = [-3.0, 1.0, -4.0, -1.5, 0.5, -2.0, 0.25]


def vector(values):
    return torch.tensor(values, dtype=torch.float64)


def compared(differences, seed=0, **options):
    reference = torch.linspace(3, 7, len(differences), dtype=torch.float64)
    return paired_difference(vector(differences) + reference, reference, torch.Generator().manual_seed(seed), **options)


def enumerated(differences):
    """Two-sided p and p for less over every pattern of signs."""
    sums = [
        sum(s * d for s, d in zip(signs, differences, strict=True))
        for signs in itertools.product((1, -1), repeat=len(differences))
    ]
    observed = sum(differences)
    far = sum(abs(total) >= abs(observed) - 1e-9 for total in sums)
    low = sum(total <= observed + 1e-9 for total in sums)
    return far / len(sums), low / len(sums)


@pytest.mark.parametrize("differences", [DIFFERENCES, DIFFERENCES[:5], [1.0, 1.0, 1.0], [-1.0, 2.0]])
def test_sign_flips_by_enumeration(differences):
    """Kills: reference - value, flips of pairs' values alone, ties left out, the one-sided p of the other side."""
    got = compared(differences)
    assert (got.p_value, got.p_value_less) == pytest.approx(enumerated(differences))
    assert (got.exact, got.num_signs, got.n) == (True, 2 ** len(differences), len(differences))


def test_many_pairs_are_sampled():
    """Kills: signs of one column for all, a p that forgets the observed signs. 17 pairs, 5 sigma."""
    rng = np.random.default_rng(1)
    differences = (rng.standard_normal(17) - 0.4).round(2).tolist()
    signs = 1 - 2 * ((np.arange(2**17)[:, None] >> np.arange(17)) & 1)
    sums = signs @ np.array(differences)
    two_sided = float((np.abs(sums) >= abs(sum(differences)) - 1e-9).mean())
    less = float((sums <= sum(differences) + 1e-9).mean())
    got = compared(differences, num_permutations=40_000)
    assert not got.exact
    for p, expected in ((got.p_value, two_sided), (got.p_value_less, less)):
        assert 0.005 < expected < 0.9
        assert abs(p - expected) < 5 * math.sqrt(expected * (1 - expected) / 40_000) + 1 / 40_000
    far_away = [-5.0 - index for index in range(17)]
    assert compared(far_away, num_permutations=99).p_value == 1 / 100


def test_mean_std_and_student_interval():
    """Kills: a std with n, normal quantiles, a standard error without the root.

    The interval of 1, 2, 4, 8, 16 is that of scipy.stats.t.interval(0.95, 4, loc=6.2, scale=2.727636) (scipy 1.17.1).
    """
    got = compared([1.0, 2.0, 4.0, 8.0, 16.0])
    assert (got.mean, got.std) == pytest.approx((6.2, float(np.std([1, 2, 4, 8, 16], ddof=1))))
    assert (got.t_interval.low, got.t_interval.high) == pytest.approx((-1.3731325632789, 13.7731325632789), abs=1e-9)


def test_bootstrap_interval_by_enumeration_of_resamples():
    """Kills: another number of draws, resampled signs, unpaired resampling. All 5^4 resamples; 5 sigma of a level."""
    values = [1.0, 2.0, 4.0, 8.0, 16.0]
    means = np.array([np.mean(drawn) for drawn in itertools.product(values, repeat=4)])
    got = compared(values, num_resamples=40_000).bootstrap_interval
    sigma = math.sqrt(0.025 * 0.975 / 40_000)
    for bound, level in ((got.low, 0.025), (got.high, 0.975)):
        assert np.quantile(means, level - 5 * sigma) <= bound <= np.quantile(means, level + 5 * sigma)


def test_few_pairs_have_no_bootstrap_interval():
    """Kills: an interval of two values, NaN that spreads, a missing partner counted as 0."""
    got = compared([1.0, NAN, 2.0, 3.0, NAN, 4.5])
    assert got.n == 4
    assert got.mean == pytest.approx(2.625)
    assert math.isnan(got.bootstrap_interval.low)
    assert "4 pairs" in got.reason
    assert (compared(DIFFERENCES).reason, compared([1.0] * 5).reason) == (None, None)


def test_one_pair_is_no_comparison(unchecked_shapes):
    """Kills: a p-value of one pair, an exception where there is no answer."""
    got = compared([2.0, NAN])
    assert (got.n, got.mean) == (1, 2.0)
    assert all(math.isnan(value) for value in (got.std, got.p_value, got.p_value_less, got.t_interval.high))
    assert "at least 2" in got.reason
    assert math.isnan(compared([NAN]).mean)
    with pytest.raises(ValueError, match="give pairs"):
        paired_difference(torch.ones(3).double(), torch.ones(2).double(), torch.Generator())


@pytest.mark.parametrize("degrees", [1, 2, 3, 4, 7, 14, 29, 100])
def test_student_t_by_integration(degrees):
    """Kills: a term too many or too few of the odd or the even series, a one-sided quantile."""
    t = student_t_quantile(0.95, degrees)
    x = np.linspace(0, t, 200_001)
    constant = math.exp(math.lgamma((degrees + 1) / 2) - math.lgamma(degrees / 2)) / math.sqrt(degrees * math.pi)
    density = constant * (1 + x**2 / degrees) ** (-(degrees + 1) / 2)
    assert 2 * np.trapezoid(density, x) == pytest.approx(0.95, abs=1e-7)


def test_student_t_refuses_what_it_cannot_give():
    """Kills: an interval without degrees of freedom."""
    for arguments in [(0.95, 0), (1.0, 3)]:
        with pytest.raises(ValueError, match="at least 1"):
            student_t_quantile(*arguments)
