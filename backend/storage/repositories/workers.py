"""Worker processes and their signs of life."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from backend.contracts.states import JobState
from backend.storage.database import database_now
from backend.storage.repositories.inserting import insert_missing
from backend.storage.tables import Job, Worker

ALIVE_SECONDS = 10.0
_LISTED = timedelta(minutes=10)


def register(
    session: Session,
    worker_id: str,
    *,
    hostname: str,
    pid: int,
    device: str,
    device_name: str,
    num_threads: int,
) -> None:
    """Announce a worker process. Announcing it again counts as a sign of life."""
    now = database_now(session)
    row = {
        "id": worker_id,
        "hostname": hostname,
        "pid": pid,
        "device": device,
        "device_name": device_name,
        "num_threads": num_threads,
        "started_at": now,
        "heartbeat_at": now,
    }
    insert_missing(session, Worker, [row])
    session.execute(update(Worker).where(Worker.id == worker_id).values(heartbeat_at=now))


def heartbeat(session: Session, worker_id: str, job_id: str | None = None, rate: float | None = None) -> bool:
    """Give a sign of life: what the worker does and, if just measured, how fast.

    Returns:
        False when the worker is not registered (any more): register it again.
    """
    values: dict[str, Any] = {"heartbeat_at": database_now(session), "job_id": job_id}
    if rate is not None:
        values["rate"] = rate
    change = update(Worker).where(Worker.id == worker_id).values(values).returning(Worker.id)
    return session.execute(change).scalar_one_or_none() is not None


def remove(session: Session, worker_id: str) -> None:
    """Take a worker that stops in good order off the list."""
    session.execute(delete(Worker).where(Worker.id == worker_id))


def recent_workers(session: Session) -> Sequence[tuple[Worker, bool]]:
    """Workers seen in the last ten minutes with whether they are alive, oldest first."""
    now = database_now(session)
    query = select(Worker).where(Worker.heartbeat_at > now - _LISTED).order_by(Worker.started_at, Worker.id)
    fresh = now - timedelta(seconds=ALIVE_SECONDS)
    return [(worker, worker.heartbeat_at > fresh) for worker in session.scalars(query)]


def busy_shares(session: Session) -> dict[str, float]:
    """For each worker the share of the last ten minutes, or of its life if that is shorter, in which it had a job.

    A job counts from its first start, also when an earlier attempt was another worker's.
    """
    now = database_now(session)
    query = (
        select(Worker.id, Worker.started_at, Job.started_at, Job.finished_at)
        .join(Job, Job.worker_id == Worker.id)
        .where(Worker.heartbeat_at > now - _LISTED, Job.started_at.is_not(None))
        .where((Job.state == JobState.RUNNING) | (Job.finished_at > now - _LISTED))
    )
    seconds: dict[str, float] = {}
    for worker_id, born, began, ended in session.execute(query):
        since = max(born, now - _LISTED)
        had = (min(ended or now, now) - max(began or since, since)).total_seconds()
        seconds[worker_id] = seconds.get(worker_id, 0.0) + max(0.0, had) / max(1.0, (now - since).total_seconds())
    return {worker_id: min(1.0, share) for worker_id, share in seconds.items()}


def last_rate(session: Session) -> float | None:
    """The speed that was measured last by any worker on record; None when none ever was."""
    query = select(Worker.rate).where(Worker.rate.is_not(None)).order_by(Worker.heartbeat_at.desc())
    return session.scalars(query.limit(1)).first()
