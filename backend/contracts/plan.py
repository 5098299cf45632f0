"""A study unrolled: the cells of its grid and the jobs that will fill them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from backend.contracts.identity import cell_id

MACHINE = "machine"
EVALUATION = "evaluation"
ANALYSIS = "analysis"


@dataclass(frozen=True)
class CellPlan:
    """One point of the grid.

    Attributes:
        kind: `machine` (a training), `evaluation` (metrics and samples of a pruned machine) or `analysis` (what is
            read from other cells).
        parameters: every parameter that the worker needs, defaults included.
        identity: the parameters that enter the cell's identity: those that differ from their defaults.
        dataset_digest: SHA-256 of the data set.
        parent: id of the machine cell that this cell starts from, or None.
        inputs: ids of the cells that an analysis reads, besides its parent.
        axes: the cell's coordinates in this study's figures, for instance
            `{"machine_class": "trained", "initial_dilution": 0.4, "replica": 2, "pruning": 0.7}`.
    """

    kind: str
    parameters: Mapping[str, Any]
    identity: Mapping[str, Any]
    dataset_digest: str
    parent: str | None = None
    inputs: tuple[str, ...] = ()
    axes: Mapping[str, float | int | str] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """The cell's identity (64 hexadecimal digits)."""
        return cell_id(self.kind, self.identity, self.dataset_digest, self.parent, self.inputs)


@dataclass(frozen=True)
class JobPlan:
    """A unit of work for one worker: cells of one kind that are done together.

    Attributes:
        kind: name of the worker's experiment step, `train`, `evaluate` or `analyse`.
        title: what a person reads in the queue.
        cells: ids of the cells, in the order in which the worker takes them.
        work: summed over the cells, in chain steps (`backend.contracts.work`): the unit of progress and of estimates.
    """

    kind: str
    title: str
    cells: tuple[str, ...]
    work: float


@dataclass(frozen=True)
class StudyPlan:
    """All cells (parents and inputs before those that need them) and all jobs of a study.

    A job depends on the jobs that fill the parents and inputs of its cells.
    """

    cells: tuple[CellPlan, ...]
    jobs: tuple[JobPlan, ...]
