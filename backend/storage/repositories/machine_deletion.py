"""Deleting a machine: what descends from it goes too; studies keep the places, unfilled."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import delete, exists, select, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from backend.contracts.plan import ANALYSIS
from backend.contracts.states import CellState
from backend.storage.repositories.artifacts import drop_unreferenced
from backend.storage.repositories.graph import LIVE_JOB_STATES
from backend.storage.tables import Base, Cell, Job, JobCell, Machine, Metric, Study, StudyCell

Row = TypeVar("Row", bound=Base)
REASON = "its machine was deleted: a retry of the study makes it again"
_PORTION = 5000


@dataclass(frozen=True)
class MachineUse:
    """What uses a machine.

    Attributes:
        cells: ids of its own cell and of every cell that descends from it.
        machines: those that descend from it.
        jobs: live ones that fill or read one of the cells.
        studies: those whose grid contains one of the cells.
    """

    cells: frozenset[str]
    machines: tuple[Machine, ...]
    jobs: tuple[Job, ...]
    studies: tuple[Study, ...]


def use_of(session: Session, machine: Machine) -> MachineUse:
    """Everything that would go with a machine, or would miss it."""
    cells = _descent(session, machine)
    return MachineUse(
        cells=frozenset(cells),
        machines=tuple(one for one in _rows(session, Machine, Machine.cell_id, cells) if one.id != machine.id),
        jobs=tuple(_live_jobs(session, cells)),
        studies=tuple(_studies(session, cells)),
    )


def delete_machine_rows(session: Session, machine: Machine, use: MachineUse) -> list[str]:
    """Remove a machine with what descends from it. The caller holds `exclusive` and has seen that no job is live.

    Cells in a study's grid stay there, cancelled and empty, so that a retry fills them again; other cells go.

    Returns:
        Digests of artifacts that nothing refers to any more: remove their files after the commit.
    """
    digests = {machine.artifact_digest, *(one.artifact_digest for one in use.machines)}
    ids = [machine.id, *(one.id for one in use.machines)]
    for some in _portions(use.cells):
        found = session.scalars(select(Cell.artifact_digest).where(Cell.id.in_(some)))
        digests |= {digest for digest in found if digest is not None}
        session.execute(delete(Metric).where(Metric.cell_id.in_(some)))
    for some in _portions(ids):
        session.execute(delete(Machine).where(Machine.id.in_(some)))
    for some in _portions(use.cells):
        digests |= _empty_or_remove(session, some)
    return drop_unreferenced(session, digests)


def _empty_or_remove(session: Session, cell_ids: Collection[str]) -> set[str]:
    kept = set(session.scalars(select(StudyCell.cell_id).where(StudyCell.cell_id.in_(cell_ids))))
    emptied = {"state": CellState.CANCELLED, "error": REASON, "artifact_digest": None, "done_at": None}
    session.execute(update(Cell).where(Cell.id.in_(kept)).values(emptied))
    gone = sorted(set(cell_ids) - kept)
    jobs = set(session.scalars(select(JobCell.job_id).where(JobCell.cell_id.in_(gone))))
    session.execute(delete(JobCell).where(JobCell.cell_id.in_(gone)))
    session.execute(delete(Cell).where(Cell.id.in_(gone)))
    empty = Job.id.in_(jobs) & ~exists().where(JobCell.job_id == Job.id)
    checkpoints = session.execute(delete(Job).where(empty).returning(Job.checkpoint_digest)).scalars()
    return {digest for digest in checkpoints if digest is not None}


def _descent(session: Session, machine: Machine) -> set[str]:
    found = {machine.cell_id} if machine.cell_id is not None else set()
    level = {machine.key}
    while level:
        children: set[str] = set()
        for some in _portions(level):
            children |= set(session.scalars(select(Cell.id).where(Cell.parent.in_(some))))
        level = children - found
        found |= level
    return found


def _live_jobs(session: Session, cells: set[str]) -> Iterable[Job]:
    """Live jobs, in the order of the queue, that fill one of the cells or an analysis that reads one."""
    filled = select(JobCell.job_id, Cell.id, Cell.inputs).join(Cell, Cell.id == JobCell.cell_id)
    live = filled.join(Job, Job.id == JobCell.job_id).where(Job.state.in_(LIVE_JOB_STATES))
    reading = session.execute(live.where(Cell.kind == ANALYSIS))
    ids = {job_id for job_id, _, inputs in reading if not cells.isdisjoint(inputs)}
    for some in _portions(cells):
        ids |= {job_id for job_id, _, _ in session.execute(live.where(Cell.id.in_(some)))}
    return sorted(_rows(session, Job, Job.id, ids), key=lambda job: (job.created_at, job.id))


def _studies(session: Session, cells: set[str]) -> Iterable[Study]:
    ids: set[str] = set()
    for some in _portions(cells):
        ids |= set(session.scalars(select(StudyCell.study_id).where(StudyCell.cell_id.in_(some)).distinct()))
    return sorted(_rows(session, Study, Study.id, ids), key=lambda study: (study.created_at, study.id))


def _rows(session: Session, table: type[Row], column: InstrumentedAttribute[Any], values: Collection[str]) -> list[Row]:
    return [row for some in _portions(values) for row in session.scalars(select(table).where(column.in_(some)))]


def _portions(ids: Iterable[str]) -> Iterable[list[str]]:
    whole = sorted(ids)
    return (whole[start : start + _PORTION] for start in range(0, len(whole), _PORTION))
