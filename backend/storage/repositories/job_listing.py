"""Jobs as a person sees them: the queue, its order, and what waits for what."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, exists, func, literal, or_, select, union, union_all
from sqlalchemy.orm import InstrumentedAttribute, Session
from sqlalchemy.sql.base import ReadOnlyColumnCollection

from backend.contracts.states import FINAL_JOB_STATES, CellState, JobState
from backend.storage.repositories.keyset import newer_than, older_than
from backend.storage.tables import Cell, Job, JobCell, JobDependency, Study, StudyCell, Worker

_OPEN = (CellState.FAILED, CellState.CANCELLED)


@dataclass(frozen=True)
class Section:
    """One part of the listing, in its own order."""

    states: tuple[JobState, ...]
    time: InstrumentedAttribute[Any]
    newest_first: bool


SECTIONS = (
    Section((JobState.RUNNING,), Job.created_at, newest_first=False),
    Section((JobState.QUEUED,), Job.created_at, newest_first=False),
    Section((JobState.BLOCKED,), Job.created_at, newest_first=False),
    Section(tuple(FINAL_JOB_STATES), Job.finished_at, newest_first=True),
)


@dataclass(frozen=True)
class JobPosition:
    """A place in the listing: section, and time and id within it."""

    section: int
    at: datetime
    job_id: str


def get_job(session: Session, job_id: str) -> Job | None:
    """One job, read anew."""
    return session.get(Job, job_id, populate_existing=True)


def page_of_jobs(
    session: Session,
    after: JobPosition | None,
    limit: int,
    *,
    state: JobState | None = None,
    study_id: str | None = None,
) -> list[tuple[JobPosition, Job]]:
    """Jobs after a position: running, queued, blocked (each oldest first), then ended ones, newest first.

    A job that moves to another section between two pages is listed where it is when its page is read.
    """
    jobs = Job.__table__.c if study_id is None else _columns_of_jobs_for(study_id)
    firsts = [
        _first_of_state(jobs, index, one, after if after and after.section == index else None, limit)
        for index in range(after.section if after else 0, len(SECTIONS))
        for one in SECTIONS[index].states
        if state in (None, one)
    ]
    if not firsts:
        return []
    positions = [JobPosition(*row) for row in session.execute(union_all(*firsts))]
    page = [position for index in range(len(SECTIONS)) for position in _in_order(index, positions)][:limit]
    found = session.scalars(select(Job).where(Job.id.in_([position.job_id for position in page])))
    by_id = {job.id: job for job in found}
    return [(position, by_id[position.job_id]) for position in page]


def places_in_queue(session: Session) -> dict[str, int]:
    """The place of each queued job, from 1."""
    query = select(Job.id).where(Job.state == JobState.QUEUED).order_by(Job.created_at, Job.id)
    return {job_id: place for place, job_id in enumerate(session.scalars(query), start=1)}


def live_loads(session: Session) -> list[tuple[str, JobState, float]]:
    """Id, state and remaining work of the running and queued jobs, in queue order."""
    query = (
        select(Job.id, Job.state, Job.work, Job.fraction)
        .where(Job.state.in_((JobState.RUNNING, JobState.QUEUED)))
        .order_by(Job.created_at, Job.id)
    )
    rows = session.execute(query).all()
    return [(job_id, JobState(state), work * (1 - fraction)) for job_id, state, work, fraction in rows]


def waited_for(session: Session, job_ids: Collection[str]) -> dict[str, list[str]]:
    """For each job the titles of the jobs that it still waits for."""
    query = (
        select(JobDependency.job_id, Job.title)
        .join(Job, Job.id == JobDependency.depends_on_id)
        .where(JobDependency.job_id.in_(job_ids), Job.state != JobState.DONE)
        .order_by(Job.created_at, Job.id)
    )
    titles: dict[str, list[str]] = {}
    for job_id, title in session.execute(query):
        titles.setdefault(job_id, []).append(title)
    return titles


def num_cells(session: Session, job_ids: Collection[str]) -> dict[str, int]:
    """How many cells each job fills."""
    query = select(JobCell.job_id, func.count()).where(JobCell.job_id.in_(job_ids)).group_by(JobCell.job_id)
    return dict(session.execute(query).all())


def num_left_open(session: Session, job_ids: Collection[str]) -> dict[str, int]:
    """How many cells of each ended job wait for a retry: planning a job makes the cells that it fills pending."""
    query = (
        select(JobCell.job_id, func.count())
        .join(Cell, Cell.id == JobCell.cell_id)
        .where(JobCell.job_id.in_(job_ids), Cell.state.in_(_OPEN))
        .group_by(JobCell.job_id)
    )
    return dict(session.execute(query).all())


def jobs_left_open(session: Session, state: JobState, study_id: str | None) -> list[Job]:
    """Jobs that ended so and left cells that wait for a retry, oldest first."""
    waits = exists().where(JobCell.job_id == Job.id, JobCell.cell_id == Cell.id, Cell.state.in_(_OPEN))
    query = select(Job).where(Job.state == state, waits).order_by(Job.created_at, Job.id)
    if study_id is not None:
        query = query.where(_works_for(study_id))
    return list(session.scalars(query))


def study_names(session: Session, study_ids: Collection[str]) -> dict[str, str]:
    """Names of studies."""
    return dict(session.execute(select(Study.id, Study.name).where(Study.id.in_(study_ids))).all())


def workers_by_id(session: Session, worker_ids: Collection[str]) -> dict[str, Worker]:
    """The workers that are still on record."""
    query = select(Worker).where(Worker.id.in_(worker_ids))
    return {worker.id: worker for worker in session.scalars(query)}


def cells_of_jobs(session: Session, job_ids: Collection[str]) -> dict[str, list[str]]:
    """Cell ids of each job, in order."""
    query = (
        select(JobCell.job_id, JobCell.cell_id)
        .where(JobCell.job_id.in_(job_ids))
        .order_by(JobCell.job_id, JobCell.position)
    )
    found: dict[str, list[str]] = {job_id: [] for job_id in job_ids}
    for job_id, cell_id in session.execute(query):
        found[job_id].append(cell_id)
    return found


def last_jobs_of(session: Session, cell_ids: Collection[str]) -> dict[str, Job]:
    """For each cell the newest job that was to fill it."""
    query = (
        select(JobCell.cell_id, Job)
        .join(Job, Job.id == JobCell.job_id)
        .where(JobCell.cell_id.in_(cell_ids))
        .order_by(Job.created_at, Job.id)
    )
    return dict(session.execute(query).all())


def ended_dependants(session: Session, job_id: str) -> Sequence[Job]:
    """Jobs that were failed or cancelled and needed this one, directly or through others, in plan order."""
    found: dict[str, Job] = {}
    level = [job_id]
    while level:
        query = (
            select(Job)
            .join(JobDependency, JobDependency.job_id == Job.id)
            .where(JobDependency.depends_on_id.in_(level))
            .where(Job.state.in_((JobState.FAILED, JobState.CANCELLED)))
        )
        level = [job.id for job in session.scalars(query) if found.setdefault(job.id, job) is job]
    return sorted(found.values(), key=lambda job: (job.created_at, job.id))


def _first_of_state(
    jobs: ReadOnlyColumnCollection[str, Any], index: int, state: JobState, after: JobPosition | None, limit: int
) -> Select[Any]:
    """Section, time and id of the first jobs of a state, along the index of its order.

    The first of a section are among the first of each of its states.
    """
    section = SECTIONS[index]
    time = jobs[section.time.key]
    order = [column.desc() if section.newest_first else column.asc() for column in (time, jobs.id)]
    query = select(literal(index).label("section"), time.label("at"), jobs.id)
    query = query.where(jobs.state == state).order_by(*order).limit(limit)
    if after is not None:
        beyond = older_than if section.newest_first else newer_than
        query = query.where(beyond(time, jobs.id, (after.at, after.job_id)))
    return select(query.subquery())


def _in_order(index: int, positions: Collection[JobPosition]) -> list[JobPosition]:
    own = [position for position in positions if position.section == index]
    return sorted(own, key=lambda one: (one.at, one.job_id), reverse=SECTIONS[index].newest_first)


def _columns_of_jobs_for(study_id: str) -> ReadOnlyColumnCollection[str, Any]:
    # Found once for all states.
    query = select(Job.id, Job.state, Job.created_at, Job.finished_at).where(_works_for(study_id))
    return query.cte("jobs_of_study").c


def _works_for(study_id: str) -> ColumnElement[bool]:
    # Another study's job counts when it fills one of this study's cells, unless it had ended before.
    # Its ids are listed once: asked job by job, a small study would wait for all jobs that ever ended.
    created = select(Study.created_at).where(Study.id == study_id).scalar_subquery()
    filling = select(JobCell.job_id).join(StudyCell, StudyCell.cell_id == JobCell.cell_id)
    planned = select(Job.id).where(Job.study_id == study_id)
    own = Job.id.in_(union(planned, filling.where(StudyCell.study_id == study_id)))
    return own & or_(Job.study_id == study_id, Job.finished_at.is_(None), Job.finished_at >= created)
