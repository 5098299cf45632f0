"""Judge machines after pruning: samples from random pixels, and every metric that needs samples.

Source: paper, section 4.1.
"""

import io
from collections.abc import Iterator
from dataclasses import replace
from itertools import groupby

import numpy as np
import torch

from backend.storage.repositories.jobs import ClaimedCell
from worker.datasets import load_dataset
from worker.experiments.measuring import judge_of, measure, write_references
from worker.experiments.run import Run
from worker.experiments.starts import ranked_machine
from worker.rbm.generation import generate_in_blocks
from worker.rbm.pruning import PruningOrder

KIND = "evaluate"
KEPT_SAMPLES = 256


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
            work_done += _work(cell)
    run.report(work_done, "done")


def _judge(run: Run, cell: ClaimedCell, order: PruningOrder) -> Iterator[float]:
    """Sample and measure one cell, giving the work done after each block; at the end the cell is written."""
    pruned = order.prune(cell.parameters["pruning"]).to(run.device)
    generation = cell.parameters["generation"]
    generator = torch.Generator().manual_seed(cell.parameters["seed"])
    num_samples, gibbs_steps = generation["num_samples"], generation["gibbs_steps"]
    for steps, samples in generate_in_blocks(pruned, num_samples, gibbs_steps, [generator]):
        yield float(steps * num_samples)
        if steps == gibbs_steps:
            _write(run, cell, samples)


def _write(run: Run, cell: ClaimedCell, samples: torch.Tensor) -> None:
    parameters = cell.parameters
    dataset = load_dataset(parameters["dataset"])
    judge = judge_of(run, parameters["judge"])
    gibbs_steps = parameters["generation"]["gibbs_steps"]
    metrics = [replace(one, gibbs_steps=gibbs_steps) for one in measure(dataset, samples, parameters["seed"], judge)]
    write_references(run, dataset, samples.shape[1], parameters["judge"])
    kept = run.store(pack_samples(samples[0, :KEPT_SAMPLES].cpu().numpy()), "samples")
    run.complete_cell(cell.id, metrics=metrics, artifact=kept)


def pack_samples(samples: np.ndarray) -> bytes:
    """Samples as the bytes of an `.npy` file: uint8 of shape (num_samples, ceil(num_visible / 8)), one bit a pixel."""
    buffer = io.BytesIO()
    np.save(buffer, np.packbits(samples, axis=1), allow_pickle=False)
    return buffer.getvalue()


def _work(cell: ClaimedCell) -> float:
    generation = cell.parameters["generation"]
    return float(generation["gibbs_steps"] * generation["num_samples"])


def _stage(cell: ClaimedCell) -> str:
    return f"p = {cell.parameters['pruning']:g}"
