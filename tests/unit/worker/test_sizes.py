"""The disk that an estimate tells is the disk that the worker's files take."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch

from backend.contracts.catalogue import catalogue
from backend.contracts.cells import analysis_cell, evaluation_cell, machine_cell
from backend.contracts.parameters import GenerationParameters, TrainingParameters
from backend.contracts.plan import CellPlan
from backend.contracts.sizes import KEPT_SAMPLES, ROWS, bytes_of
from worker.experiments.evaluate import pack_samples
from worker.judges import SHELF
from worker.rbm.couplings.couplings_file import EffectiveCouplings, write_couplings
from worker.rbm.machine import new_machine
from worker.rbm.machine_file import write_machine

DATA: dict[str, Any] = {"dataset": "mnist", "dataset_digest": catalogue().dataset("mnist").digest}


def analysis(name: str, **parameters: Any) -> CellPlan:
    return analysis_cell(name, parameters=parameters, **DATA)


def machine_of(num_hidden: int) -> tuple[CellPlan, bytes]:
    training = TrainingParameters(num_hidden=num_hidden)
    cell = machine_cell(initial_dilution=0.8, training=training, seed=1, axes={}, **DATA)
    return cell, write_machine(new_machine(784, num_hidden, [0.8], torch.full((784,), 0.1), [torch.Generator()]))


def samples_of(num_samples: int) -> tuple[CellPlan, bytes]:
    generation = GenerationParameters(num_samples=num_samples)
    named: dict[str, Any] = {"machine_key": "m", "machine_seed": 1, "pruning": 0.5, "pruning_rule": "magnitude"}
    kept = np.zeros((min(num_samples, KEPT_SAMPLES), 784), np.uint8)
    return evaluation_cell(generation=generation, axes={}, **named, **DATA), pack_samples(kept)


def couplings_of(num_triples: int) -> tuple[CellPlan, bytes]:
    triples = torch.tensor([[0, 1, 2]] * num_triples, dtype=torch.int64).reshape(-1, 3)
    pairs = 784 * 783 // 2
    made = EffectiveCouplings(torch.zeros(784), torch.zeros(pairs), triples, torch.zeros(num_triples))
    return analysis("couplings", triples=triples.tolist()), write_couplings(made, {})


def judge() -> tuple[CellPlan, bytes]:
    return analysis("judge"), (SHELF / "standard.safetensors").read_bytes()


@pytest.mark.parametrize(
    "made",
    [
        partial(machine_of, 400), partial(machine_of, 30), partial(samples_of, 1000), partial(samples_of, 64),
        partial(couplings_of, 0), partial(couplings_of, 5000), judge,
    ],
    ids=["machine", "small machine", "samples", "few samples", "couplings", "three-body couplings", "judge"],
)  # fmt: skip
def test_a_file_is_as_large_as_was_told(made: Callable[[], tuple[CellPlan, bytes]]) -> None:
    cell, file = made()
    assert bytes_of(cell) - ROWS == pytest.approx(len(file), rel=0.01, abs=600)


def test_a_result_is_told_by_its_order_of_magnitude() -> None:
    assert 2_000 < bytes_of(analysis("spectrum")) < 200_000
