"""Jobs whose worker died, jobs that wait for a wake-up call, checkpoints that nobody needs."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, delete, func, select, update
from sqlalchemy.orm import Session

from backend.contracts.states import FINAL_JOB_STATES, JobState
from backend.storage.database import database_now, exclusive
from backend.storage.repositories.artifacts import drop_unreferenced
from backend.storage.repositories.endings import end_jobs
from backend.storage.repositories.graph import studies_of_jobs
from backend.storage.repositories.log import add_line
from backend.storage.repositories.studies import refresh_studies
from backend.storage.repositories.workers import ALIVE_SECONDS
from backend.storage.tables import Job, Worker

RESEND_SECONDS = 5.0
_WORKER_KEPT = timedelta(days=1)


@dataclass(frozen=True)
class Chores:
    """What the next sweep has to write; nothing is written while there are none."""

    expired: bool
    old_checkpoints: bool
    dead_workers: bool

    def __bool__(self) -> bool:
        return self.expired or self.old_checkpoints or self.dead_workers


def chores(session: Session) -> Chores:
    """Look for work without locking anything."""
    now = database_now(session)
    expired = select(Job.id).where(Job.state == JobState.RUNNING, Job.lease_expires_at < now).limit(1)
    leftovers = select(Job.id).where(_holds_old_checkpoint()).limit(1)
    dead = select(Worker.id).where(Worker.heartbeat_at < now - _WORKER_KEPT).limit(1)
    return Chores(*(session.execute(query).first() is not None for query in (expired, leftovers, dead)))


def reap(session: Session) -> list[str]:
    """Take back the jobs whose lease expired: to the queue, or ended when they had all their attempts.

    Returns:
        Ids of all jobs that changed.
    """
    exclusive(session)
    now = database_now(session)
    query = select(Job).where(Job.state == JobState.RUNNING, Job.lease_expires_at < now)
    expired = session.scalars(query.with_for_update().execution_options(populate_existing=True)).all()
    changed: list[str] = []
    for job in expired:
        changed += _take_back(session, job, now)
    refresh_studies(session, studies_of_jobs(session, changed), now)
    return changed


def jobs_to_send(session: Session) -> list[str]:
    """Ids of queued jobs that need a wake-up call, in queue order.

    Unsent ones always. Sent ones again only when a live worker has nothing to do and the message is old:
    it was lost, or the worker that took it died. At most one for each idle worker, so that the broker is
    never flooded.
    """
    now = database_now(session)
    idle_query = select(func.count()).where(
        Worker.heartbeat_at > now - timedelta(seconds=ALIVE_SECONDS), Worker.job_id.is_(None)
    )
    idle = session.execute(idle_query).scalar_one()
    queued = select(Job.id).where(Job.state == JobState.QUEUED).order_by(Job.created_at, Job.id)
    unsent = list(session.scalars(queued.where(Job.sent_at.is_(None))))
    old = queued.where(Job.sent_at < now - timedelta(seconds=RESEND_SECONDS)).limit(idle)
    return unsent + (list(session.scalars(old)) if idle else [])


def mark_sent(session: Session, job_ids: list[str]) -> None:
    """Note that the broker took the wake-up calls of these jobs."""
    change = update(Job).where(Job.id.in_(job_ids), Job.state == JobState.QUEUED)
    session.execute(change.values(sent_at=database_now(session)))


def drop_old_checkpoints(session: Session) -> list[str]:
    """Forget the checkpoints of jobs that ended. Returns digests whose files may be removed after the commit."""
    exclusive(session)
    query = select(Job.checkpoint_digest).where(_holds_old_checkpoint())
    digests = [digest for digest in session.scalars(query) if digest is not None]
    session.execute(update(Job).where(_holds_old_checkpoint()).values(checkpoint_digest=None))
    return drop_unreferenced(session, digests)


def forget_dead_workers(session: Session) -> None:
    """Remove the rows of workers that were last seen a day ago."""
    session.execute(delete(Worker).where(Worker.heartbeat_at < database_now(session) - _WORKER_KEPT))


def _holds_old_checkpoint() -> ColumnElement[bool]:
    return Job.state.in_(FINAL_JOB_STATES) & Job.checkpoint_digest.is_not(None)


def _take_back(session: Session, job: Job, now: datetime) -> list[str]:
    lost = f"The worker {job.worker_id} was lost while it ran this job (attempt {job.attempt} of {job.max_attempts})."
    add_line(session, job.id, lost, "warning")
    if job.cancel_requested:
        return end_jobs(session, [job.id], JobState.CANCELLED, None, now)
    if job.attempt >= job.max_attempts:
        reason = (
            f"its worker was lost {job.attempt} times in a row, the last one was {job.worker_id}: "
            "look at that worker's log (out of memory?), then retry the job"
        )
        return end_jobs(session, [job.id], JobState.FAILED, reason, now)
    back = {"state": JobState.QUEUED, "worker_id": None, "lease_expires_at": None, "sent_at": None}
    session.execute(update(Job).where(Job.id == job.id).values(**back, stage=None, rate=None))
    return [job.id]
