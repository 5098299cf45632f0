"""Read jobs: place in the queue, progress, ETA as a range, and what a job waits for."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from backend.contracts.messages import Job, LogLine, Page
from backend.contracts.states import FINAL_JOB_STATES, JobState
from backend.services.cursors import check_limit, read_cursor, write_cursor
from backend.services.errors import NotFound, storage_in_words
from backend.services.estimates import Crew, as_range
from backend.services.laboratory import Laboratory
from backend.services.studies import NO_WORKER, NOT_SENT
from backend.storage import tables
from backend.storage.repositories import job_listing as rows
from backend.storage.repositories.job_listing import JobPosition
from backend.storage.repositories.log import lines_of

_WITH_ETA = {JobState.QUEUED, JobState.RUNNING}


def list_jobs(
    lab: Laboratory,
    cursor: str | None = None,
    limit: int = 50,
    state: JobState | None = None,
    study_id: str | None = None,
) -> Page[Job]:
    """One page of jobs: running, queued and waiting ones in queue order, then ended ones, newest first."""
    check_limit(limit)
    after = JobPosition(*read_cursor(cursor, int, datetime, str)) if cursor else None
    with storage_in_words(), lab.database.read() as session:
        found = rows.page_of_jobs(session, after, limit + 1, state=state, study_id=study_id)
        last = found[limit - 1][0] if len(found) > limit else None
        next_cursor = write_cursor(last.section, last.at, last.job_id) if last else None
        return Page(items=_messages(session, [job for _, job in found[:limit]]), next_cursor=next_cursor)


def show_job(lab: Laboratory, job_id: str) -> Job:
    """One job. Raises `NotFound`."""
    with storage_in_words(), lab.database.read() as session:
        return _messages(session, [job_row(session, job_id)])[0]


def job_log(lab: Laboratory, job_id: str) -> list[LogLine]:
    """What a job said, oldest line first. Raises `NotFound`."""
    with storage_in_words(), lab.database.read() as session:
        job_row(session, job_id)
        return [LogLine(at=line.at, level=line.level, message=line.message) for line in lines_of(session, job_id)]


def job_row(session: Session, job_id: str) -> tables.Job:
    """The row of a job. Raises `NotFound`."""
    job = rows.get_job(session, job_id)
    if job is None:
        raise NotFound(f"no job has the id {job_id[:80]!r}: see GET /api/v1/jobs")
    return job


def _messages(session: Session, jobs: Sequence[tables.Job]) -> list[Job]:
    ids = [job.id for job in jobs]
    names = rows.study_names(session, {job.study_id for job in jobs if job.study_id})
    cells = rows.num_cells(session, ids)
    blocked = [job.id for job in jobs if job.state == JobState.BLOCKED]
    waiting = rows.waited_for(session, blocked) if blocked else {}
    places = rows.places_in_queue(session) if any(job.state == JobState.QUEUED for job in jobs) else {}
    open_cells = rows.num_left_open(session, [job.id for job in jobs if job.state in FINAL_JOB_STATES])
    crew = Crew.of(session)
    seconds = _seconds(session, crew) if any(job.state in _WITH_ETA for job in jobs) else {}
    hired = {job.worker_id for job in jobs if job.worker_id}
    workers = rows.workers_by_id(session, hired) if hired else {}
    found = []
    for job in jobs:
        worker = workers.get(job.worker_id or "")
        low, high = as_range(seconds.get(job.id))
        found.append(
            Job(
                id=job.id,
                study_id=job.study_id,
                study_name=names.get(job.study_id or ""),
                kind=job.kind,
                title=job.title,
                state=JobState(job.state),
                message=_message(job, waiting.get(job.id, []), crew),
                place=places.get(job.id),
                num_cells=cells.get(job.id, 0),
                num_left_open=open_cells.get(job.id, 0),
                work=job.work,
                fraction=job.fraction,
                stage=job.stage,
                rate=job.rate,
                eta_low_seconds=low,
                eta_high_seconds=high,
                attempt=job.attempt,
                max_attempts=job.max_attempts,
                worker=f"{worker.hostname}:{worker.pid}" if worker else None,
                device=worker.device_name if worker else None,
                error=job.error,
                cancel_requested=job.cancel_requested,
                created_at=job.created_at,
                started_at=job.started_at,
                finished_at=job.finished_at,
            )
        )
    return found


def _message(job: tables.Job, waits_for: Sequence[str], crew: Crew) -> str | None:
    if job.state == JobState.BLOCKED:
        return f"waiting for {', '.join(waits_for)}" if waits_for else "waiting"
    if job.state == JobState.QUEUED and crew.alive == 0:
        return NO_WORKER
    if job.state == JobState.QUEUED and job.sent_at is None:
        return NOT_SENT
    if job.state == JobState.RUNNING and job.cancel_requested:
        return "stopping"
    if job.state == JobState.QUEUED and job.attempt > 0:
        return "goes on from its checkpoint when a worker is free"
    return job.error if job.state == JobState.FAILED else None


def _seconds(session: Session, crew: Crew) -> Mapping[str, float]:
    """Until each running or queued job ends: what is before it in the queue, shared by the workers, and itself."""
    if crew.alive == 0:
        return {}
    rates = {worker.job_id: worker.rate for worker in crew.by_id.values() if worker.job_id and worker.rate}
    found: dict[str, float] = {}
    before = 0.0
    for job_id, state, work in rows.live_loads(session):
        rate = rates.get(job_id) or crew.rate
        if rate is None:
            continue
        own = work / rate
        found[job_id] = own if state == JobState.RUNNING else before / crew.alive + own
        before += own
    return found
