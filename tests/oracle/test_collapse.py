"""Collapse of synthetic curves with a known law, and of ragged ones by a slow independent integral."""

import itertools
import math

import numpy as np
import pytest
import torch

from worker.rbm.analysis import plain
from worker.rbm.analysis.collapse import fit_collapse, spread
from worker.rbm.analysis.half_quality import half_quality_line, half_quality_points
from worker.rbm.analysis.quality_curves import QualityCurves, filled
from worker.rbm.analysis.replica_bootstrap import percentile_interval, replica_weights
from worker.rbm.analysis.transition import falling_points, transition

ALPHA, THRESHOLD, WIDTH = 0.44, 0.55, 0.08
DILUTIONS = (0.0, 0.2, 0.4, 0.6, 0.8)
NAN = math.nan


def vector(*values):
    return torch.tensor(values, dtype=torch.float64)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def logistic_curves(seed=0, replicas=3, replica_std=0.0, noise=0.0, num_levels=51, dilutions=DILUTIONS):
    """Q = 1 / (1 + exp((p - THRESHOLD - ALPHA p0) / s)), s = WIDTH / (2 ln 9), thresholds that differ by replica."""
    rng = np.random.default_rng(seed)
    grid = np.linspace(0, 1, num_levels)
    curves = []
    for p0 in dilutions:
        levels = grid[grid >= p0 - 1e-9]
        threshold = THRESHOLD + ALPHA * p0 + replica_std * rng.standard_normal((replicas, 1))
        quality = 1 / (1 + np.exp((levels - threshold) * 2 * math.log(9) / WIDTH))
        quality += noise * rng.standard_normal(quality.shape)
        curves.append(QualityCurves(p0, torch.from_numpy(levels), torch.from_numpy(quality)))
    return curves


def ragged_curves():
    """Other levels for each p0, noise, a gap, and one curve that ends before it has fallen."""
    whole = logistic_curves(seed=2, replica_std=0.03, noise=0.03, num_levels=21, dilutions=(0.0, 0.3, 0.6))
    odd = whole[1]
    quality = odd.quality[:, ::2].clone()
    quality[1, 2] = NAN
    whole[1] = QualityCurves(0.3, odd.levels[::2].contiguous(), quality)
    last = int((whole[2].quality.mean(dim=0) < 0.45).to(torch.int8).argmax())
    whole[2] = QualityCurves(0.6, whole[2].levels[: last + 1], whole[2].quality[:, : last + 1])
    return whole


def slow_spread(curves, alpha):
    """The integral by numpy on a hundred times finer axis, as wide as any alpha of the search needs."""
    first = min(float(one.levels[0]) - 1.5 * one.initial_dilution for one in curves)
    last = max(float(one.levels[-1]) + 0.5 * one.initial_dilution for one in curves)
    axis = np.arange(first, last, 1e-4)
    shifted = []
    for one in curves:
        levels = one.levels.numpy()
        rows = []
        for row in one.quality.numpy():
            there = ~np.isnan(row)
            rows.append(np.interp(axis + alpha * one.initial_dilution, levels[there], row[there]))
        mean = np.mean(rows, axis=0)
        if mean[-1] > 0.1:
            mean[axis + alpha * one.initial_dilution > levels[-1]] = np.nan
        shifted.append(mean)
    return float(np.nanmean((shifted - np.nanmean(shifted, axis=0)) ** 2, axis=0).sum() * 1e-4)


@pytest.mark.filterwarnings("ignore:Mean of empty slice")
def test_spread_is_the_integral_of_the_variance_between_mean_curves():
    """Kills: p + alpha p0, a sum of squares, an unbiased variance, replicas that count as curves, a curve that is
    continued though it has not fallen, gaps that count as 0.
    """
    curves = ragged_curves()
    assert float(curves[2].quality[:, -1].mean()) > 0.1
    alphas = [-0.3, 0.0, 0.41, 0.44, 1.2]
    assert spread(curves, alphas).tolist() == pytest.approx([slow_spread(curves, a) for a in alphas], rel=2e-2)


