"""Analyse cells: one file of the folder `analyses` for each analysis.

An analysis takes its cell and gives back what the cell will hold: a result as JSON, or other bytes.
"""

from collections.abc import Callable
from dataclasses import dataclass

from pydantic import BaseModel

from backend.storage.repositories.jobs import ClaimedCell
from worker.experiments.registry import scan
from worker.experiments.run import Run

KIND = "analyse"


@dataclass(frozen=True)
class Outcome:
    """What an analysis leaves.

    Attributes:
        data: the bytes of its artifact.
        kind: what they are: `result` (JSON of a model in `backend.contracts.results`), `couplings` or `judge`.
    """

    data: bytes
    kind: str

    @classmethod
    def of(cls, result: BaseModel) -> "Outcome":
        """A result as JSON."""
        return cls(result.model_dump_json().encode(), "result")


Analysis = Callable[[Run, ClaimedCell], Outcome]


def run(run: Run) -> None:
    """Make every analysis of the job, each written when it is ready."""
    for cell in run.fillable():
        if cell.done:
            continue
        name = cell.parameters["analysis"]
        run.block(_work_before(run, cell), name)
        outcome = analysis(name)(run, cell)
        run.complete_cell(cell.id, artifact=run.store(outcome.data, outcome.kind))
    run.report(run.claim.work, "done")


def analysis(name: str) -> Analysis:
    """The analysis of that name. Raises `ValueError` with the known ones."""
    known: dict[str, Analysis] = scan("worker.experiments.analyses", "ANALYSIS", "analyse")
    if name not in known:
        raise ValueError(f"{name!r} is not an analysis that this worker knows: {', '.join(sorted(known))}")
    return known[name]


def progress(run: Run, cell: ClaimedCell, fraction: float) -> None:
    """Called between the blocks of a long analysis: reports, and stops the job when it must stop."""
    run.block(_work_before(run, cell) + fraction * cell.parameters["work"], cell.parameters["analysis"])


def _work_before(run: Run, cell: ClaimedCell) -> float:
    before = 0.0
    for other in run.claim.cells:
        if other.id == cell.id:
            break
        before += other.parameters["work"]
    return before
