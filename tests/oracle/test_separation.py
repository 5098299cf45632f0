"""Separation by hand, by loops over all pairs and by enumeration of every labelling."""

import itertools
import math

import pytest
import torch

from worker.rbm.analysis.separation import holm, pairwise_separation, separation

LABELS = ["b", "a", "c", "a", "b", "c", "a", "b"]
STRATA = [5, 5, 9, 9, 5, 9, 5, 9]
POINTS = torch.randn(8, 3, generator=torch.Generator().manual_seed(2), dtype=torch.float64)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def pair_sum(points, rows):
    return sum(math.dist(points[i], points[j]) ** 2 for i, j in itertools.combinations(rows, 2)) / len(rows)


def brute_f(points, labels):
    """Pseudo-F by loops over pairs."""
    points, everyone = points.tolist(), range(len(labels))
    classes = sorted(set(labels))
    within = sum(pair_sum(points, [i for i in everyone if labels[i] == one]) for one in classes)
    between = pair_sum(points, everyone) - within
    return (between / (len(classes) - 1)) / (within / (len(labels) - len(classes)))


def labellings(labels, strata):
    """Every different arrangement of the labels within strata."""
    places = [[i for i, stratum in enumerate(strata) if stratum == one] for one in sorted(set(strata))]
    choices = [sorted(set(itertools.permutations([labels[i] for i in rows]))) for rows in places]
    for choice in itertools.product(*choices):
        arranged = list(labels)
        for rows, values in zip(places, choice, strict=True):
            for row, value in zip(rows, values, strict=True):
                arranged[row] = value
        yield arranged


def test_pseudo_f_by_hand():
    """Kills: distances that are not squared, degrees of freedom exchanged, a sum over ordered pairs.

    0, 2 | 5, 9: the mean is 4, SS_T = 16 + 4 + 1 + 25 = 46, SS_W = 2 + 8 = 10, F = 36 / (10 / 2) = 7.2.
    """
    points = torch.tensor([[5.0], [0.0], [9.0], [2.0]], dtype=torch.float64)
    got = separation(points, ["y", "x", "y", "x"], generator())
    assert got.pseudo_f == pytest.approx(7.2)
    assert got.r_squared == pytest.approx(36 / 46)
    assert (got.classes, got.num_points) == (("x", "y"), (2, 2))
    assert got.within == pytest.approx((1.0, 4.0))
    assert got.least_p_value == pytest.approx(2 / 6)
    assert got.reason is None


def test_pseudo_f_of_unequal_classes_by_loops():
    """Kills: a mean over classes without their sizes, two classes taken for granted."""
    assert separation(POINTS, LABELS, generator()).pseudo_f == pytest.approx(brute_f(POINTS, LABELS), rel=1e-9)


@pytest.mark.parametrize("strata", [None, STRATA])
def test_p_value_by_enumeration(strata):
    """Kills: F below instead of above, ties left out, labels moved across strata, drawn with replacement. 5 sigma."""
    shifted = POINTS + torch.tensor([0.7 if label == "a" else 0.0 for label in LABELS])[:, None]
    arrangements = list(labellings(LABELS, strata or [0] * 8))
    observed = brute_f(shifted, LABELS)
    reached = sum(brute_f(shifted, arranged) >= observed - 1e-9 for arranged in arrangements)
    expected = reached / len(arrangements)
    got = separation(shifted, LABELS, generator(), strata=strata, num_permutations=20_000)
    assert 0.02 < expected < 0.9
    assert abs(got.p_value - expected) < 5 * math.sqrt(expected * (1 - expected) / 20_000) + 1 / 20_000
    assert len(arrangements) == (560 if strata is None else 72)
    assert got.least_p_value == pytest.approx(2 / len(arrangements))


def test_p_value_of_pairs_within_strata():
    """Kills: strata that are not used. With three pairs nothing below 2 / 8 is possible, however far apart."""
    points = torch.tensor([[0.0], [9.0], [1.0], [10.0], [2.0], [11.5]], dtype=torch.float64)
    labels, strata = ["x", "y"] * 3, [0, 0, 1, 1, 2, 2]
    got = separation(points, labels, generator(), strata=strata, num_permutations=20_000)
    assert abs(got.p_value - 0.25) < 5 * math.sqrt(0.25 * 0.75 / 20_000)
    assert got.least_p_value == 0.25
    assert separation(points, labels, generator(), num_permutations=20_000).p_value < 0.13


