"""Metrics by brute force."""

import itertools
import math

import pytest
import torch

from tests.oracle import exact
from worker.rbm.metrics import MetricInputs, compiled_conditional, evaluate
from worker.rbm.metrics import second_moment_error as e2
from worker.rbm.metrics.bootstrap import estimate, resampling_counts
from worker.rbm.metrics.pseudo_log_likelihood import log_conditional, pseudo_log_likelihood
from worker.rbm.metrics.second_moment_error import (
    covariance,
    finite_sample_floor,
    resampled_errors,
    second_moment_error,
)
from worker.rbm.registry import family, member

IMAGES = torch.randint(0, 2, (31, 7), generator=torch.Generator().manual_seed(4), dtype=torch.uint8)
SAMPLES = torch.randint(0, 2, (3, 17, 7), generator=torch.Generator().manual_seed(5), dtype=torch.uint8)


def brute_covariance(states):
    rows = states.tolist()
    n, units = len(rows), len(rows[0])
    means = [sum(row[a] for row in rows) / n for a in range(units)]
    return [
        [sum((row[a] - means[a]) * (row[b] - means[b]) for row in rows) / (n - 1) for b in range(units)]
        for a in range(units)
    ]


def test_second_moment_error_by_loops():
    """Kills: division by n instead of n - 1, second moments instead of covariances, a sum or half of the entries."""
    data = brute_covariance(IMAGES)
    given = MetricInputs(images=IMAGES, samples=SAMPLES, generators=exact.seeded(3))
    got = evaluate("second_moment_error", given)["second_moment_error"].value
    for replica in range(3):
        generated = brute_covariance(SAMPLES[replica])
        expected = sum((generated[a][b] - data[a][b]) ** 2 for a in range(7) for b in range(7)) / 49
        assert float(got[replica]) == pytest.approx(expected, rel=1e-12)


def test_a_known_covariance_is_used():
    """Kills: a covariance that is handed in and then ignored."""
    known = MetricInputs(
        images=IMAGES, samples=SAMPLES, generators=exact.seeded(3), covariance=torch.zeros(7, 7).double()
    )
    got = evaluate("second_moment_error", known)["second_moment_error"].value
    expected = [float(torch.cov(sample.T.double()).square().mean()) for sample in SAMPLES]
    assert got.tolist() == pytest.approx(expected, rel=1e-12)


def brute_resampled_error(states, counts, data):
    """Build the resample, then its covariance."""
    rows = [row for row, times in zip(states.tolist(), counts.tolist(), strict=True) for _ in range(int(times))]
    generated = brute_covariance(torch.tensor(rows))
    return sum((generated[a][b] - data[a][b]) ** 2 for a in range(7) for b in range(7)) / 49


@pytest.mark.parametrize("block", [5, 1000])
def test_resampled_errors_by_building_every_resample(block, monkeypatch):
    """Kills: any wrong term or factor of the expansion, n for n - 1, blocks left out or counted twice."""
    monkeypatch.setattr(e2, "SAMPLES_PER_BLOCK", block)
    counts = resampling_counts(17, torch.Generator().manual_seed(1), num_resamples=13)
    got = resampled_errors(SAMPLES[0], covariance(IMAGES), counts)
    data = brute_covariance(IMAGES)
    expected = [brute_resampled_error(SAMPLES[0], row, data) for row in counts]
    assert got.tolist() == pytest.approx(expected, rel=1e-12)


def test_interval_of_the_second_moment_error():
    """Kills: an interval of another replica, of another statistic, one shared generator, no shift by the bias."""
    data = brute_covariance(IMAGES)
    given = MetricInputs(images=IMAGES, samples=SAMPLES, generators=exact.seeded(3))
    got = evaluate("second_moment_error", given)["second_moment_error"]
    for replica, generator in enumerate(exact.seeded(3)):
        drawn = [brute_resampled_error(SAMPLES[replica], row, data) for row in resampling_counts(17, generator)]
        expected = estimate(float(got.value[replica]), torch.tensor(drawn, dtype=torch.float64), (0.0, math.inf))
        assert float(got.low[replica]) == pytest.approx(float(expected.low), rel=1e-9)
        assert float(got.high[replica]) == pytest.approx(float(expected.high), rel=1e-9)


