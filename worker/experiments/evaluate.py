"""Judge machines after pruning: samples from random pixels, and every metric that needs samples.

Source: paper, section 4.1.
"""

import io
import math
from collections.abc import Iterator
from functools import lru_cache
from itertools import groupby

import numpy as np
import torch

from backend.contracts.identity import derive_seed
from backend.storage.repositories.jobs import ClaimedCell, MetricValue
from backend.storage.repositories.references import record_reference, references_for
from worker.datasets import Dataset, load_dataset
from worker.experiments.run import ExperimentFailed, Run
from worker.rbm.generation import generate_in_blocks
from worker.rbm.machine import Machine
from worker.rbm.machine_file import read_machine
from worker.rbm.metrics import MetricInputs, evaluate
from worker.rbm.metrics.second_moment_error import covariance
from worker.rbm.pruning import PruningOrder, pruning_order
from worker.rbm.registry import family

KIND = "evaluate"
KEPT_SAMPLES = 256


def run(run: Run) -> None:
    """Prune and judge the cells machine by machine; every cell is written when it is ready, so curves grow live."""
    run.log(
        f"Attempt {run.claim.attempt}: judging {sum(not cell.done for cell in run.claim.cells)} cells on {run.device}."
    )
    work_done = 0.0
    for _, group in groupby(run.claim.cells, key=lambda cell: (cell.parent, cell.parameters["pruning_rule"])):
        cells = list(group)
        ranked = None if all(cell.done for cell in cells) else _ranked(run, cells[0])
        for cell in cells:
            if ranked is not None and not cell.done:
                for work in _judge(run, cell, ranked):
                    run.block(work_done + work, _stage(cell))
            work_done += _work(cell)
    run.report(work_done, "done")


def _ranked(run: Run, cell: ClaimedCell) -> PruningOrder:
    """The cell's machine with its weights in the order in which the rule prunes them, the same for every p."""
    if cell.parent is None or cell.parent_artifact is None:
        raise ExperimentFailed("the machine to be judged does not exist any more: retry the study, it is trained again")
    machine, _ = read_machine(run.artifacts.get(cell.parent_artifact))
    rule = cell.parameters["pruning_rule"]
    generator = torch.Generator().manual_seed(derive_seed("pruning", cell.parent, rule))
    return pruning_order(machine, rule, [generator])


def _judge(run: Run, cell: ClaimedCell, ranked: PruningOrder) -> Iterator[float]:
    """Sample and measure one cell, giving the work done after each block; at the end the cell is written."""
    pruned = ranked.prune(cell.parameters["pruning"]).to(run.device)
    generation = cell.parameters["generation"]
    generator = torch.Generator().manual_seed(cell.parameters["seed"])
    num_samples, gibbs_steps = generation["num_samples"], generation["gibbs_steps"]
    for steps, samples in generate_in_blocks(pruned, num_samples, gibbs_steps, [generator]):
        yield float(steps * num_samples)
        if steps == gibbs_steps:
            _write(run, cell, pruned, samples)


def _write(run: Run, cell: ClaimedCell, machine: Machine, samples: torch.Tensor) -> None:
    generation = cell.parameters["generation"]
    dataset = load_dataset(cell.parameters["dataset"])
    values = measure(dataset, samples, cell.parameters["seed"], machine)
    _write_references(run, dataset, generation["num_samples"])
    metrics = [
        MetricValue(name, value, num_samples=generation["num_samples"], gibbs_steps=generation["gibbs_steps"])
        for name, value in values.items()
    ]
    kept = run.store(pack_samples(samples[0, :KEPT_SAMPLES].cpu().numpy()), "samples")
    run.complete_cell(cell.id, metrics=metrics, samples=kept)


def measure(dataset: Dataset, samples: torch.Tensor, seed: int, machine: Machine | None = None) -> dict[str, float]:
    """Every metric that needs samples, against the training images; what is undefined is left out.

    Args:
        dataset: the data to compare with.
        samples: uint8 of shape (1, num_samples, num_visible).
        seed: of the numbers that metrics draw.
        machine: the machine that drew them, if any.
    """
    images, data_covariance = _training_data(dataset.name)
    inputs = MetricInputs(
        images=images,
        samples=samples.cpu(),
        machine=machine,
        generators=[torch.Generator().manual_seed(derive_seed("metrics", seed))],
        covariance=data_covariance,
    )
    names = [name for name, metric in family("metrics").items() if metric.describe()["needs"] == "samples"]
    values = {key: float(one.value[0]) for name in names for key, one in evaluate(name, inputs).items()}
    return {key: value for key, value in values.items() if math.isfinite(value)}


def pack_samples(samples: np.ndarray) -> bytes:
    """Samples as the bytes of an `.npy` file: uint8 of shape (num_samples, ceil(num_visible / 8)), one bit a pixel."""
    buffer = io.BytesIO()
    np.save(buffer, np.packbits(samples, axis=1), allow_pickle=False)
    return buffer.getvalue()


def _write_references(run: Run, dataset: Dataset, num_samples: int) -> None:
    """Once for each number of samples: the metrics of as many held-out test images."""
    if num_samples > len(dataset.test_images):
        return
    with run.database.read() as session:
        if references_for(session, [dataset.digest], num_samples):
            return
    seed = derive_seed("reference", num_samples)
    order = torch.randperm(len(dataset.test_images), generator=torch.Generator().manual_seed(seed))
    held_out = torch.from_numpy(dataset.test_images)[order[:num_samples]].unsqueeze(0)
    values = measure(dataset, held_out, seed)
    with run.database.write() as session:
        for name, value in values.items():
            record_reference(session, dataset.digest, name, num_samples, value)


@lru_cache(maxsize=2)
def _training_data(name: str) -> tuple[torch.Tensor, torch.Tensor]:
    images = torch.from_numpy(load_dataset(name).train_images)
    return images, covariance(images)


def _work(cell: ClaimedCell) -> float:
    generation = cell.parameters["generation"]
    return float(generation["gibbs_steps"] * generation["num_samples"])


def _stage(cell: ClaimedCell) -> str:
    return f"p = {cell.parameters['pruning']:g}"
