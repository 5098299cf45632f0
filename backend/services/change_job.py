"""Cancel and retry jobs, one or all that failed. Each may be asked twice."""

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from backend.contracts.messages import Event, Job
from backend.contracts.states import FINAL_JOB_STATES, FINAL_STUDY_STATES, JobState, StudyState
from backend.services.errors import Conflict, storage_in_words
from backend.services.jobs import job_row, show_job
from backend.services.laboratory import Laboratory
from backend.storage import tables
from backend.storage.database import database_now, exclusive
from backend.storage.repositories import cells as cell_rows
from backend.storage.repositories import job_listing
from backend.storage.repositories import studies as study_rows
from backend.storage.repositories.endings import request_cancel
from backend.storage.repositories.planning import JobDraft, jobs_filling, needs_of, plan_jobs
from backend.storage.repositories.reaper import jobs_to_send


def cancel_job(lab: Laboratory, job_id: str) -> Job:
    """Cancel the job and what waits for it; a worker that runs it stops within two seconds.

    A job that ended stays as it is. Raises `NotFound`.
    """
    with storage_in_words(), lab.database.write() as session:
        exclusive(session)
        job = job_row(session, job_id)
        if job.state not in FINAL_JOB_STATES:
            request_cancel(session, [job_id], database_now(session))
        study_id = job.study_id
    lab.announce(Event(kind="job", id=job_id, study_id=study_id, state=JobState.CANCELLED))
    return show_job(lab, job_id)


def retry_job(lab: Laboratory, job_id: str) -> Job:
    """Plan a new job for the cells that this one left open, and for what ended with it or has to come before it.

    Returns:
        The job that will fill what was left open, or the job itself when nothing was.

    Raises:
        NotFound: no such job.
        Conflict: it has not ended yet.
    """
    with storage_in_words(), lab.database.write() as session:
        exclusive(session)
        job = job_row(session, job_id)
        if job.state not in FINAL_JOB_STATES:
            raise Conflict(f"the job is {job.state}: only a job that failed or was cancelled can be run again")
        now = database_now(session)
        plan_jobs(session, *_drafts(session, job), job.study_id, now)
        _reopen(session, job, now)
        ready = jobs_to_send(session)
        study_id = job.study_id
        successor = _successor(session, job_id)
    lab.send(ready)
    lab.announce(Event(kind="job", id=successor, study_id=study_id, state=JobState.QUEUED))
    return show_job(lab, successor)


def retry_jobs(lab: Laboratory, state: JobState = JobState.FAILED, study_id: str | None = None) -> list[str]:
    """Plan new jobs for everything that jobs of this final state left open, in all studies or in one.

    Returns:
        Ids of the new jobs in the order of the queue; none when nothing was left open.
    """
    planned: list[str] = []
    with storage_in_words(), lab.database.write() as session:
        exclusive(session)
        now = database_now(session)
        for job in job_listing.jobs_left_open(session, state, study_id):
            if not job_listing.num_left_open(session, [job.id]):
                continue  # planned along with a job before it
            later = now + timedelta(microseconds=len(planned))  # the queue is ordered by time
            planned += plan_jobs(session, *_drafts(session, job), job.study_id, later)
            _reopen(session, job, now)
        ready = jobs_to_send(session)
    lab.send(ready)
    for job_id in planned:
        lab.announce(Event(kind="job", id=job_id, state=JobState.QUEUED))
    return planned


def _drafts(session: Session, job: tables.Job) -> tuple[list[JobDraft], dict[str, tables.Cell]]:
    """The job, what it lacks (the jobs of machines and inputs), all that ended with these, and every cell of them."""
    jobs: dict[str, tables.Job] = {}
    cells: dict[str, tables.Cell] = {}
    filled: dict[str, list[str]] = {}
    level = {job.id: job}
    while level:
        jobs |= level
        own = job_listing.cells_of_jobs(session, list(level))
        filled |= own
        cells |= cell_rows.cells_by_id(session, [cell for ids in own.values() for cell in ids])
        needs = set().union(*map(needs_of, cells.values())) - set(cells)
        lacking = job_listing.last_jobs_of(session, cell_rows.open_among(session, needs))
        ended = [one for job_id in level for one in job_listing.ended_dependants(session, job_id)]
        level = {one.id: one for one in (*lacking.values(), *ended) if one.id not in jobs}
    in_order = sorted(jobs.values(), key=lambda one: (one.created_at, one.id))
    return [JobDraft(one.kind, one.title, filled[one.id]) for one in in_order], cells


def _successor(session: Session, job_id: str) -> str:
    """The live job that fills what this job left open; the job itself when it left nothing open."""
    own = job_listing.cells_of_jobs(session, [job_id])[job_id]
    filling = jobs_filling(session, own)
    return next((filling[cell] for cell in own if cell in filling), job_id)


def _reopen(session: Session, job: tables.Job, now: datetime) -> None:
    study = study_rows.get_study(session, job.study_id) if job.study_id else None
    if study is not None and study.state in FINAL_STUDY_STATES and study.state != StudyState.DONE:
        study_rows.set_state(session, study.id, StudyState.QUEUED, now)
        study_rows.refresh_studies(session, [study.id], now)
