"""Judge machines after pruning: samples from random pixels, every metric of samples, and the likelihood if asked.

Source: paper, section 4.1.
"""

import io
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby

import numpy as np
import torch

from backend.contracts.sizes import KEPT_SAMPLES
from backend.contracts.work import work_of_evaluation, work_of_sampling
from backend.storage.repositories.jobs import ClaimedCell, MetricValue
from worker.datasets import load_dataset
from worker.experiments.likelihood import likelihood_in_blocks
from worker.experiments.measuring import judge_of, measure, write_references
from worker.experiments.run import Run
from worker.experiments.starts import ranked_machine
from worker.rbm.generation import generate_in_blocks
from worker.rbm.pruning import PruningOrder

KIND = "evaluate"


def run(run: Run) -> None:
    """Prune and judge the cells machine by machine; every cell is written when it is ready, so curves grow live."""
    run.log(
        f"Attempt {run.claim.attempt}: judging {sum(not cell.done for cell in run.claim.cells)} cells on {run.device}."
    )
    work_done = 0.0
    for _, group in groupby(run.fillable(), key=lambda cell: (cell.parent, cell.parameters["pruning_rule"])):
        cells = list(group)
        order = None
        for cell in cells:
            if not cell.done:
                order = order or ranked_machine(run, cell, cell.parameters["pruning_rule"])
                for work in _judge(run, cell, order):
                    run.block(work_done + work, _stage(cell))
            work_done += work_of_evaluation(cell.parameters)
    run.report(work_done, "done")


def _judge(run: Run, cell: ClaimedCell, order: PruningOrder) -> Iterator[float]:
    """Sample and measure one cell, giving the work done after each block; at the end the cell is written."""
    pruned = order.prune(cell.parameters["pruning"]).to(run.device)
    generation = cell.parameters["generation"]
    generator = torch.Generator().manual_seed(cell.parameters["seed"])
    num_samples, gibbs_steps = generation["num_samples"], generation["gibbs_steps"]
    sampling, samples = work_of_sampling(cell.parameters), torch.empty(0)
    for steps, states in generate_in_blocks(pruned, num_samples, gibbs_steps, [generator]):
        yield sampling * steps / gibbs_steps
        samples = states
    likelihood = yield from likelihood_in_blocks(cell.parameters, pruned, sampling)
    _write(run, cell, samples, likelihood)


def _write(run: Run, cell: ClaimedCell, samples: torch.Tensor, likelihood: Sequence[MetricValue]) -> None:
    parameters = cell.parameters
    dataset = load_dataset(parameters["dataset"])
    judge = judge_of(run, parameters["judge"])
    gibbs_steps = parameters["generation"]["gibbs_steps"]
    metrics = [replace(one, gibbs_steps=gibbs_steps) for one in measure(dataset, samples, parameters["seed"], judge)]
    write_references(run, dataset, samples.shape[1], parameters["judge"])
    kept = run.store(pack_samples(samples[0, :KEPT_SAMPLES].cpu().numpy()), "samples")
    run.complete_cell(cell.id, metrics=[*metrics, *likelihood], artifact=kept)


def pack_samples(samples: np.ndarray) -> bytes:
    """Samples as the bytes of an `.npy` file: uint8 of shape (num_samples, ceil(num_visible / 8)), one bit a pixel."""
    buffer = io.BytesIO()
    np.save(buffer, np.packbits(samples, axis=1), allow_pickle=False)
    return buffer.getvalue()


def unpack_samples(data: bytes, num_visible: int) -> np.ndarray:
    """The samples that `pack_samples` packed: uint8 of shape (num_samples, num_visible)."""
    return np.unpackbits(np.load(io.BytesIO(data), allow_pickle=False), axis=1, count=num_visible)


def _stage(cell: ClaimedCell) -> str:
    return f"p = {cell.parameters['pruning']:g}"