@pytest.mark.filterwarnings("ignore:Mean of empty slice")
def test_alpha_has_the_least_spread_of_a_slow_search():
    """Kills: the largest spread, a neighbour of the best alpha, a parabola that goes the other way."""
    curves = ragged_curves()
    found = fit_collapse(curves, generator())
    grid = np.arange(found.alpha - 0.05, found.alpha + 0.05, 0.0025)
    values = [slow_spread(curves, alpha) for alpha in grid]
    parabola = np.polyfit(grid, values, 2)
    assert found.alpha == pytest.approx(-parabola[1] / (2 * parabola[0]), abs=0.004)
    assert found.spread == pytest.approx(min(values), rel=0.03)
    assert found.spread_unscaled == pytest.approx(slow_spread(curves, 0.0), rel=0.03)


def test_a_known_law_is_found():
    """Kills: the threshold or the width of one curve instead of the common one, half a width, alpha of other sign."""
    found = fit_collapse(logistic_curves(), generator())
    assert found.alpha == pytest.approx(ALPHA, abs=0.002)
    assert found.threshold == pytest.approx(THRESHOLD, abs=0.001)
    assert found.width == pytest.approx(WIDTH, abs=0.004)
    assert found.spread < 0.001 * found.spread_unscaled
    assert found.level_spacing == pytest.approx(0.02)
    assert (found.initial_dilutions, found.num_replicas, found.left_out) == (DILUTIONS, (3,) * 5, ())
    assert found.reason is None
    assert plain(found)["alpha_interval"] == pytest.approx({"low": found.alpha, "high": found.alpha}, abs=1e-9)


def test_intervals_cover_and_have_the_size_of_the_scatter(unchecked_shapes):
    """Kills: the scatter of one replica instead of a mean, one resample for all p0, n draws, an interval of the line.

    40 data sets of 5 replicas. Coverage by 40 Bernoulli(0.9) draws, 5 sigma; size against the true scatter, 40 %.
    """
    truth = {"alpha": ALPHA, "threshold": THRESHOLD}
    covered = dict.fromkeys(truth, 0)
    values, sizes = {name: [] for name in truth}, {name: [] for name in truth}
    for seed in range(40):
        found = fit_collapse(logistic_curves(seed, 5, 0.03, 0.02, 26), generator(seed), num_resamples=100)
        for name, true in truth.items():
            interval = getattr(found, f"{name}_interval")
            covered[name] += interval.low <= true <= interval.high
            values[name].append(getattr(found, name))
            sizes[name].append(interval.high - interval.low)
    for name, true in truth.items():
        scatter = np.std(values[name], ddof=1)
        assert abs(np.mean(values[name]) - true) < 5 * scatter / math.sqrt(40)
        assert covered[name] > 40 * 0.9 - 5 * math.sqrt(40 * 0.9 * 0.1)
        assert np.mean(sizes[name]) == pytest.approx(2 * 1.96 * scatter, rel=0.4)


def test_resamples_are_means_of_replicas_of_each_dilution():
    """Kills: resampling across p0, the mean curve in every resample. 2 replicas: each resample is one of each p0."""
    curves = logistic_curves(3, 2, 0.05, dilutions=(0.0, 0.5))
    found = fit_collapse(curves, generator(), num_resamples=2000)
    alphas = []
    for picks in itertools.product(range(2), repeat=2):
        alone = [
            QualityCurves(one.initial_dilution, one.levels, one.quality[pick : pick + 1])
            for one, pick in zip(curves, picks, strict=True)
        ]
        alphas.append(fit_collapse(alone, generator()).alpha)
    assert max(alphas) - min(alphas) > 0.02
    assert (found.alpha_interval.low, found.alpha_interval.high) == pytest.approx((min(alphas), max(alphas)), abs=1e-9)


def test_the_same_generator_gives_the_same_intervals():
    """Kills: a draw from a global generator."""
    curves = logistic_curves(1, 4, 0.05)
    torch.manual_seed(1)
    first = fit_collapse(curves, generator(7))
    torch.manual_seed(2)
    assert fit_collapse(list(reversed(curves)), generator(7)) == first
    assert fit_collapse(curves, generator(8)).alpha_interval != first.alpha_interval


def test_missing_values_are_bridged_and_unfinished_replicas_left_out():
    """Kills: NaN that spreads, a replica whose end is unknown taken for one that stays good, unknown levels kept."""
    curves = logistic_curves(1, 3, 0.02)
    complete = fit_collapse(curves, generator())
    holes = curves[2].quality.clone()
    holes[0, 3], holes[1, 0] = NAN, NAN
    curves[2] = QualityCurves(0.4, curves[2].levels, holes)
    assert fit_collapse(curves, generator()).alpha == pytest.approx(complete.alpha, abs=1e-4)
    unfinished = torch.cat([curves[0].quality, curves[0].quality[:1], torch.full((1, 51), NAN).double()])
    unfinished[3, 10:] = NAN
    longer = torch.cat([curves[0].levels, vector(1.5)])
    curves[0] = QualityCurves(0.0, longer, torch.cat([unfinished, torch.full((5, 1), NAN).double()], dim=1))
    found = fit_collapse(curves, generator())
    assert found.num_replicas == (3, 3, 3, 3, 3)
    assert found.alpha == pytest.approx(complete.alpha, abs=1e-4)