@pytest.mark.parametrize("common_share", [0.05, 0.2])
def test_interval_of_the_second_moment_error_covers_its_mean(common_share):
    """Kills: an interval around the resamples' own mean, which is higher by the floor, or one that is too narrow.

    150 sets of 61 samples, near the floor and far from it; without the shift 62 % near the floor are covered.
    """
    generator = torch.Generator().manual_seed(3)
    chance = torch.linspace(0.1, 0.7, 11)
    data = covariance((torch.rand(5000, 11, generator=generator) < chance).to(torch.uint8))
    common = torch.rand(600, 61, 1, generator=generator) < common_share
    sets = ((torch.rand(600, 61, 11, generator=generator) < chance) | common).to(torch.uint8)
    values = second_moment_error(sets, data)
    covered = 0
    for samples, value in zip(sets[:150], values.tolist()[:150], strict=True):
        resampled = resampled_errors(samples, data, resampling_counts(61, generator))
        found = estimate(value, resampled)
        covered += bool(found.low <= values.mean() <= found.high)
    assert covered / 150 >= 0.88


def test_floor_is_the_error_of_independent_draws():
    """Kills: a floor off by two, of another power of n or without fourth moments. 3,000 draws, 5 sigma."""
    generator = torch.Generator().manual_seed(1)
    images = (torch.rand(20_000, 11, generator=generator) < torch.linspace(0.02, 0.6, 11)).to(torch.uint8)
    images[:, 1::2] = images[:, 0:-1:2]
    data = covariance(images)
    for n in (5, 100):
        rows = torch.randint(len(images), (3000, n), generator=generator)
        draws = second_moment_error(images[rows], data)
        floor = finite_sample_floor(images, data, n)
        assert abs(floor - float(draws.mean())) < 5 * float(draws.std()) / 3000**0.5


def brute_log_conditional(machine, image, unit):
    """log p(v_j | rest) as a ratio of two sums over hidden states."""
    weights, vbias, hbias = exact.parameters(machine)
    flipped = image.clone()
    flipped[unit] = 1 - flipped[unit]
    logs = exact.log_unnormalised(weights, vbias, hbias, torch.stack([image, flipped]))
    return float(logs[0] - torch.logsumexp(logs, 0))


def test_log_conditionals_by_enumeration():
    """Kills: the flip's sign, the wrong unit, a forgotten bias, another replica's weights."""
    machine = exact.tiny_machine(replicas=2)
    units = torch.stack([torch.arange(31) % 7, (torch.arange(31) + 3) % 7])
    got = log_conditional(machine, IMAGES, units)
    for replica, sample in itertools.product(range(2), range(31)):
        expected = brute_log_conditional(machine.replica(replica), IMAGES[sample], int(units[replica, sample]))
        assert float(got[replica, sample]) == pytest.approx(expected, abs=2e-5)


def test_pseudo_log_likelihood_estimates_the_sum_of_log_conditionals():
    """Kills: a missing factor N, a unit that is always the same, a sum instead of a mean. Within 5 standard errors."""
    machine = exact.tiny_machine(replicas=2, spread=0.7)
    many = IMAGES.repeat(300, 1)
    got = pseudo_log_likelihood(machine, many, exact.seeded(2))
    for replica in range(2):
        alone = machine.replica(replica)
        table = torch.tensor([[brute_log_conditional(alone, image, j) for j in range(7)] for image in IMAGES])
        error = 7 * float(table.std(dim=1).square().mean().sqrt()) / math.sqrt(len(many))
        assert abs(float(got[replica]) - float(table.sum(dim=1).mean())) < 5 * error


def test_pseudo_log_likelihood_has_the_interval_of_its_images():
    """Kills: an interval of logs without the factor N, of another replica, a value that the interval changes.

    The ends of 500 resamples are off by 4 %: 5 sigma.
    """
    machine = exact.tiny_machine(replicas=2, spread=0.7)
    many = IMAGES.repeat(30, 1)
    given = MetricInputs(images=many, machine=machine, generators=exact.seeded(2))
    got = evaluate("pseudo_log_likelihood", given)["pseudo_log_likelihood"]
    assert torch.equal(got.value, pseudo_log_likelihood(machine, many, exact.seeded(2)))
    for replica in range(2):
        alone = machine.replica(replica)
        table = torch.tensor([[brute_log_conditional(alone, image, j) for j in range(7)] for image in IMAGES])
        error = 7 * float(table.std(correction=0)) / math.sqrt(len(many))
        half = float(got.high[replica] - got.low[replica]) / 2
        assert half == pytest.approx(1.96 * error, rel=0.2)
        assert float(got.low[replica]) < float(got.value[replica]) < float(got.high[replica])


