"""Cancel and retry single jobs. Each may be asked twice."""

from datetime import datetime

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
from backend.storage.repositories.planning import JobDraft, plan_jobs
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
    """Plan a new job for the cells that this one left open, and for the jobs that ended because of it.

    Returns:
        The new job, or the job itself when it left nothing open.

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
        again = [job, *job_listing.ended_dependants(session, job_id)]
        filled = job_listing.cells_of_jobs(session, [one.id for one in again])
        cells = _with_parents(session, [cell for ids in filled.values() for cell in ids])
        drafts = [JobDraft(one.kind, one.title, filled[one.id]) for one in again]
        new = plan_jobs(session, drafts, cells, job.study_id, now)
        _reopen(session, job, now)
        ready = jobs_to_send(session)
        study_id = job.study_id
    lab.send(ready)
    lab.announce(Event(kind="job", id=(new or [job_id])[0], study_id=study_id, state=JobState.QUEUED))
    return show_job(lab, (new or [job_id])[0])


def _with_parents(session: Session, cell_ids: list[str]) -> dict[str, tables.Cell]:
    cells = cell_rows.cells_by_id(session, cell_ids)
    parents = {cell.parent for cell in cells.values() if cell.parent is not None}
    return cell_rows.cells_by_id(session, parents) | cells


def _reopen(session: Session, job: tables.Job, now: datetime) -> None:
    study = study_rows.get_study(session, job.study_id) if job.study_id else None
    if study is not None and study.state in FINAL_STUDY_STATES and study.state != StudyState.DONE:
        study_rows.set_state(session, study.id, StudyState.QUEUED, now)
        study_rows.refresh_studies(session, [study.id], now)
