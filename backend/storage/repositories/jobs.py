"""The life of a job in a worker's hands: claim, renew, record, end.

A claim gives a token. Every later call names it, and raises `LeaseLost` (or, for `renew`, returns None) when
the row no longer carries it: the job was given to another worker, ended or deleted. Row locks make the check
and the write one step.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session, aliased

from backend.contracts.states import CellState, JobState
from backend.storage.database import database_now, exclusive
from backend.storage.errors import LeaseLost
from backend.storage.repositories import results
from backend.storage.repositories.artifacts import StoredArtifact, add_artifact
from backend.storage.repositories.endings import end_jobs, release_dependants
from backend.storage.repositories.graph import studies_of_jobs
from backend.storage.repositories.log import add_line
from backend.storage.repositories.results import MachineRecord, MetricValue
from backend.storage.repositories.studies import refresh_studies
from backend.storage.tables import Artifact, Cell, Job, JobCell, Machine

__all__ = [
    "Claim",
    "ClaimedCell",
    "MachineRecord",
    "MetricValue",
    "Renewal",
    "StoredArtifact",
    "cancelled",
    "claim",
    "complete",
    "complete_cell",
    "fail",
    "fail_cell",
    "first_in_queue",
    "record_checkpoint",
    "record_metrics",
    "release",
    "renew",
    "report_progress",
]


@dataclass(frozen=True)
class ClaimedCell:
    """A cell that a claimed job has to fill.

    Attributes:
        state: `DONE` when it was filled already, by an earlier attempt or another job; `FAILED` when this job found
            that it cannot be filled.
        parent: identity of the machine that the cell starts from.
        parent_artifact: digest of that machine's file, if the machine exists.
        parent_error: why that machine could not be trained, if it could not.
    """

    id: str
    kind: str
    parameters: dict[str, Any]
    dataset_digest: str
    parent: str | None
    parent_artifact: str | None
    parent_error: str | None
    state: str

    @property
    def done(self) -> bool:
        """Whether nothing is left to do."""
        return self.state == CellState.DONE

    @property
    def is_orphan(self) -> bool:
        """Whether the machine that it starts from could not be trained."""
        return not self.done and self.parent_artifact is None and self.parent_error is not None


@dataclass(frozen=True)
class Claim:
    """A job in the hands of one worker. `cells` are in the order in which they are to be taken."""

    job_id: str
    token: int
    kind: str
    title: str
    study_id: str | None
    attempt: int
    work: float
    checkpoint_digest: str | None
    cells: tuple[ClaimedCell, ...]


@dataclass(frozen=True)
class Renewal:
    """The lease goes on; `cancel_requested` asks the worker to stop now."""

    cancel_requested: bool


@dataclass(frozen=True)
class _Held:
    study_id: str | None
    cancel_requested: bool
    fraction: float
    rate: float | None
    checkpoint_digest: str | None


def first_in_queue(session: Session, limit: int = 10) -> list[str]:
    """Ids of the first queued jobs, in queue order."""
    query = select(Job.id).where(Job.state == JobState.QUEUED).order_by(Job.created_at, Job.id).limit(limit)
    return list(session.scalars(query))


def claim(session: Session, job_id: str, worker_id: str, lease_seconds: float) -> Claim | None:
    """Take a queued job. None when it cannot be taken: not queued, taken by another, or gone."""
    exclusive(session)
    now = database_now(session)
    taken = session.execute(
        update(Job)
        .where(Job.id == job_id, Job.state == JobState.QUEUED, Job.cancel_requested.is_(False))
        .values(
            state=JobState.RUNNING,
            token=Job.token + 1,
            attempt=Job.attempt + 1,
            worker_id=worker_id,
            lease_expires_at=now + timedelta(seconds=lease_seconds),
            stage=None,
            rate=None,
        )
        .returning(Job.id)
        .execution_options(synchronize_session=False)
    ).scalar_one_or_none()
    if taken is None:
        return None
    job = session.get_one(Job, job_id, populate_existing=True)
    job.started_at = job.started_at or now
    job.fraction = job.fraction if job.checkpoint_digest else 0.0
    session.flush()
    refresh_studies(session, studies_of_jobs(session, [job_id]), now)
    return Claim(
        job_id=job.id,
        token=job.token,
        kind=job.kind,
        title=job.title,
        study_id=job.study_id,
        attempt=job.attempt,
        work=job.work,
        checkpoint_digest=job.checkpoint_digest,
        cells=_claimed_cells(session, job_id),
    )


def renew(session: Session, job_id: str, token: int, lease_seconds: float) -> Renewal | None:
    """Prolong the lease. None when it was lost: stop, and write nothing more."""
    try:
        row = _hold(session, job_id, token)
    except LeaseLost:
        return None
    expires = database_now(session) + timedelta(seconds=lease_seconds)
    _set(session, job_id, lease_expires_at=expires)
    return Renewal(cancel_requested=row.cancel_requested)


def report_progress(
    session: Session,
    job_id: str,
    token: int,
    fraction: float,
    *,
    stage: str | None = None,
    rate: float | None = None,
) -> None:
    """Say how far the job is (0 to 1, never backwards), what it does now, and how fast.

    Args:
        rate: chain steps per second; None keeps the last one.
    """
    row = _hold(session, job_id, token)
    within = min(1.0, max(0.0, fraction, row.fraction))
    _set(session, job_id, fraction=within, stage=stage, rate=row.rate if rate is None else rate)


def record_checkpoint(session: Session, job_id: str, token: int, checkpoint: StoredArtifact) -> str | None:
    """Make stored bytes the point from which the next attempt goes on.

    Returns:
        Digest of the checkpoint before, whose file may be removed after the commit; None if there is none.
    """
    row = _hold(session, job_id, token)
    add_artifact(session, checkpoint)
    _set(session, job_id, checkpoint_digest=checkpoint.digest)
    return results.drop_checkpoint(session, row.checkpoint_digest, checkpoint.digest)


def record_metrics(session: Session, job_id: str, token: int, cell_id: str, metrics: Sequence[MetricValue]) -> None:
    """Write values of a cell that is not done yet; a value at the same update is replaced."""
    _hold(session, job_id, token)
    results.write_metrics(session, cell_id, metrics)


def complete_cell(
    session: Session,
    job_id: str,
    token: int,
    cell_id: str,
    *,
    metrics: Sequence[MetricValue] = (),
    artifact: StoredArtifact | None = None,
    machine: MachineRecord | None = None,
) -> None:
    """Record everything that a cell holds and mark it done. A cell that is done already stays as it is."""
    row = _hold(session, job_id, token)
    results.write_cell(
        session,
        cell_id,
        row.study_id,
        database_now(session),
        metrics=metrics,
        artifact=artifact,
        machine=machine,
    )


def fail_cell(session: Session, job_id: str, token: int, cell_id: str, reason: str) -> None:
    """Note that a cell cannot be filled, while the job goes on with its others. A cell that is done stays as it is."""
    _hold(session, job_id, token)
    results.write_failure(session, cell_id, reason)


def complete(session: Session, job_id: str, token: int) -> list[str]:
    """End the job as done. None of its cells may be open: each is done, or failed for a reason of its own.

    Returns:
        Ids of the jobs that became ready: send them after the commit.

    Raises:
        ValueError: a cell of the job is open.
    """
    exclusive(session)
    _hold(session, job_id, token)
    closed = {CellState.DONE, CellState.FAILED}
    open_cells = [cell.id for cell in _claimed_cells(session, job_id) if cell.state not in closed]
    if open_cells:
        raise ValueError(f"job {job_id} cannot be done: cell {open_cells[0]} and maybe others are not")
    now = database_now(session)
    _set(session, job_id, state=JobState.DONE, fraction=1.0, stage=None, finished_at=now, lease_expires_at=None)
    ready = release_dependants(session, job_id)
    refresh_studies(session, studies_of_jobs(session, [job_id]), now)
    return ready


def fail(session: Session, job_id: str, token: int, error: str) -> list[str]:
    """End the job as failed, with everything that waits for it. Returns the ids of all jobs that ended."""
    return _end(session, job_id, token, JobState.FAILED, error)


def cancelled(session: Session, job_id: str, token: int) -> list[str]:
    """End the job as cancelled, with everything that waits for it. Returns the ids of all jobs that ended."""
    return _end(session, job_id, token, JobState.CANCELLED, None)


def release(session: Session, job_id: str, token: int) -> None:
    """Give the job back to the queue with its checkpoint; this attempt does not count.

    A job that was asked to stop is cancelled instead.
    """
    exclusive(session)
    row = _hold(session, job_id, token)
    now = database_now(session)
    if row.cancel_requested:
        end_jobs(session, [job_id], JobState.CANCELLED, None, now)
        return
    back = {"state": JobState.QUEUED, "worker_id": None, "lease_expires_at": None, "sent_at": None}
    _set(session, job_id, **back, attempt=Job.attempt - 1, stage=None, rate=None)
    add_line(session, job_id, "The worker stopped and gave the job back.")
    refresh_studies(session, studies_of_jobs(session, [job_id]), now)


def _end(session: Session, job_id: str, token: int, state: JobState, error: str | None) -> list[str]:
    exclusive(session)
    _hold(session, job_id, token)
    return end_jobs(session, [job_id], state, error, database_now(session))


def _hold(session: Session, job_id: str, token: int) -> _Held:
    """Lock the row of a claim in force."""
    query = (
        select(Job.study_id, Job.cancel_requested, Job.fraction, Job.rate, Job.checkpoint_digest)
        .where(Job.id == job_id, Job.token == token, Job.state == JobState.RUNNING)
        .with_for_update()
    )
    row = session.execute(query).one_or_none()
    if row is None:
        raise LeaseLost(f"claim {token} of job {job_id} is no longer in force")
    return _Held(*row)


def _set(session: Session, job_id: str, **values: Any) -> None:
    change = update(Job).where(Job.id == job_id).values(**values)
    session.execute(change.execution_options(synchronize_session=False))


def _claimed_cells(session: Session, job_id: str) -> tuple[ClaimedCell, ...]:
    parent = aliased(Cell)
    query = (
        select(
            Cell.id,
            Cell.kind,
            Cell.parameters,
            Cell.dataset_digest,
            Cell.parent,
            Artifact.digest,
            parent.error,
            Cell.state,
        )
        .join(JobCell, JobCell.cell_id == Cell.id)
        .outerjoin(parent, parent.id == Cell.parent)
        .outerjoin(Machine, Machine.key == Cell.parent)
        .outerjoin(Artifact, Artifact.digest == Machine.artifact_digest)
        .where(JobCell.job_id == job_id)
        .order_by(JobCell.position)
    )
    return tuple(ClaimedCell(*row) for row in session.execute(query))
