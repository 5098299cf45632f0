"""The numbers behind a study's curves, in two queries whatever its size."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from backend.contracts.plan import EVALUATION, MACHINE
from backend.storage.tables import Cell, Machine, Metric, StudyCell


@dataclass(frozen=True)
class Place:
    """Where a cell stands in the study's grid."""

    axes: dict[str, Any]
    machine_id: str | None
    dataset_digest: str


@dataclass(frozen=True)
class Value:
    """One measured value."""

    cell_id: str
    metric: str
    update: int | None
    value: float
    num_samples: int | None
    gibbs_steps: int | None


def places_of_study(session: Session, study_id: str, kind: str) -> dict[str, Place]:
    """The cells of one kind (`machine`, `evaluation`), with the machine that each trained or judges."""
    key = func.coalesce(Cell.parent, Cell.id)
    query = (
        select(Cell.id, StudyCell.axes, Machine.id, Cell.dataset_digest)
        .join(StudyCell, StudyCell.cell_id == Cell.id)
        .outerjoin(Machine, Machine.key == key)
        .where(StudyCell.study_id == study_id, Cell.kind == kind)
        .order_by(StudyCell.position)
    )
    return {cell_id: Place(*rest) for cell_id, *rest in session.execute(query)}


def values_of_study(session: Session, study_id: str, kind: str) -> Sequence[Value]:
    """Every value of the evaluations, or every value of the trainings at their updates."""
    own = Metric.update.is_(None) if kind == EVALUATION else Metric.update.is_not(None)
    query = (
        select(Metric.cell_id, Metric.name, Metric.update, Metric.value, Metric.num_samples, Metric.gibbs_steps)
        .join(StudyCell, StudyCell.cell_id == Metric.cell_id)
        .where(StudyCell.study_id == study_id, own)
    )
    return [Value(*row) for row in session.execute(query)]


CELL_KINDS = {"pruning": EVALUATION, "training": MACHINE}
