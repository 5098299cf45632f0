"""The log of a job, line by line."""

from collections.abc import Sequence
from typing import Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.storage.tables import Job, JobLog

Level = Literal["info", "warning", "error"]


def add_line(session: Session, job_id: str, message: str, level: Level = "info") -> None:
    """Add a line to a job's log; nothing happens when the job was deleted."""
    exists = select(Job.id).where(Job.id == job_id).with_for_update(read=True, key_share=True)
    if session.execute(exists).one_or_none() is not None:
        session.add(JobLog(job_id=job_id, message=message, level=level))
        session.flush()


def lines_of(session: Session, job_id: str, limit: int = 5000) -> Sequence[JobLog]:
    """The last lines of a job's log, oldest first."""
    query = select(JobLog).where(JobLog.job_id == job_id).order_by(JobLog.id.desc()).limit(limit)
    return list(reversed(session.scalars(query).all()))
