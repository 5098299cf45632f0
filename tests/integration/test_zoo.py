"""The five machines of the starter zoo behave as the paper's: quality at p = 0, and a threshold that grows with p0."""

import hashlib
import json
from pathlib import Path

import pytest
import torch

from worker.datasets import load_dataset
from worker.rbm.generation import generate
from worker.rbm.machine import Machine
from worker.rbm.machine_file import read_machine
from worker.rbm.metrics.second_moment_error import covariance, second_moment_error
from worker.rbm.pruning import prune_grid

pytestmark = pytest.mark.usefixtures("one_thread_alone")

ZOO = Path(__file__).parents[2] / "models_store" / "zoo"
ENTRIES = json.loads((ZOO / "zoo.json").read_text())
LEVELS = [0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95]
THRESHOLD = 1.4  # times E(2) at p = 0


@pytest.fixture(scope="module")
def data_covariance() -> torch.Tensor:
    return covariance(torch.from_numpy(load_dataset("mnist").train_images))


@pytest.fixture(scope="module")
def machines() -> list[Machine]:
    return [read_machine((ZOO / entry["file"]).read_bytes())[0] for entry in ENTRIES]


def drawn(machine: Machine, num_samples: int, seed: int) -> torch.Tensor:
    """One sample of each of some independent chains, after 1,000 steps."""
    return generate(machine, num_samples, 1000, [torch.Generator().manual_seed(seed)])


@pytest.fixture(scope="module")
def unpruned(machines: list[Machine], one_thread_alone: None) -> list[torch.Tensor]:
    return [drawn(machine, 1000, seed) for seed, machine in enumerate(machines)]


def test_files_are_the_ones_that_were_described() -> None:
    for entry in ENTRIES:
        assert hashlib.sha256((ZOO / entry["file"]).read_bytes()).hexdigest() == entry["sha256"]


def test_second_moment_error_at_no_pruning(unpruned: list[torch.Tensor], data_covariance: torch.Tensor) -> None:
    """E(2) of 1,000 samples after 1,000 steps is 5e-5 to 1.6e-4 in an independent implementation."""
    errors = [float(second_moment_error(samples, data_covariance)) for samples in unpruned]
    assert all(3e-5 < value < 2.5e-4 for value in errors), errors


def first_level_past_threshold(
    machine: Machine, least: float, unpruned: torch.Tensor, data_covariance: torch.Tensor, seed: int
) -> float:
    """The first one from `least` on, with 256 samples."""
    most = THRESHOLD * float(second_moment_error(unpruned[:, :256], data_covariance))
    levels = [level for level in LEVELS if level >= least]
    for level, pruned in zip(levels, prune_grid(machine, levels), strict=True):
        if float(second_moment_error(drawn(pruned, 256, seed), data_covariance)) > most:
            return level
    return 1.0


def test_the_threshold_grows_with_the_initial_dilution(
    machines: list[Machine], unpruned: list[torch.Tensor], data_covariance: torch.Tensor
) -> None:
    """Kills: pruning the largest weights first, pruning counted on top of the mask, p and p0 confused.

    A machine is still sound where the one before was broken, so its threshold is looked for from there on.
    """
    assert [entry["initial_dilution"] for entry in ENTRIES] == [0.0, 0.2, 0.4, 0.6, 0.8]
    thresholds: list[float] = []
    for seed, (machine, samples) in enumerate(zip(machines, unpruned, strict=True)):
        least = thresholds[-1] if thresholds else LEVELS[0]
        thresholds.append(first_level_past_threshold(machine, least, samples, data_covariance, seed))
    assert thresholds == sorted(set(thresholds)), thresholds
    assert thresholds[0] >= 0.5, thresholds
    assert thresholds[-1] < 1.0, thresholds
