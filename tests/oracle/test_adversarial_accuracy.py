"""Adversarial accuracy by loops, its identities, and the data against itself."""

import math
import random

import pytest
import torch

from tests.oracle import exact
from worker.datasets import load_dataset
from worker.rbm.metrics import MetricInputs, adversarial_accuracy, evaluate
from worker.rbm.metrics.adversarial_accuracy import (
    draw_subset,
    nearest_between,
    nearest_in_own_set,
    nearest_within,
)

ERROR, GENERATED, DATA = (
    "adversarial_accuracy_error",
    "adversarial_accuracy_generated",
    "adversarial_accuracy_data",
)


def distance(a, b):
    return sum(x != y for x, y in zip(a, b, strict=True))


def brute_nearer(own, other):
    """1 where the nearest other is farther than the nearest of the own set, by loops."""
    result = []
    for index, state in enumerate(own):
        within = min(distance(state, one) for place, one in enumerate(own) if place != index)
        between = min(distance(state, one) for one in other)
        result.append(between > within)
    return result


def two_sets(size, units, seed):
    """Few units, so many ties; duplicates within the sets and across them."""
    generator = torch.Generator().manual_seed(seed)
    generated, data = torch.randint(0, 2, (2, size, units), generator=generator, dtype=torch.uint8)
    generated[1] = generated[0]
    data[2], data[3] = data[size - 1], generated[size - 1]
    return generated, data


@pytest.mark.parametrize("units", [2, 5, 13])
@pytest.mark.parametrize("tile", [7, 1000])
def test_indicators_by_loops(units, tile, monkeypatch):
    """Kills: the own index counted, a tie for the own set, the two sets confused, tiles left out or seen once only."""
    monkeypatch.setattr(adversarial_accuracy, "STATES_PER_TILE", tile)
    for seed in range(5):
        generated, data = two_sets(23, units, seed)
        of_generated, of_data = nearest_in_own_set(generated, data)
        assert of_generated.tolist() == brute_nearer(generated.tolist(), data.tolist())
        assert of_data.tolist() == brute_nearer(data.tolist(), generated.tolist())


def test_distances_are_exact_counts(monkeypatch):
    """Kills: half precision (counts above 256 are rounded), a distance that forgets one of the two norms."""
    monkeypatch.setattr(adversarial_accuracy, "STATES_PER_TILE", 3)
    generator = torch.Generator().manual_seed(2)
    states, others = (torch.randint(0, 2, (n, 1009), generator=generator, dtype=torch.uint8) for n in (7, 11))
    near, near_of_others = nearest_between(states, others)
    assert near.tolist() == [min(distance(one, other) for other in others.tolist()) for one in states.tolist()]
    assert near_of_others.tolist() == [
        min(distance(one, other) for one in states.tolist()) for other in others.tolist()
    ]
    assert min(near) > 256


def test_error_and_parts_of_each_replica():
    """Kills: a sum instead of half of it, A_T and A_S confused, only one of the two sets, another replica's samples.

    There are as many images as samples, so the subset is all of them, in some order.
    """
    samples = torch.stack([two_sets(29, 5, seed)[0] for seed in (11, 12)])
    images = two_sets(29, 5, 13)[1]
    got = evaluate(ERROR, MetricInputs(images=images, samples=samples, generators=exact.seeded(2)))
    for replica in range(2):
        of_generated = sum(brute_nearer(samples[replica].tolist(), images.tolist())) / 29
        of_data = sum(brute_nearer(images.tolist(), samples[replica].tolist())) / 29
        assert float(got[GENERATED].value[replica]) == pytest.approx(of_generated)
        assert float(got[DATA].value[replica]) == pytest.approx(of_data)
        expected = ((of_generated - 0.5) ** 2 + (of_data - 0.5) ** 2) / 2
        assert float(got[ERROR].value[replica]) == pytest.approx(expected)


def binomial(chance, trials, source):
    return sum(source.random() < chance for _ in range(trials))


def test_interval_is_that_of_resampled_indicators():
    """Kills: resampled sets (duplicates are their own neighbours), one share resampled, a shift left out.

    A resampled share is binomial. Ends of 500 resamples have a standard error of 0.12 standard deviations: 5 sigma.
    """
    size = 401
    generator = torch.Generator().manual_seed(4)
    samples = (torch.rand(1, size, 17, generator=generator) < 0.3).to(torch.uint8)
    images = (torch.rand(size, 17, generator=generator) < 0.4).to(torch.uint8)
    got = evaluate(ERROR, MetricInputs(images=images, samples=samples, generators=exact.seeded(1)))
    shares = [float(got[GENERATED].value), float(got[DATA].value)]
    source = random.Random(1)
    drawn = [[binomial(share, size, source) / size for share in shares] for _ in range(2000)]
    errors = [((one - 0.5) ** 2 + (two - 0.5) ** 2) / 2 for one, two in drawn]
    for name, values in ((GENERATED, [one for one, _ in drawn]), (DATA, [two for _, two in drawn]), (ERROR, errors)):
        ordered, mean = sorted(values), sum(values) / 2000
        spread = math.sqrt(sum((one - mean) ** 2 for one in values) / 2000)
        shift = mean - float(got[name].value)
        assert abs(float(got[name].low) - max(0.0, ordered[50] - shift)) < 5 * 0.14 * spread
        assert abs(float(got[name].high) - (ordered[1950] - shift)) < 5 * 0.14 * spread
        assert float(got[name].low) < float(got[name].value) < float(got[name].high)


