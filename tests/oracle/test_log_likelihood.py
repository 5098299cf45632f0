"""The log-likelihood metric against exact enumeration."""

import math
from functools import partial

import pytest
import torch

from tests.oracle import exact
from worker.rbm.likelihood import LogPartition, base_rates, log_partition
from worker.rbm.metrics import Estimate, MetricInputs, evaluate
from worker.rbm.metrics import log_likelihood as metric
from worker.rbm.metrics.bootstrap import resampling_counts

IMAGES = torch.randint(0, 2, (311, 7), generator=torch.Generator().manual_seed(4), dtype=torch.uint8)


def numbers(*values: float) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)


def known_partition(machine, half=0.0):
    """Exact log Z with an interval that is given."""
    exactly = [float(exact.log_partition(*exact.parameters(machine.replica(r)))) for r in range(machine.num_replicas)]
    value = numbers(*exactly)
    return LogPartition(value, value - half, value + 2 * half, torch.full_like(value, 50.0))


def test_mean_log_likelihood_of_each_replica_by_enumeration(monkeypatch):
    """Kills: a wrong sign of F or log Z, a sum instead of a mean, blocks left out, another replica's log Z."""
    monkeypatch.setattr(metric, "IMAGES_PER_BLOCK", 100)
    machine = exact.tiny_machine(replicas=3)
    given = MetricInputs(
        images=IMAGES, machine=machine, generators=exact.seeded(3), log_partition=known_partition(machine)
    )
    got = evaluate("log_likelihood", given)
    for replica in range(3):
        expected = exact.mean_log_likelihood(machine.replica(replica), IMAGES)
        assert float(got["log_likelihood"].value[replica]) == pytest.approx(expected, abs=1e-5)
    assert torch.equal(got["log_partition"].value, given.log_partition.value)
    assert got["effective_chains"].value.tolist() == [50.0] * 3
    assert bool(got["effective_chains"].low.isnan().all())


def test_the_interval_joins_images_and_log_partition():
    """Kills: only one of the two intervals, ends that were added or exchanged, a bootstrap of other images."""
    machine = exact.tiny_machine(spread=0.3)
    weights, vbias, hbias = exact.parameters(machine)
    logs = exact.log_unnormalised(weights, vbias, hbias, IMAGES)
    means = resampling_counts(len(IMAGES), exact.seeded(1)[0]) @ logs / len(IMAGES)
    low, high = (torch.quantile(means, numbers(0.025, 0.975)) - means.mean()).tolist()
    for half in (0.0, 0.02, 3.0):
        partition = known_partition(machine, half)
        given = MetricInputs(images=IMAGES, machine=machine, generators=exact.seeded(1), log_partition=partition)
        got = evaluate("log_likelihood", given)["log_likelihood"]
        assert float(got.value - got.low) == pytest.approx(math.hypot(low, 2 * half), rel=1e-3)
        above = min(math.hypot(high, half), -float(got.value))
        assert float(got.high - got.value) == pytest.approx(above, rel=1e-3)


def test_a_log_likelihood_is_never_above_zero():
    """Kills: an upper end that no binary data can have."""
    mean = Estimate(numbers(-1.0), numbers(-1.5), numbers(-0.5))
    partition = LogPartition(numbers(-0.9), numbers(-1.9), numbers(-0.4), numbers(9.0))
    found = metric.log_likelihood(mean, partition)
    assert (float(found.value), float(found.high)) == (pytest.approx(-0.1), 0.0)


def test_without_a_log_partition_it_is_estimated_from_the_images(monkeypatch):
    """Kills: another base, generators that are not the replicas' own, an estimate that is far off."""
    fast = partial(log_partition, num_temperatures=50)
    monkeypatch.setattr(metric, "log_partition", fast)
    machine = exact.tiny_machine(replicas=2, spread=0.7)
    given = MetricInputs(images=IMAGES, machine=machine, generators=exact.seeded(2, 30))
    got = evaluate("log_likelihood", given)
    expected = fast(machine, base_rates(IMAGES), exact.seeded(2, 30))
    assert torch.equal(got["log_partition"].value, expected.value)
    assert torch.equal(got["log_partition"].high, expected.high)
    for replica in range(2):
        true = float(exact.log_partition(*exact.parameters(machine.replica(replica))))
        half = float(expected.high[replica] - expected.low[replica]) / 2
        assert abs(float(expected.value[replica]) - true) < 2.5 * half, "five standard errors"


def test_images_that_do_not_fit_are_refused(unchecked_shapes):
    """Kills: a broadcast over images of another size; a mean over nothing."""
    for images in (IMAGES[:, :5], IMAGES[:0]):
        with pytest.raises(ValueError, match="they must be"):
            metric.log_unnormalised(exact.tiny_machine(), images)