def test_p_is_uniform_without_a_difference():
    """Kills: a p that is one-sided, halved or doubled. 400 data sets, 5 sigma."""
    draw = generator(3)
    p_values = torch.tensor(
        [
            separation(
                torch.randn(13, 2, generator=draw, dtype=torch.float64),
                ["x"] * 6 + ["y"] * 7,
                draw,
                num_permutations=99,
            ).p_value
            for _ in range(400)
        ]
    )
    assert abs(float(p_values.mean()) - 0.505) < 5 * math.sqrt(1 / 12 / 400)
    for level in (0.05, 0.5):
        share = float((p_values <= level + 1e-9).double().mean())
        assert abs(share - level) < 5 * math.sqrt(level * (1 - level) / 400)


def test_the_observed_labelling_counts():
    """Kills: a p of 0. Only the observed one of about 10^8 labellings, and its mirror image, can reach this F."""
    noise = torch.randn(30, 2, generator=generator(), dtype=torch.float64)
    points = noise / 10 + torch.tensor([0.0] * 15 + [9.0] * 15)[:, None]
    got = separation(points, ["x"] * 15 + ["y"] * 15, generator(), num_permutations=99)
    assert (got.p_value, got.least_p_value) == (1 / 100, 1 / 100)


def test_the_same_generator_gives_the_same_p():
    """Kills: a draw from a global generator."""
    assert separation(POINTS, LABELS, generator(1)) == separation(POINTS, LABELS, generator(1))
    many = torch.randn(29, 2, generator=generator(9), dtype=torch.float64)
    labels = (LABELS * 4)[:29]
    assert separation(many, labels, generator(1)).p_value != separation(many, labels, generator(2)).p_value


def test_pairs_of_classes():
    """Kills: points of a third class, an unadjusted p, strata of other points."""
    got = pairwise_separation(POINTS, LABELS, generator(), strata=STRATA)
    assert [(pair.first, pair.second) for pair in got] == [("a", "b"), ("a", "c"), ("b", "c")]
    for pair in got:
        rows = [i for i, label in enumerate(LABELS) if label in (pair.first, pair.second)]
        labels = [LABELS[i] for i in rows]
        assert pair.separation.pseudo_f == pytest.approx(brute_f(POINTS[rows], labels))
        arrangements = list(labellings(labels, [STRATA[i] for i in rows]))
        reached = [brute_f(POINTS[rows], one) >= pair.separation.pseudo_f - 1e-9 for one in arrangements]
        expected = sum(reached) / len(reached)
        assert abs(pair.separation.p_value - expected) < 5 * math.sqrt(0.25 / 9999) + 1e-4
    assert [pair.adjusted_p_value for pair in got] == holm([pair.separation.p_value for pair in got])


def test_holm_by_hand():
    """Kills: Bonferroni, an adjusted p that falls, a p above 1, NaN counted."""
    assert holm([0.03, 0.01, 0.02]) == pytest.approx([0.04, 0.03, 0.04])
    assert holm([0.4, math.nan, 0.6]) == pytest.approx([0.8, math.nan, 0.8], nan_ok=True)
    assert holm([0.7, 0.8]) == pytest.approx([1.0, 1.0])


def test_what_has_no_separation_has_a_reason(unchecked_shapes):
    """Kills: an exception, an infinity or a number where there is no answer."""
    one_class = separation(POINTS, ["x"] * 8, generator())
    assert "at least 2" in one_class.reason
    assert math.isnan(one_class.p_value)
    assert math.isnan(one_class.r_squared)
    assert "one point in each" in separation(POINTS[:2], ["x", "y"], generator()).reason
    same = separation(torch.ones(4, 2).double(), ["x", "x", "y", "y"], generator())
    assert math.isnan(same.p_value)
    apart = torch.tensor([[0.0], [0.0], [0.0], [1.0], [1.0], [1.0]], dtype=torch.float64)
    perfect = separation(apart, ["x"] * 3 + ["y"] * 3, generator())
    assert "infinite" in perfect.reason
    assert perfect.r_squared == pytest.approx(1)
    assert perfect.p_value == pytest.approx(0.1, abs=0.02)
    with pytest.raises(ValueError, match="one label"):
        separation(POINTS, LABELS[:7], generator())
    with pytest.raises(ValueError, match="stratum"):
        pairwise_separation(POINTS, LABELS, generator(), strata=STRATA[:7])