def test_subset_is_drawn_without_replacement_from_all_images():
    """Kills: the first images, draws with replacement, the same subset twice. Each image equally often, 5 sigma."""
    images = exact.all_states(5)
    weights = 2 ** torch.arange(4, -1, -1)
    generator = torch.Generator().manual_seed(6)
    subsets = [(draw_subset(images, 7, generator).long() @ weights).tolist() for _ in range(500)]
    assert all(len(set(subset)) == 7 for subset in subsets)
    assert len({tuple(subset) for subset in subsets}) == 500
    times = torch.bincount(torch.tensor(subsets).flatten(), minlength=32)
    chance = 7 / 32
    assert float((times - 500 * chance).abs().max()) < 5 * math.sqrt(500 * chance * (1 - chance))


def test_noise_collapse_and_copies_have_the_same_error():
    """Kills: an index that is its own neighbour (copies and collapse), ties for the own set (copies)."""
    data = torch.from_numpy(load_dataset("mnist").train_images[:500])
    noise = torch.randint(0, 2, data.shape, generator=torch.Generator().manual_seed(1), dtype=torch.uint8)
    one_image = torch.from_numpy(load_dataset("mnist").test_images[:1]).repeat(500, 1)
    sets = torch.stack([noise, one_image, data])
    got = evaluate(ERROR, MetricInputs(images=data, samples=sets, generators=exact.seeded(3)))
    assert got[ERROR].value.tolist() == pytest.approx([0.25] * 3, abs=0.05)
    assert got[GENERATED].value.tolist() == [pytest.approx(1.0, abs=0.15), 1.0, 0.0]
    assert got[DATA].value.tolist() == [1.0, pytest.approx(1.0, abs=0.05), 0.0]


def test_held_out_images_are_nearly_indistinguishable():
    """Kills: sets of the wrong data, distances that are off on real images.

    1,000 test against 1,000 training images, six draws. In the sum form (A_T - 1/2)^2 + (A_S - 1/2)^2 an independent
    implementation has 0.0043; that is what ties counted for the own set give (0.0045, deviation of one draw 0.0029).
    With ties counted for the other set, the rule here, 60 draws gave 0.0010, deviation 0.0009. 5 sigma.
    """
    dataset = load_dataset("mnist")
    train, test = torch.from_numpy(dataset.train_images), torch.from_numpy(dataset.test_images)
    generator = torch.Generator().manual_seed(9)
    strict, loose = [], []
    for _ in range(6):
        generated, data = draw_subset(test, 1000, generator), draw_subset(train, 1000, generator)
        between, within = nearest_between(generated, data), (nearest_within(generated), nearest_within(data))
        pairs = list(zip(between, within, strict=True))
        strict.append(sum((float((other > own).double().mean()) - 0.5) ** 2 for other, own in pairs))
        loose.append(sum((float((other >= own).double().mean()) - 0.5) ** 2 for other, own in pairs))
    assert abs(sum(loose) / 6 - 0.0043) < 5 * 0.0029 / math.sqrt(6)
    assert abs(sum(strict) / 6 - 0.0010) < 5 * 0.0009 / math.sqrt(6)


def test_sets_that_do_not_fit_are_refused(unchecked_shapes):
    """Kills: more samples than images, a set of one, which has no neighbours, sets of different sizes."""
    images, samples = torch.zeros(5, 3, dtype=torch.uint8), torch.zeros(1, 7, 3, dtype=torch.uint8)
    with pytest.raises(ValueError, match="7 samples but 5 images"):
        evaluate(ERROR, MetricInputs(images=images, samples=samples, generators=exact.seeded(1)))
    with pytest.raises(ValueError, match="2 states or more"):
        evaluate(ERROR, MetricInputs(images=images, samples=samples[:, :1], generators=exact.seeded(1)))
    with pytest.raises(ValueError, match="must be equal"):
        nearest_in_own_set(images, images[:3])
    with pytest.raises(ValueError, match="one generator for each replica"):
        evaluate(ERROR, MetricInputs(images=images, samples=samples[:, :5]))