def test_what_cannot_be_fitted_has_a_reason():
    """Kills: an exception, or a number, where there is no answer."""
    curves = logistic_curves()
    alone = fit_collapse(curves[:1], generator())
    assert math.isnan(alone.alpha)
    assert "at least 2" in alone.reason
    assert math.isnan(float(spread(curves[:1], [0.0])))
    never = QualityCurves(0.9, curves[0].levels, torch.ones(2, 51, dtype=torch.float64))
    unknown = QualityCurves(0.7, curves[0].levels, torch.full((2, 51), NAN, dtype=torch.float64))
    found = fit_collapse([never, unknown, *curves], generator())
    assert found.left_out == (0.7, 0.9)
    assert found.alpha == pytest.approx(ALPHA, abs=0.002)
    assert math.isnan(fit_collapse([never, unknown, curves[0]], generator()).threshold)
    assert math.isnan(fit_collapse([], generator()).alpha)
    single = fit_collapse([QualityCurves(0.1, curves[0].levels, curves[0].quality[:1]), *curves], generator())
    assert not math.isnan(single.alpha)
    assert math.isnan(single.alpha_interval.low)
    assert "one replica" in single.reason
    steep = [QualityCurves(p0, curves[0].levels, curves[0].quality.roll(round(90 * p0), 1)) for p0 in (0.0, 0.2)]
    for one in steep:
        one.quality[:, : int(one.quality[0].argmax())] = 1
    assert "end of the search" in fit_collapse(steep, generator()).reason


def test_contradictions_are_refused(unchecked_shapes):
    """Kills: curves that are drawn from levels in any order, or a p0 that counts twice."""
    good = logistic_curves()[0]
    with pytest.raises(ValueError, match="give each once"):
        fit_collapse([good, good], generator())
    with pytest.raises(ValueError, match="ascending"):
        QualityCurves(0.0, vector(0.0, 0.2, 0.2), torch.ones(2, 3).double())
    with pytest.raises(ValueError, match="must be"):
        QualityCurves(0.0, vector(0.0, 0.2), torch.ones(2, 3).double())
    with pytest.raises(ValueError, match="infinite"):
        QualityCurves(0.0, vector(0.0, 0.2), torch.tensor([[1.0, math.inf]]).double())


LEVELS = vector(0.0, 0.1, 0.2, 0.3, 0.5, 0.7)
QUALITY = torch.tensor(
    [
        [1.0, 0.88, 0.94, 0.74, 0.26, 0.0],  # a dip below 0.9 before the fall
        [1.0, 1.0, 0.4, 0.6, 0.4, 0.05],  # falls to 1/2 twice
        [0.4, 0.3, 0.2, 0.1, 0.0, 0.0],  # begins below
        [1.0, 1.0, 1.0, 1.0, 1.0, 0.6],  # never falls so far
        [0.2, 1.0, 1.0, 0.6, 0.0, 0.0],  # rises first
        [1.0, 1.0, 0.5, 0.5, 0.3, 0.2],  # exactly at 1/2; never at 0.1
    ],
    dtype=torch.float64,
)


def test_the_fall_by_hand():
    """Kills: the last crossing for the first, a rise for a fall, the level beside a crossing, a dip for the start."""
    half = [0.4, 0.1 + 0.5 / 6, NAN, NAN, 0.3 + 0.2 / 6, 0.2]
    start = [0.22, 0.1 + 0.1 / 6, NAN, NAN, 0.225, 0.12]
    end = [0.5 + 0.2 * 16 / 26, 0.5 + 0.2 * 30 / 35, NAN, NAN, 0.3 + 1 / 6, NAN]
    got = transition(LEVELS, QUALITY)
    assert falling_points(LEVELS, QUALITY).tolist() == pytest.approx(half, nan_ok=True)
    assert got.half.tolist() == pytest.approx(half, nan_ok=True)
    assert got.start.tolist() == pytest.approx(start, nan_ok=True)
    assert got.end.tolist() == pytest.approx(end, nan_ok=True)
    assert got.width.tolist() == pytest.approx([b - a for a, b in zip(start, end, strict=True)], nan_ok=True)
    assert falling_points(vector(0.3), torch.ones(2, 1).double()).isnan().all()


