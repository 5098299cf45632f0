"""The log-likelihood that an evaluation records, against the sum over all states of a few hidden units."""

import math
from collections.abc import Iterator

import pytest
import torch

from backend.contracts.work import STEPS_PER_TEMPERATURE
from tests.oracle import exact
from worker.datasets import load_dataset
from worker.experiments import likelihood
from worker.rbm.machine import Machine, new_machine, pixel_means

HIDDEN = 5
DATASET = load_dataset("mnist")
TRAIN, TEST = torch.from_numpy(DATASET.train_images), torch.from_numpy(DATASET.test_images)
ASKED = {"dataset": "mnist", "seed": 5, "annealing": {"num_temperatures": 300, "num_chains": 41}}


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Small steps mostly wait for a second thread."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def machine() -> Machine:
    return new_machine(784, HIDDEN, [0.3], pixel_means(TRAIN), exact.seeded(1), init_std=0.2)


def true_log_partition(one: Machine) -> float:
    """By all states of the hidden layer."""
    weights, vbias, hbias = exact.parameters(one)
    hidden = exact.all_states(HIDDEN).double()
    fields = hidden @ weights.T + vbias
    return float(torch.logsumexp(hidden @ hbias + torch.nn.functional.softplus(fields).sum(dim=1), 0))


def true_log_likelihoods(one: Machine, images: torch.Tensor) -> torch.Tensor:
    return exact.log_unnormalised(*exact.parameters(one), images) - true_log_partition(one)


def run(
    parameters: dict[str, object], work_before: float = 0.0
) -> tuple[list[float], dict[str, likelihood.MetricValue]]:
    work = []
    blocks = likelihood.likelihood_in_blocks(parameters, machine(), work_before)
    try:
        while True:
            work.append(next(blocks))
    except StopIteration as end:
        return work, {one.name: one for one in end.value}


def test_training_and_test_images_have_the_exact_mean_within_its_interval() -> None:
    """Kills: training and test images exchanged, a wrong base, settings or parts that are not stored."""
    _, found = run(ASKED)
    assert set(found) == {"log_likelihood", "log_likelihood_test", "log_partition", "effective_chains"}
    assert {(one.num_samples, one.gibbs_steps) for one in found.values()} == {(41, 300)}
    partition = found["log_partition"]
    assert partition.low is not None
    assert partition.high is not None
    assert partition.low < true_log_partition(machine()) < partition.high
    means = []
    for name, images in (("log_likelihood", TRAIN), ("log_likelihood_test", TEST)):
        value, logs = found[name], true_log_likelihoods(machine(), images)
        assert value.low is not None
        assert value.high is not None
        error = float(logs.std()) / math.sqrt(likelihood.MOST_IMAGES)
        half = (partition.high - partition.low) / 2
        assert value.high - value.low == pytest.approx(2 * math.hypot(1.96 * error, half), rel=0.15)
        assert value.low < float(logs.mean()) < value.high
        means.append(value.value + partition.value - true_log_partition(machine()) - float(logs.mean()))
    assert abs(means[1]) < 1e-3, "all test images are used"
    assert abs(means[0]) < 4 * error, "training images are a random part of all"


def test_the_seed_of_the_cell_decides_the_chains() -> None:
    """Kills: chains that are the same in every cell, or other ones at every run."""
    values = [run({**ASKED, "seed": seed})[1]["log_partition"].value for seed in (5, 5, 6)]
    assert values[0] == values[1]
    assert values[0] != values[2]


def test_work_grows_temperature_by_temperature_so_that_it_can_be_stopped() -> None:
    """Kills: no block until the end; work that is counted from 0 again, or beyond what the cell costs."""
    work, _ = run({**ASKED, "annealing": {"num_temperatures": 20, "num_chains": 11}}, 1000.0)
    one = 11 * STEPS_PER_TEMPERATURE
    assert work[:20] == [1000.0 + one * number for number in range(1, 21)]
    assert set(work[20:]) == {1000.0 + 20 * one}


def test_nothing_is_done_where_it_is_not_asked() -> None:
    assert run({"dataset": "mnist", "seed": 5}) == ([], {})
