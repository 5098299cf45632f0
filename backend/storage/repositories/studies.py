"""Studies: their rows, and their state, which follows from cells and jobs."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import case, func, select, update
from sqlalchemy.orm import Session

from backend.contracts.states import CellState, JobState, StudyState
from backend.storage.repositories.graph import LIVE_JOB_STATES, live_study
from backend.storage.repositories.keyset import Position, older_than
from backend.storage.tables import Cell, Job, JobCell, Study, StudyCell


@dataclass(frozen=True)
class CellTally:
    """How many cells of a study are in one state, and the work that they stand for."""

    cells: int = 0
    work: float = 0.0


@dataclass(frozen=True)
class LiveShare:
    """What one live job still has to do, in all and for one study.

    Attributes:
        pending_work: work of the job's open cells that belong to the study.
        job_pending_work: work of all of the job's open cells.
    """

    job: Job
    pending_work: float
    job_pending_work: float


def get_study(session: Session, study_id: str) -> Study | None:
    """One study, read anew."""
    return session.get(Study, study_id, populate_existing=True)


def page_of_studies(
    session: Session, after: Position | None, limit: int, state: StudyState | None = None
) -> Sequence[Study]:
    """Studies, newest first, that come after a position (creation time and id)."""
    query = select(Study).order_by(Study.created_at.desc(), Study.id.desc()).limit(limit)
    if after is not None:
        query = query.where(older_than(Study.created_at, Study.id, after))
    if state is not None:
        query = query.where(Study.state == state)
    return session.scalars(query).all()


def tallies(session: Session, study_ids: Collection[str]) -> dict[str, dict[str, CellTally]]:
    """For each study: cells and work by cell state."""
    query = (
        select(StudyCell.study_id, Cell.state, func.count(), func.sum(Cell.work))
        .join(Cell, Cell.id == StudyCell.cell_id)
        .where(StudyCell.study_id.in_(study_ids))
        .group_by(StudyCell.study_id, Cell.state)
    )
    found: dict[str, dict[str, CellTally]] = {study_id: {} for study_id in study_ids}
    for study_id, state, cells, work in session.execute(query):
        found[study_id][state] = CellTally(cells, float(work))
    return found


def num_cells(session: Session, study_ids: Collection[str]) -> dict[str, int]:
    """How many cells each study has: read from the index of places alone."""
    query = select(StudyCell.study_id, func.count()).where(StudyCell.study_id.in_(study_ids))
    return dict(session.execute(query.group_by(StudyCell.study_id)).all())


def live_shares(session: Session, study_ids: Collection[str]) -> dict[str, list[LiveShare]]:
    """For each study: the live jobs that fill its cells, whoever planned them, in queue order."""
    open_work = case((Cell.state == CellState.DONE, 0.0), else_=Cell.work)
    mine = (
        select(StudyCell.study_id, JobCell.job_id, func.sum(open_work).label("pending"))
        .join(JobCell, JobCell.cell_id == StudyCell.cell_id)
        .join(Job, Job.id == JobCell.job_id)
        .join(Cell, Cell.id == StudyCell.cell_id)
        .where(StudyCell.study_id.in_(study_ids), Job.state.in_(LIVE_JOB_STATES))
        .group_by(StudyCell.study_id, JobCell.job_id)
        .subquery()
    )
    whole = (
        select(JobCell.job_id, func.sum(open_work).label("pending"))
        .join(Cell, Cell.id == JobCell.cell_id)
        .where(JobCell.job_id.in_(select(mine.c.job_id)))
        .group_by(JobCell.job_id)
        .subquery()
    )
    query = (
        select(mine.c.study_id, Job, mine.c.pending, whole.c.pending)
        .join(Job, Job.id == mine.c.job_id)
        .join(whole, whole.c.job_id == Job.id)
        .order_by(Job.created_at, Job.id)
    )
    found: dict[str, list[LiveShare]] = {study_id: [] for study_id in study_ids}
    for study_id, job, pending, job_pending in session.execute(query):
        found[study_id].append(LiveShare(job, float(pending), float(job_pending)))
    return found


def last_errors(session: Session, study_ids: Collection[str]) -> dict[str, str]:
    """For each study: the error of the job that failed last, and of the cause rather than its effects."""
    query = (
        select(StudyCell.study_id, Job.error)
        .join(JobCell, JobCell.cell_id == StudyCell.cell_id)
        .join(Job, Job.id == JobCell.job_id)
        .where(StudyCell.study_id.in_(study_ids), Job.state == JobState.FAILED, Job.error.is_not(None))
        .join(Study, Study.id == StudyCell.study_id)
        .where(Job.finished_at >= Study.created_at)
        .order_by(Job.finished_at, Job.created_at.desc())
    )
    return {study_id: error for study_id, error in session.execute(query) if error is not None}


def first_cell_errors(session: Session, study_ids: Collection[str]) -> dict[str, str]:
    """For each study with failed cells: the error of the first of them in its grid, where causes precede effects."""
    query = (
        select(StudyCell.study_id, Cell.error)
        .join(Cell, Cell.id == StudyCell.cell_id)
        .where(StudyCell.study_id.in_(study_ids), Cell.state == CellState.FAILED, Cell.error.is_not(None))
        .order_by(StudyCell.position.desc())
    )
    return {study_id: error for study_id, error in session.execute(query) if error is not None}


def refresh_studies(session: Session, study_ids: Collection[str], now: datetime) -> list[str]:
    """Bring the state of studies in line with their cells and jobs. A final state stays as it is.

    Returns:
        Ids of the studies whose state changed.
    """
    query = select(Study).where(Study.id.in_(study_ids), live_study())
    changed = []
    for study in session.scalars(query.execution_options(populate_existing=True)).all():
        state = _derived_state(session, study)
        if state != study.state:
            _set_state(session, study, state, now)
            changed.append(study.id)
    return changed


def set_state(session: Session, study_id: str, state: StudyState, now: datetime) -> None:
    """Set the state of a study by a person's will (cancel, retry)."""
    study = get_study(session, study_id)
    if study is not None:
        _set_state(session, study, state, now)


def _derived_state(session: Session, study: Study) -> StudyState:
    cells: Mapping[str, CellTally] = tallies(session, [study.id])[study.id]
    if set(cells) <= {CellState.DONE}:
        return StudyState.DONE
    jobs = _live_job_states(session, study.id)
    if JobState.RUNNING in jobs or (jobs and study.started_at is not None):
        return StudyState.RUNNING
    if jobs:
        return StudyState.QUEUED
    return StudyState.CANCELLED if CellState.FAILED not in cells and CellState.CANCELLED in cells else StudyState.FAILED


def _live_job_states(session: Session, study_id: str) -> set[str]:
    query = (
        select(Job.state)
        .join(JobCell, JobCell.job_id == Job.id)
        .join(StudyCell, StudyCell.cell_id == JobCell.cell_id)
        .where(StudyCell.study_id == study_id, Job.state.in_(LIVE_JOB_STATES))
        .distinct()
    )
    return set(session.scalars(query))


def _set_state(session: Session, study: Study, state: StudyState, now: datetime) -> None:
    live = state in {StudyState.QUEUED, StudyState.RUNNING}
    values: dict[str, Any] = {"state": state, "finished_at": None if live else now}
    if state == StudyState.QUEUED:
        values["started_at"] = None
    elif state == StudyState.RUNNING and study.started_at is None:
        values["started_at"] = now
    session.execute(update(Study).where(Study.id == study.id).values(values))
    session.refresh(study)