def test_gaps_are_bridged_by_straight_lines():
    """Kills: a gap filled with 0 or with the last value, a curve made of one value."""
    rows = torch.tensor([[NAN, 1.0, NAN, 0.0, NAN], [NAN, 1.0, NAN, NAN, NAN]], dtype=torch.float64)
    got = filled(QualityCurves(0.0, vector(0.0, 0.1, 0.2, 0.4, 0.5), rows))
    assert got[0].tolist() == pytest.approx([1.0, 1.0, 2 / 3, 0.0, 0.0])
    assert bool(got[1].isnan().all())
    assert math.isnan(float(rows[0, 0]))


def test_the_line_through_half_quality_points():
    """Kills: p0 against p, replicas without a point counted as 0, weights by replicas, a line through the origin."""
    curves = logistic_curves(4, 3, 0.05)
    curves[4].quality[1] = 1.0
    points = [half_quality_points(one).numpy() for one in curves]
    means = [np.nanmean(values) for values in points]
    slope, intercept = np.polyfit(DILUTIONS, means, 1)
    got = half_quality_line(list(reversed(curves)), generator())
    assert (got.alpha, got.threshold) == pytest.approx((slope, intercept), rel=1e-9)
    assert got.mean_points == pytest.approx(means)
    assert (got.num_replicas, got.num_missing) == ((3, 3, 3, 3, 2), (0, 0, 0, 0, 1))
    assert got.alpha_interval.low < got.alpha < got.alpha_interval.high


def test_intervals_of_the_line_are_those_of_its_resamples():
    """Kills: intervals that are exchanged or shared. 2 replicas: each resample is one replica of each p0."""
    curves = logistic_curves(3, 2, 0.05, dilutions=(0.0, 0.2, 0.4))
    got = half_quality_line(curves, generator(), num_resamples=4000)
    points = [half_quality_points(one).tolist() for one in curves]
    lines = np.array([np.polyfit((0.0, 0.2, 0.4), picks, 1) for picks in itertools.product(*points)])
    assert plain(got.alpha_interval) == pytest.approx({"low": lines[:, 0].min(), "high": lines[:, 0].max()})
    assert plain(got.threshold_interval) == pytest.approx({"low": lines[:, 1].min(), "high": lines[:, 1].max()})


def test_a_line_needs_two_points_and_an_interval_two_replicas():
    """Kills: a slope from one point, an interval of no width."""
    curves = logistic_curves()
    got = half_quality_line(curves[:1], generator())
    assert (got.initial_dilutions, math.isnan(got.alpha)) == ((0.0,), True)
    assert "at least 2" in got.reason
    single = [QualityCurves(one.initial_dilution, one.levels, one.quality[:1]) for one in curves]
    got = half_quality_line(single, generator())
    assert got.alpha == pytest.approx(ALPHA, abs=0.01)
    assert "one replica" in got.reason


def test_resampled_means_have_the_variance_of_a_mean():
    """Kills: n draws of n, draws without replacement, weights that do not sum to 1. 40,000 resamples, 5 sigma."""
    values = vector(1.0, 2.0, 4.0, 8.0, 16.0)
    weights = replica_weights(5, generator(), 40_000)
    assert torch.allclose(weights.sum(dim=1), torch.ones(1, dtype=torch.float64))
    means = weights @ values
    assert abs(float(means.mean() - values.mean())) < 5 * float(means.std()) / 200
    squares = (means - values.mean()).square()
    assert abs(float(squares.mean()) - float(values.var()) / 5) < 5 * float(squares.std()) / 200
    with pytest.raises(ValueError, match="at least 2"):
        replica_weights(1, generator())


def test_percentile_interval():
    """Kills: another confidence, NaN that spreads, an interval of the few resamples that have a value."""
    values = torch.arange(1001, dtype=torch.float64)
    got = percentile_interval(torch.cat([values, torch.full((50,), NAN)]))
    assert (got.low, got.high) == pytest.approx((25, 975))
    assert math.isnan(percentile_interval(torch.cat([values, torch.full((200,), NAN)])).low)
    assert math.isnan(percentile_interval(vector(1.0)).high)
