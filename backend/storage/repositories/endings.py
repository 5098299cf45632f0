"""How jobs end: their state, their cells, the jobs that waited for them, and the studies they belong to."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import exists, select, update
from sqlalchemy.orm import Session, aliased

from backend.contracts.states import CellState, JobState
from backend.storage.repositories.graph import (
    LIVE_JOB_STATES,
    dependants_of,
    studies_of_jobs,
    will_fill,
)
from backend.storage.repositories.studies import refresh_studies
from backend.storage.tables import Cell, Job, JobCell, JobDependency

_CELL_STATE = {JobState.FAILED: CellState.FAILED, JobState.CANCELLED: CellState.CANCELLED}


def end_jobs(
    session: Session, job_ids: Collection[str], state: JobState, reason: str | None, now: datetime
) -> list[str]:
    """End live jobs, and every job blocked behind them, as failed or cancelled.

    Their open cells get the same state unless another live job fills them. The caller holds `exclusive`.

    Returns:
        Ids of all jobs that ended, dependants included.
    """
    ended: list[str] = []
    level = [(job_id, reason) for job_id in job_ids]
    while level:
        closed = [entry for entry in level if _end(session, *entry, state, now)]
        ended += [job_id for job_id, _ in closed]
        level = _waiting_for(session, closed, state)
    refresh_studies(session, studies_of_jobs(session, ended), now)
    return ended


def request_cancel(session: Session, job_ids: Collection[str], now: datetime) -> list[str]:
    """Cancel waiting jobs at once, and ask running ones to stop; whatever waits for them is cancelled too.

    Returns:
        Ids of all jobs that were changed.
    """
    running = list(session.scalars(select(Job.id).where(Job.id.in_(job_ids), Job.state == JobState.RUNNING)))
    session.execute(update(Job).where(Job.id.in_(running)).values(cancel_requested=True))
    waiting = [job_id for job_id in job_ids if job_id not in running]
    ended = end_jobs(session, waiting, JobState.CANCELLED, None, now)
    ended += end_jobs(session, dependants_of(session, running), JobState.CANCELLED, None, now)
    return running + ended


def release_dependants(session: Session, job_id: str) -> list[str]:
    """Queue the jobs whose last dependency was this one. Returns their ids."""
    needed, other = aliased(Job), aliased(JobDependency)
    open_dependency = (
        exists().where(other.job_id == Job.id, other.depends_on_id == needed.id).where(needed.state != JobState.DONE)
    )
    query = (
        select(Job.id)
        .join(JobDependency, JobDependency.job_id == Job.id)
        .where(JobDependency.depends_on_id == job_id, Job.state == JobState.BLOCKED, ~open_dependency)
        .order_by(Job.created_at, Job.id)
    )
    ready = list(session.scalars(query))
    session.execute(update(Job).where(Job.id.in_(ready)).values(state=JobState.QUEUED, sent_at=None))
    return ready


def _end(session: Session, job_id: str, reason: str | None, state: JobState, now: datetime) -> bool:
    ending = {"state": state, "error": reason, "finished_at": now, "lease_expires_at": None}
    changed = session.execute(
        update(Job).where(Job.id == job_id, Job.state.in_(LIVE_JOB_STATES)).values(ending).returning(Job.id)
    ).scalar_one_or_none()
    if changed is not None:
        _close_cells(session, job_id, _CELL_STATE[state], reason)
    return changed is not None


def _close_cells(session: Session, job_id: str, state: CellState, reason: str | None) -> None:
    mine = select(JobCell.cell_id).where(JobCell.job_id == job_id)
    others = exists().where(JobCell.cell_id == Cell.id, JobCell.job_id == Job.id, Job.id != job_id, will_fill())
    session.execute(
        update(Cell)
        .where(Cell.id.in_(mine), Cell.state == CellState.PENDING, ~others)
        .values(state=state, error=reason)
        .execution_options(synchronize_session=False)
    )


def _waiting_for(
    session: Session, ended: list[tuple[str, str | None]], state: JobState
) -> list[tuple[str, str | None]]:
    reasons = dict(ended)
    needed = aliased(Job)
    query = (
        select(Job.id, needed.id, needed.title)
        .join(JobDependency, JobDependency.job_id == Job.id)
        .join(needed, needed.id == JobDependency.depends_on_id)
        .where(needed.id.in_(reasons), Job.state == JobState.BLOCKED)
    )
    waiting: dict[str, str | None] = {}
    for job_id, needed_id, title in session.execute(query):
        cause = f": {reasons[needed_id]}" if reasons[needed_id] else ""
        waiting[job_id] = f"needs {title!r}, which {'failed' if state == JobState.FAILED else 'was cancelled'}{cause}"
    return list(waiting.items())
