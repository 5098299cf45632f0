"""The five machines of the starter zoo behave as the paper's: quality at p = 0, and a threshold that grows with p0."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
import torch

from backend.contracts.catalogue import catalogue
from backend.contracts.identity import derive_seed
from backend.contracts.messages import MachineCurve
from backend.contracts.parameters import DEFAULT_JUDGE
from backend.services.zoo import CURVES
from worker.datasets import load_dataset
from worker.experiments.measuring import measure
from worker.judges import SHELF
from worker.rbm.generation import generate
from worker.rbm.judge.judge_file import read_judge
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


@pytest.fixture(scope="module")
def curves() -> list[list[MachineCurve]]:
    """What was measured of each machine, as it comes with the zoo."""
    return [CURVES.validate_json((ZOO / entry["curves"]).read_bytes()) for entry in ENTRIES]


def seed_of(entry: dict[str, Any]) -> int:
    """The seed of the samples that the laboratory draws of a machine of the zoo, not pruned."""
    return derive_seed("evaluation", derive_seed("machine", entry["sha256"]), "magnitude", entry["initial_dilution"])


def drawn(machine: Machine, num_samples: int, seed: int) -> torch.Tensor:
    """One sample of each of some independent chains, after 1,000 steps."""
    return generate(machine, num_samples, 1000, [torch.Generator().manual_seed(seed)])


@pytest.fixture(scope="module")
def unpruned(machines: list[Machine], one_thread_alone: None) -> list[torch.Tensor]:
    """At p = p0, where a mask that was drawn is a few weights short of p0 or past it, as the laboratory draws them."""
    found = []
    for entry, machine in zip(ENTRIES, machines, strict=True):
        (own,) = prune_grid(machine, [entry["initial_dilution"]])
        found.append(drawn(own, 1000, seed_of(entry)))
    return found


def test_files_are_the_ones_that_were_described() -> None:
    for entry in ENTRIES:
        assert hashlib.sha256((ZOO / entry["file"]).read_bytes()).hexdigest() == entry["sha256"]


def test_second_moment_error_at_no_pruning(unpruned: list[torch.Tensor], data_covariance: torch.Tensor) -> None:
    """E(2) of 1,000 samples after 1,000 steps is 5e-5 to 1.6e-4 in an independent implementation."""
    errors = [float(second_moment_error(samples, data_covariance)) for samples in unpruned]
    assert all(3e-5 < value < 2.5e-4 for value in errors), errors


def test_the_curves_that_come_with_the_zoo_are_what_the_worker_measures(
    unpruned: list[torch.Tensor], curves: list[list[MachineCurve]]
) -> None:
    """Their first level, anew from the same seed, by every metric. Kills: those of another machine or judge."""
    dataset, judge = load_dataset("mnist"), read_judge((SHELF / f"{DEFAULT_JUDGE}.safetensors").read_bytes())[0]
    for entry, samples, measured in zip(ENTRIES, unpruned, curves, strict=True):
        own = [curve for curve in measured if curve.pruning_rule == "magnitude"]
        assert [curve.points[0].x for curve in own] == [entry["initial_dilution"]] * len(own)
        first = {curve.metric: curve.points[0].value for curve in own}
        again = {one.name: one.value for one in measure(dataset, samples, seed_of(entry), judge)}
        assert again == pytest.approx(first, rel=1e-5), entry["name"]


def test_the_curves_that_come_with_the_zoo_cover_every_rule_up_to_no_weight_at_all(
    curves: list[list[MachineCurve]],
) -> None:
    rules = {entry.name for entry in catalogue().pruning_rules}
    for measured in curves:
        assert {curve.pruning_rule for curve in measured} == rules
        quality = [curve for curve in measured if curve.metric == "quality"]
        assert [curve.points[-1].x for curve in quality] == [1.0] * len(rules)
        for curve in quality:
            assert curve.points[0].value > 0.95 > 0.05 > curve.points[-1].value


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
