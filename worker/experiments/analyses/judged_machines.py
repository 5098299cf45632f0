"""The machines that a judge learns from and is tested with, as the analyses of a judge study read them."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from backend.contracts.plan import EVALUATION
from backend.storage.repositories.cells import InputCell
from backend.storage.repositories.jobs import ClaimedCell
from worker.experiments.evaluate import unpack_samples
from worker.experiments.run import ExperimentFailed, Run
from worker.rbm.judge.classifiers import SIDE
from worker.rbm.judge.material import MachineSamples


@dataclass(frozen=True)
class JudgedMachine:
    """A machine's samples at every level."""

    machine_class: str
    initial_dilution: float
    replica: int
    samples: MachineSamples


def judged_machines(run: Run, cell: ClaimedCell) -> list[JudgedMachine]:
    """Every machine among the inputs with the samples of its evaluations.

    Raises:
        ExperimentFailed: none of them has samples.
    """
    found: dict[tuple[str, float, int], list[InputCell]] = defaultdict(list)
    for one in run.inputs(cell):
        if one.kind == EVALUATION and one.artifact is not None:
            axes = one.axes
            found[axes["machine_class"], axes["initial_dilution"], axes["replica"]].append(one)
    if not found:
        raise ExperimentFailed("no evaluation has samples: there is nothing to learn from")
    return [JudgedMachine(*key, _samples(run, key, inputs)) for key, inputs in sorted(found.items())]


def _samples(run: Run, key: tuple[str, float, int], inputs: Sequence[InputCell]) -> MachineSamples:
    kind, initial_dilution, replica = key
    words = kind.replace("_", " ")
    ordered = sorted(inputs, key=lambda one: one.axes["pruning"])
    blocks = [torch.from_numpy(unpack_samples(run.artifacts.get(one.artifact or ""), SIDE**2)) for one in ordered]
    levels = tuple(one.axes["pruning"] for one in ordered)
    return MachineSamples(f"{words}, p0 = {initial_dilution:g}, replica {replica}", levels, torch.stack(blocks))
