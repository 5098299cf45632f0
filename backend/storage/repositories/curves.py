"""The numbers behind a study's curves, in four queries whatever its size.

A large study has tens of thousands of values: rows come as plain tuples, past the object mapper.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, case, func, select
from sqlalchemy.orm import Session

from backend.contracts.plan import EVALUATION, MACHINE
from backend.contracts.states import CellState
from backend.storage.tables import Cell, Machine, Metric, Reference, StudyCell

CELL_KINDS = {"pruning": EVALUATION, "training": MACHINE}
_MOST_NAMED = 5000  # both databases bound the number of parameters of a statement


class Place(NamedTuple):
    """Where a cell stands in the study's grid; `pruning` is None for a training, `pruned_to` for a first one."""

    machine_class: str | None
    initial_dilution: float
    pruned_to: float | None
    replica: int
    pruning: float | None


class Origin(NamedTuple):
    """The machine that a cell trained or judges, the judge that was asked, the pruning, and the data behind both."""

    machine_id: str | None
    judge: str | None
    pruning_rule: str | None
    dataset_digest: str


class Value(NamedTuple):
    """One measured value."""

    cell_id: str
    metric: str
    update: int | None
    value: float
    low: float | None
    high: float | None


class Measured(NamedTuple):
    """A metric that has values in a study: the most chains behind one of them, and the most steps of one."""

    metric: str
    num_samples: int | None
    gibbs_steps: int | None


class MachineValue(NamedTuple):
    """One value of one machine, and how it was measured."""

    metric: str
    pruning_rule: str
    num_samples: int | None
    gibbs_steps: int | None
    judge: str | None
    dataset_digest: str
    pruning: float
    value: float
    low: float | None
    high: float | None
    cell_id: str
    has_samples: bool


def places_of_study(session: Session, study_id: str, kind: str) -> dict[str, Place]:
    """Where the cells of one kind (`machine`, `evaluation`) stand."""
    query = (
        select(StudyCell.cell_id, StudyCell.axes)
        .join(Cell, Cell.id == StudyCell.cell_id)
        .where(StudyCell.study_id == study_id, Cell.kind == kind)
    )
    return {cell_id: _place(axes) for cell_id, axes in session.connection().execute(query).all()}


def _place(axes: Mapping[str, Any]) -> Place:
    get = axes.get
    return Place(
        get("machine_class"), get("initial_dilution", 0.0), get("pruned_to"), get("replica", 0), get("pruning")
    )


def origins(session: Session, study_id: str, kind: str, cell_ids: Collection[str]) -> dict[str, Origin]:
    """Where these cells of a study come from; of many, those of the whole study are read at once."""
    query = (
        select(
            Cell.id,
            Machine.id,
            Cell.parameters["judge"].as_string(),
            Cell.parameters["pruning_rule"].as_string(),
            Cell.dataset_digest,
        )
        .join(StudyCell, StudyCell.cell_id == Cell.id)
        .outerjoin(Machine, Machine.key == func.coalesce(Cell.parent, Cell.id))
        .where(StudyCell.study_id == study_id, Cell.kind == kind)
    )
    if len(cell_ids) <= _MOST_NAMED:
        query = query.where(Cell.id.in_(cell_ids))
    return {row[0]: Origin._make(row[1:]) for row in session.connection().execute(query).all()}


def version_of_study(session: Session, study_id: str) -> str:
    """What the curves of a study follow from, told by counts: another text whenever they may be others."""
    done = func.sum(case((Cell.state == CellState.DONE, 1), else_=0))
    query = (
        select(func.count(), func.sum(Cell.version), done, select(func.count(Reference.name)).scalar_subquery())
        .join(StudyCell, StudyCell.cell_id == Cell.id)
        .where(StudyCell.study_id == study_id)
    )
    return "-".join(map(str, session.execute(query).one()))


def values_of_machine(session: Session, machine_key: str) -> Sequence[MachineValue]:
    """Every value of the evaluations of one machine, in the order of p."""
    pruning = Cell.parameters["pruning"].as_float()
    query = (
        select(
            Metric.name,
            Cell.parameters["pruning_rule"].as_string(),
            Metric.num_samples,
            Metric.gibbs_steps,
            Cell.parameters["judge"].as_string(),
            Cell.dataset_digest,
            pruning,
            Metric.value,
            Metric.low,
            Metric.high,
            Metric.cell_id,
            Cell.artifact_digest.is_not(None),
        )
        .join(Cell, Cell.id == Metric.cell_id)
        .where(Cell.parent == machine_key, Cell.kind == EVALUATION, Metric.update.is_(None))
        .order_by(pruning, Metric.cell_id)
    )
    return [MachineValue._make(row) for row in session.connection().execute(query).all()]


def measured_in_study(session: Session, study_id: str, kind: str) -> Sequence[Measured]:
    """Which metrics the evaluations, or the trainings, of a study have, by name."""
    query = (
        select(Metric.name, func.max(Metric.num_samples), func.max(Metric.gibbs_steps))
        .join(StudyCell, StudyCell.cell_id == Metric.cell_id)
        .where(StudyCell.study_id == study_id, _own(kind))
        .group_by(Metric.name)
        .order_by(Metric.name)
    )
    return [Measured._make(row) for row in session.connection().execute(query).all()]


def values_of_study(
    session: Session, study_id: str, kind: str, metrics: Collection[str] | None = None
) -> Sequence[Value]:
    """Every value of the evaluations, or every value of the trainings at their updates; of some metrics, or of all."""
    query = (
        select(
            Metric.cell_id,
            Metric.name,
            Metric.update,
            Metric.value,
            Metric.low,
            Metric.high,
        )
        .join(StudyCell, StudyCell.cell_id == Metric.cell_id)
        .where(StudyCell.study_id == study_id, _own(kind))
    )
    if metrics is not None:
        query = query.where(Metric.name.in_(metrics))
    return [Value._make(row) for row in session.connection().execute(query).all()]


def _own(kind: str) -> ColumnElement[bool]:
    return Metric.update.is_(None) if kind == EVALUATION else Metric.update.is_not(None)
