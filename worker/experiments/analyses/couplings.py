"""Effective fields and couplings of one machine, pruned or not; three-body couplings of chosen triples.

Source: paper, section 4.3, eqs. 8-12.
"""

from collections.abc import Iterator

import torch

from backend.storage.repositories.jobs import ClaimedCell
from worker.experiments.analyse import Outcome, progress
from worker.experiments.run import Run
from worker.experiments.starts import ranked_machine
from worker.rbm.couplings import (
    condensed,
    effective_fields,
    three_body_couplings_in_blocks,
    two_body_couplings_in_blocks,
)
from worker.rbm.couplings.couplings_file import EffectiveCouplings, write_couplings
from worker.rbm.machine import Machine

ANALYSIS = "couplings"


def analyse(run: Run, cell: ClaimedCell) -> Outcome:
    """The couplings of the cell's machine, as a file that holds nothing but tensors."""
    machine = _machine(run, cell).to(run.device)
    triples = torch.tensor(cell.parameters.get("triples", []), dtype=torch.int64).reshape(-1, 3)
    couplings = EffectiveCouplings(
        fields=effective_fields(machine)[0].float().cpu(),
        two_body=condensed(_last(run, cell, two_body_couplings_in_blocks(machine), 0.0))[0],
        triples=triples,
        three_body=_last(run, cell, three_body_couplings_in_blocks(machine, triples), 0.5)[0].float(),
    )
    metadata = {"machine": str(cell.parent), "pruning": str(cell.parameters.get("pruning", "none"))}
    return Outcome(write_couplings(couplings, metadata), "couplings")


def _machine(run: Run, cell: ClaimedCell) -> Machine:
    order = ranked_machine(run, cell, cell.parameters.get("pruning_rule", "magnitude"))
    return order.prune(cell.parameters["pruning"]) if "pruning" in cell.parameters else order.machine


def _last(run: Run, cell: ClaimedCell, blocks: Iterator[tuple[float, torch.Tensor]], begin: float) -> torch.Tensor:
    """The couplings after the last block, reporting after each; one of two halves of the work, from `begin` on."""
    couplings = torch.empty(0)
    for fraction, so_far in blocks:
        progress(run, cell, begin + fraction / 2)
        couplings = so_far
    return couplings.cpu()
