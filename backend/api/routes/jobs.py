"""Jobs: the queue, cancel, retry, log."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from backend.api.deps import Id, Lab, OptionalId, Paging, accepted, accepted_responses, idempotency_key, link_next
from backend.api.shared_answers import SharedRoute
from backend.contracts.messages import Job, JobsRetried, JobsRetry, LogLine, Page
from backend.contracts.states import JobState
from backend.services import change_job, jobs

router = APIRouter(prefix="/jobs", tags=["jobs"], route_class=SharedRoute)


class JobFilters(Paging):
    """Which jobs."""

    state: JobState | None = None
    study_id: OptionalId = None


@router.get("", summary="List jobs")
def list_jobs(lab: Lab, filters: Annotated[JobFilters, Query()], request: Request, response: Response) -> Page[Job]:
    """Running, queued and waiting jobs in the order of the queue, then ended ones, newest first."""
    page = jobs.list_jobs(lab, filters.cursor, filters.limit, filters.state, filters.study_id)
    link_next(request, response, page)
    return page


@router.get("/{job_id}", summary="Show a job")
def show_job(lab: Lab, job_id: Id) -> Job:
    """State, place in the queue, progress, speed, ETA as a range, worker."""
    return jobs.show_job(lab, job_id)


@router.post(
    "/{job_id}/cancel",
    status_code=202,
    summary="Cancel a job",
    dependencies=[Depends(idempotency_key)],
    responses=accepted_responses("It stops within seconds. A job that has ended stays as it is."),
)
def cancel_job(lab: Lab, job_id: Id, response: Response) -> Job:
    """Cancel the job and what waits for it."""
    accepted(response, f"/jobs/{job_id}")
    return change_job.cancel_job(lab, job_id)


@router.post(
    "/{job_id}/retry",
    status_code=202,
    summary="Retry a job",
    dependencies=[Depends(idempotency_key)],
    responses=accepted_responses("The new job, which runs the cells that this one left open."),
)
def retry_job(lab: Lab, job_id: Id, response: Response) -> Job:
    """Run a failed or cancelled job's open cells in a new job; an ended job never changes."""
    new = change_job.retry_job(lab, job_id)
    accepted(response, f"/jobs/{new.id}")
    return new


@router.post(
    "/retry",
    status_code=202,
    summary="Retry all failed jobs",
    dependencies=[Depends(idempotency_key)],
    responses=accepted_responses("The new jobs. What something else fills already is left alone."),
)
def retry_jobs(lab: Lab, wanted: JobsRetry, response: Response) -> JobsRetried:
    """Run what all failed (or cancelled) jobs left open, in all studies or in one."""
    accepted(response, "/jobs")
    return JobsRetried(job_ids=change_job.retry_jobs(lab, JobState(wanted.state), wanted.study_id))


@router.get("/{job_id}/log", summary="A job's log")
def job_log(lab: Lab, job_id: Id) -> list[LogLine]:
    """What the job said, oldest line first."""
    return jobs.job_log(lab, job_id)