class SimpleJudge:
    def confidence(self, images):
        return images.float().mean(dim=1)

    def digit(self, images):
        return images.long().sum(dim=1)


def states_of(generators):
    return [generator.get_state().tolist() for generator in generators]


@pytest.mark.parametrize("name", sorted(family("metrics")))
def test_every_metric_leaves_the_generators_and_does_not_mix_replicas(name):
    """Kills: a metric whose value depends on the metrics before it, or on the other replicas of the batch."""
    machine = exact.tiny_machine(replicas=3)
    samples = torch.randint(0, 2, (3, 149, 7), generator=torch.Generator().manual_seed(6), dtype=torch.uint8)
    images = samples.flatten(0, 1)
    generators, judge = exact.seeded(3), SimpleJudge()
    before = states_of(generators)
    batch = MetricInputs(images=images, samples=samples, machine=machine, generators=generators, judge=judge)
    together = evaluate(name, batch)
    assert states_of(generators) == before
    for replica in range(3):
        one = MetricInputs(
            images=images,
            samples=samples[replica : replica + 1],
            machine=machine.replica(replica),
            generators=[generators[replica]],
            judge=judge,
        )
        for key, alone in evaluate(name, one).items():
            for field in ("value", "low", "high"):
                assert float(getattr(together[key], field)[replica]) == pytest.approx(
                    float(getattr(alone, field)), nan_ok=True
                )


@pytest.mark.parametrize("name", sorted(family("metrics")))
def test_every_metric_gives_itself_and_its_parts(name):
    """Kills: a part that is not registered, or registered and not given."""
    samples = torch.randint(0, 2, (1, 149, 7), generator=torch.Generator().manual_seed(6), dtype=torch.uint8)
    given = MetricInputs(
        images=samples[0],
        samples=samples,
        machine=exact.tiny_machine(),
        generators=exact.seeded(1),
        judge=SimpleJudge(),
    )
    assert set(evaluate(name, given)) == {name, *member("metrics", name).describe()["parts"]}


def test_generators_are_one_for_each_replica(unchecked_shapes):
    """Kills: replicas without a generator, a generator that two replicas share."""
    with pytest.raises(ValueError, match="2 generators for 3 replicas"):
        MetricInputs(images=IMAGES, samples=SAMPLES, generators=exact.seeded(2))
    with pytest.raises(ValueError, match="2 generators for 1 replicas"):
        MetricInputs(images=IMAGES, machine=exact.tiny_machine(), generators=exact.seeded(2))
    with pytest.raises(ValueError, match="share a generator"):
        MetricInputs(images=IMAGES, samples=SAMPLES, generators=exact.seeded(1) * 3)


def test_missing_inputs_are_named(unchecked_shapes):
    """Kills: a metric that fails somewhere inside."""
    with pytest.raises(ValueError, match="give samples"):
        evaluate("second_moment_error", MetricInputs(images=IMAGES))
    with pytest.raises(ValueError, match="give the machine"):
        evaluate("pseudo_log_likelihood", MetricInputs(images=IMAGES))
    with pytest.raises(ValueError, match="pseudo_log_likelihood"):
        evaluate("no_such_metric", MetricInputs(images=IMAGES))
    with pytest.raises(ValueError, match="give one generator for each replica"):
        evaluate("second_moment_error", MetricInputs(images=IMAGES, samples=SAMPLES))
    with pytest.raises(ValueError, match="1 samples; a covariance needs 2"):
        resampled_errors(SAMPLES[0, :1], torch.zeros(7, 7).double(), torch.ones(3, 1).double())
    with pytest.raises(ValueError, match="must be"):
        second_moment_error(SAMPLES, torch.zeros(3, 3).double())


@pytest.mark.parametrize("num_hidden", [3, 19, 80, 167])
def test_compiled_conditional_equals_the_torch_one(num_hidden):
    """Kills: a sign, a bias, a unit of another image or replica, or a tile left out in the compiled conditional."""
    machine = exact.tiny_machine(2, 37, num_hidden, spread=0.6)
    generator = torch.Generator().manual_seed(4)
    images = torch.randint(0, 2, (131, 37), generator=generator, dtype=torch.uint8)
    units = torch.randint(37, (2, 131), generator=generator)
    expected = log_conditional(machine, images, units)
    torch.testing.assert_close(
        compiled_conditional.log_conditional(machine, images, units), expected, atol=3e-5, rtol=1e-4
    )
