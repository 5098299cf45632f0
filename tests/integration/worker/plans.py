"""Small studies, and what their machines must be: trained here, in one go, one replica at a time."""

import json
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import numba
import torch

from backend.contracts.identity import canonical_json
from worker.datasets import load_dataset
from worker.rbm.machine import Machine
from worker.rbm.machine_file import read_machine
from worker.rbm.training import TrainingSchedule, TrainingState, start_training, train

QUICK = {"num_hidden": 11, "gibbs_steps": 1, "num_updates": 30, "batch_size": 13, "num_chains": 13}
# One Gibbs step and strong weights: chains that were forgotten are soon the same again otherwise.
LONG = {
    "num_hidden": 17,
    "gibbs_steps": 1,
    "num_updates": 800,
    "batch_size": 31,
    "num_chains": 29,
    "learning_rate": 0.1,
}


def plan(training: dict[str, Any], seed: int = 0, **parameters: Any) -> dict[str, Any]:
    """Parameters of a sweep with one p0 and two replicas."""
    grid = {
        "initial_dilutions": [0.4],
        "num_replicas": 2,
        "pruning_grid": [0.7, 0.95],
        "judge": "none",
        "generation": {"num_samples": 23, "gibbs_steps": 7},
    }
    return {**grid, **parameters, "training": training, "seed": seed}


def uninterrupted(parameters: dict[str, Any]) -> Machine:
    """The machine of a cell, trained in this process without a stop."""
    return _trained(canonical_json(parameters))


@cache
def _trained(spelled: str) -> Machine:
    numba.set_num_threads(1)  # beside busy workers, two threads wait for each other
    parameters = json.loads(spelled)
    return trained_to([parameters], parameters["training"]["num_updates"]).machine


def trained_to(machines: Sequence[Mapping[str, Any]], update: int) -> TrainingState:
    """The run of machines with these parameters, all of one schedule, at an update."""
    training = dict(machines[0]["training"])
    num_hidden, schedule = training.pop("num_hidden"), TrainingSchedule(**training)
    images = torch.from_numpy(load_dataset(machines[0]["dataset"]).train_images)
    dilutions = [one["initial_dilution"] for one in machines]
    state = start_training(images, schedule, num_hidden, dilutions, [one["seed"] for one in machines])
    return train(state, images, schedule, update)


def assert_same_machine(data: bytes, expected: Machine) -> None:
    machine, _ = read_machine(data)
    for name in ("weight_matrix", "vbias", "hbias", "mask"):
        assert torch.equal(getattr(machine, name), getattr(expected, name)), f"{name} differs"
