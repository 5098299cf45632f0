"""Questions about the graph of studies, cells and jobs that several repositories ask."""

from collections.abc import Collection

from sqlalchemy import ColumnElement, and_, select
from sqlalchemy.orm import Session

from backend.contracts.states import FINAL_STUDY_STATES, JobState
from backend.storage.tables import Job, JobCell, JobDependency, Study, StudyCell

LIVE_JOB_STATES = (JobState.BLOCKED, JobState.QUEUED, JobState.RUNNING)


def will_fill() -> ColumnElement[bool]:
    """Jobs that will still fill their cells: live, and not asked to stop."""
    return and_(Job.state.in_(LIVE_JOB_STATES), Job.cancel_requested.is_(False))


def live_study() -> ColumnElement[bool]:
    """Studies that still wait for cells."""
    return Study.state.not_in(FINAL_STUDY_STATES)


def studies_of_jobs(session: Session, job_ids: Collection[str]) -> list[str]:
    """Ids of the studies that contain a cell of these jobs."""
    query = (
        select(StudyCell.study_id)
        .join(JobCell, JobCell.cell_id == StudyCell.cell_id)
        .where(JobCell.job_id.in_(job_ids))
        .distinct()
    )
    return list(session.scalars(query))


def dependants_of(session: Session, job_ids: Collection[str]) -> list[str]:
    """Ids of the blocked jobs that wait, directly or through others, for these jobs."""
    found: list[str] = []
    level = list(job_ids)
    while level:
        query = (
            select(Job.id)
            .join(JobDependency, JobDependency.job_id == Job.id)
            .where(JobDependency.depends_on_id.in_(level), Job.state == JobState.BLOCKED)
            .distinct()
        )
        level = [job_id for job_id in session.scalars(query) if job_id not in found]
        found += level
    return found


def dependencies_of(session: Session, job_ids: Collection[str]) -> set[str]:
    """Ids of all jobs that these jobs need, directly or through others."""
    found: set[str] = set()
    level = set(job_ids)
    while level:
        query = select(JobDependency.depends_on_id).where(JobDependency.job_id.in_(level))
        level = set(session.scalars(query)) - found
        found |= level
    return found


def live_jobs_of_study(session: Session, study_id: str) -> set[str]:
    """Ids of the live jobs that fill a cell of a study, whoever planned them."""
    query = (
        select(Job.id)
        .join(JobCell, JobCell.job_id == Job.id)
        .join(StudyCell, StudyCell.cell_id == JobCell.cell_id)
        .where(StudyCell.study_id == study_id, Job.state.in_(LIVE_JOB_STATES))
        .distinct()
    )
    return set(session.scalars(query))


def jobs_only_for(session: Session, study_id: str) -> set[str]:
    """Ids of the live jobs that only this study needs.

    A job is needed elsewhere when it fills a cell of another live study, when it was asked for outside any
    study, or when such a job depends on it.
    """
    wanted = (
        select(Job.id)
        .join(JobCell, JobCell.job_id == Job.id)
        .join(StudyCell, StudyCell.cell_id == JobCell.cell_id)
        .join(Study, Study.id == StudyCell.study_id)
        .where(Job.state.in_(LIVE_JOB_STATES), Study.id != study_id, live_study())
        .distinct()
    )
    outside = select(Job.id).where(Job.state.in_(LIVE_JOB_STATES), Job.study_id.is_(None))
    kept = set(session.scalars(wanted)) | set(session.scalars(outside))
    own = live_jobs_of_study(session, study_id)
    needed = dependencies_of(session, own)
    live = set(session.scalars(select(Job.id).where(Job.id.in_(needed), Job.state.in_(LIVE_JOB_STATES))))
    return (own | live) - kept - dependencies_of(session, kept)
