"""The bootstrap: what is drawn, what an interval is made of, and whether it covers."""

import math

import pytest
import torch

from tests.oracle import exact
from worker.rbm.metrics.bootstrap import Estimate, estimate, estimate_of_mean, resampling_counts


def test_resamples_are_drawn_with_replacement():
    """Kills: draws without replacement, resamples of another size, one resample used twice, samples left out.

    The counts of a sample are binomial: mean 1, variance 1 - 1 / n; 5 sigma.
    """
    counts = resampling_counts(29, torch.Generator().manual_seed(3), num_resamples=1009)
    assert counts.sum(dim=1).tolist() == [29.0] * 1009
    assert len({tuple(row) for row in counts.tolist()}) == 1009
    sigma = math.sqrt((1 - 1 / 29) / 1009)
    assert float((counts.mean(dim=0) - 1).abs().max()) < 5 * sigma
    assert float(counts.var()) == pytest.approx(1 - 1 / 29, rel=5 * math.sqrt(2 / counts.numel()))


def quantile(values, level):
    """Linear interpolation between the two neighbours in order."""
    ordered = sorted(values)
    place = level * (len(ordered) - 1)
    below = math.floor(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])


def test_interval_is_the_percentiles_shifted_by_the_bias():
    """Kills: an interval of another level, no shift, a shift the wrong way, NaN that spoils the rest."""
    resampled = [0.3, 2.0, 0.7, math.nan, 1.9, 1.1, 1.4, 0.2, math.nan, 3.0, 0.9]
    known = [one for one in resampled if one == one]
    shift = sum(known) / len(known) - 0.8
    got = estimate(0.8, torch.tensor(resampled).double())
    assert float(got.value) == 0.8
    assert float(got.low) == pytest.approx(quantile(known, 0.025) - shift, rel=1e-6)
    assert float(got.high) == pytest.approx(quantile(known, 0.975) - shift, rel=1e-6)
    cut = estimate(0.8, torch.tensor(resampled).double(), (0.0, 2.0))
    assert (float(cut.low), float(cut.high)) == (0.0, 2.0)


@pytest.mark.parametrize(("value", "resampled"), [(math.nan, [0.1, 0.2, 0.3]), (1.0, [math.nan, 0.2]), (1.0, [])])
def test_no_interval_without_a_value_or_resamples(value, resampled):
    """Kills: 0 for undefined, an interval of one resample, an interval around nothing."""
    got = estimate(value, torch.tensor(resampled, dtype=torch.float64))
    assert torch.equal(got.value, torch.tensor([value]).double()) or math.isnan(value)
    assert math.isnan(float(got.value)) == math.isnan(value)
    assert math.isnan(float(got.low))
    assert math.isnan(float(got.high))


def test_mean_and_its_resamples():
    """Kills: a sum instead of a mean, counts of another generator, a forgotten limit."""
    values = torch.tensor([0.25, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0], dtype=torch.float64)
    got = estimate_of_mean(values, torch.Generator().manual_seed(5), (0.0, 1.0))
    drawn = resampling_counts(7, torch.Generator().manual_seed(5)).tolist()
    means = [sum(count * one for count, one in zip(row, values.tolist(), strict=True)) / 7 for row in drawn]
    expected = estimate(6.25 / 7, torch.tensor(means).double())
    assert float(got.value) == pytest.approx(6.25 / 7)
    assert float(got.low) == pytest.approx(float(expected.low), rel=1e-6)
    assert float(got.high) == 1.0 < float(expected.high)


def test_interval_of_a_mean_covers():
    """Kills: an interval too narrow (a factor 0.8 covers 88 %) or too wide (1.4 covers 99.4 %)."""
    generator = torch.Generator().manual_seed(7)
    draws = (torch.rand(300, 97, generator=generator) < 0.3).double()
    found = Estimate.joined([estimate_of_mean(one, generator) for one in draws])
    covered = float(((found.low <= 0.3) & (found.high >= 0.3)).double().mean())
    assert 0.9 <= covered <= 0.99


def test_estimates_join_in_order():
    """Kills: ends that change places, replicas out of order."""
    one, two = (Estimate(*(torch.tensor([x + y]).double() for y in (0.5, 0.0, 1.0))) for x in (3.0, 1.0))
    got = Estimate.joined([one, two])
    assert (got.value.tolist(), got.low.tolist(), got.high.tolist()) == ([3.5, 1.5], [3.0, 1.0], [4.0, 2.0])


def test_nothing_cannot_be_resampled(unchecked_shapes):
    """Kills: a mean of no samples."""
    (generator,) = exact.seeded(1)
    with pytest.raises(ValueError, match="500 resamples of 0 samples"):
        resampling_counts(0, generator)
    with pytest.raises(ValueError, match="0 resamples of 3 samples"):
        resampling_counts(3, generator, num_resamples=0)
