"""Metrics by brute force."""

import itertools
import math

import pytest
import torch

from tests.oracle import exact
from worker.rbm.metrics import MetricInputs, evaluate
from worker.rbm.metrics.pseudo_log_likelihood import log_conditional, pseudo_log_likelihood
from worker.rbm.metrics.second_moment_error import (
    covariance,
    finite_sample_floor,
    second_moment_error,
)

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
    got = evaluate("second_moment_error", MetricInputs(images=IMAGES, samples=SAMPLES))["second_moment_error"].value
    for replica in range(3):
        generated = brute_covariance(SAMPLES[replica])
        expected = sum((generated[a][b] - data[a][b]) ** 2 for a in range(7) for b in range(7)) / 49
        assert float(got[replica]) == pytest.approx(expected, rel=1e-12)


def test_a_known_covariance_is_used():
    """Kills: a covariance that is handed in and then ignored."""
    known = MetricInputs(images=IMAGES, samples=SAMPLES, covariance=torch.zeros(7, 7).double())
    got = evaluate("second_moment_error", known)["second_moment_error"].value
    expected = [float(torch.cov(sample.T.double()).square().mean()) for sample in SAMPLES]
    assert got.tolist() == pytest.approx(expected, rel=1e-12)


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


def test_missing_inputs_are_named(unchecked_shapes):
    """Kills: a metric that fails somewhere inside."""
    with pytest.raises(ValueError, match="give samples"):
        evaluate("second_moment_error", MetricInputs(images=IMAGES))
    with pytest.raises(ValueError, match="give the machine"):
        evaluate("pseudo_log_likelihood", MetricInputs(images=IMAGES))
    with pytest.raises(ValueError, match="pseudo_log_likelihood"):
        evaluate("no_such_metric", MetricInputs(images=IMAGES))
    with pytest.raises(ValueError, match="must be"):
        second_moment_error(SAMPLES, torch.zeros(3, 3).double())
