"""A claimed job in the hands of its experiment: where it reports, keeps checkpoints, and learns that it must stop."""

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import structlog
from sqlalchemy.orm import Session

from backend.contracts.messages import Event
from backend.settings import Settings
from backend.storage.artifacts import ArtifactStore
from backend.storage.database import Database
from backend.storage.errors import (
    ArtifactCorrupted,
    ArtifactMissing,
    DatabaseUnavailable,
    LeaseLost,
    StoreUnavailable,
)
from backend.storage.events import EventBus
from backend.storage.repositories import jobs
from backend.storage.repositories.cells import InputCell, inputs_of
from backend.storage.repositories.jobs import Claim, ClaimedCell, MachineRecord, MetricValue, StoredArtifact
from backend.storage.repositories.log import Level, add_line
from worker.experiments.background import Background

REPORT_SECONDS = 0.5
RATE_WINDOW_SECONDS = 15.0
RETRY_SECONDS = 0.5

Answer = TypeVar("Answer")
log = structlog.get_logger()


class JobCancelled(Exception):
    """Somebody cancelled the job."""


class WorkerStopping(Exception):
    """The worker was asked to stop; the job's checkpoint is written."""


class ExperimentFailed(Exception):
    """The job cannot be done, for a reason that a person should read."""


@dataclass
class Signals:
    """What the heartbeat learns and the experiment obeys at its next block.

    `heard`: the experiment has seen that it must end, and is about to.
    """

    cancelled: bool = False
    lost: bool = False
    heard: bool = False
    stopping: Callable[[], bool] = lambda: False


@dataclass
class Run:
    """One attempt at one job. Every write is conditional on the claim's token and raises `LeaseLost` without it.

    Checkpoints and values along the way are written beside the computation, in their order; see `settle`.
    """

    claim: Claim
    database: Database
    artifacts: ArtifactStore
    events: EventBus
    settings: Settings
    device: str
    signals: Signals
    rate: float | None = None
    _begun: float = field(default_factory=time.monotonic)
    _last_report: float = 0.0
    _last_checkpoint: float = field(default_factory=time.monotonic)
    _pace: deque[tuple[float, float]] = field(default_factory=deque)
    _background: Background = field(default_factory=Background)

    def block(self, work_done: float, stage: str, checkpoint: Callable[[], bytes] | None = None) -> None:
        """Called between blocks of at most about half a second.

        Args:
            work_done: chain steps (`backend.contracts.work`) that are done of the whole job.
            stage: what the job is doing, in words.
            checkpoint: makes the bytes from which the next attempt goes on, where going on is possible.

        Raises:
            LeaseLost: another worker has the job; stop and write nothing.
            JobCancelled: stop.
            WorkerStopping: stop; the checkpoint was written.

        What a write in the background raised is raised here.
        """
        self._background.check()
        if self.signals.lost:
            raise LeaseLost(f"the lease of job {self.claim.job_id} ran out")
        stopping = self.signals.stopping()
        self.signals.heard = self.signals.cancelled or stopping
        if self.signals.cancelled:
            raise JobCancelled
        now = time.monotonic()
        self._measure(now, work_done)
        due = now - self._last_checkpoint >= self.settings.checkpoint_seconds
        if checkpoint is not None and (stopping or (due and not self._background.busy)):
            self._save_checkpoint(checkpoint())
        if stopping:
            self.settle()
            raise WorkerStopping
        if now - self._last_report >= REPORT_SECONDS:
            self.report(work_done, stage)

    @property
    def seconds(self) -> float:
        """How long it has been running."""
        return time.monotonic() - self._begun

    def settle(self) -> None:
        """Wait until everything is written that was to be written beside the computation."""
        self._background.wait()

    def close(self) -> None:
        """No more writes of this attempt."""
        self._background.close()

    def report(self, work_done: float, stage: str) -> None:
        """Write progress to the row and tell open pages."""
        fraction = min(1.0, work_done / self.claim.work) if self.claim.work else 1.0
        job_id, token, rate = self.claim.job_id, self.claim.token, self.rate
        self.transact(lambda session: jobs.report_progress(session, job_id, token, fraction, stage=stage, rate=rate))
        self._last_report = time.monotonic()
        self.announce("running", fraction)

    def announce(self, state: str, fraction: float | None = None) -> None:
        """Tell open pages where the job is, and when its state changes, to look at its study."""
        job_id, study_id = self.claim.job_id, self.claim.study_id
        self.events.publish(Event(kind="job", id=job_id, study_id=study_id, state=state, fraction=fraction))
        if study_id is not None and fraction is None:
            self.events.publish(Event(kind="study", id=study_id, study_id=study_id))

    def read_checkpoint(self) -> bytes | None:
        """What the last attempt left, None to begin anew. A damaged checkpoint is noted in the log and left alone."""
        if self.claim.checkpoint_digest is None:
            return None
        try:
            return self.artifacts.get(self.claim.checkpoint_digest)
        except (ArtifactCorrupted, ArtifactMissing) as error:
            self.log(f"The checkpoint cannot be used, the job begins anew: {error}", "warning")
            return None

    def store(self, data: bytes, kind: str) -> StoredArtifact:
        """Put bytes into the models store."""
        return StoredArtifact(digest=self.artifacts.put(data), kind=kind, size_bytes=len(data))

    def record_metrics(self, metrics: Mapping[str, Sequence[MetricValue]]) -> None:
        """Write values of cells that are not done yet, by cell, in one transaction beside the computation."""
        job_id, token = self.claim.job_id, self.claim.token

        def write(session: Session) -> None:
            for cell_id, values in metrics.items():
                jobs.record_metrics(session, job_id, token, cell_id, values)

        self._background.do(lambda: self.transact(write))

    def complete_cell(
        self,
        cell_id: str,
        *,
        metrics: Sequence[MetricValue] = (),
        artifact: StoredArtifact | None = None,
        machine: MachineRecord | None = None,
    ) -> None:
        """Write everything that a cell holds, in one transaction, and mark it done."""
        job_id, token = self.claim.job_id, self.claim.token
        self.transact(
            lambda session: jobs.complete_cell(
                session, job_id, token, cell_id, metrics=metrics, artifact=artifact, machine=machine
            )
        )

    def fillable(self) -> tuple[ClaimedCell, ...]:
        """The cells of the job without those whose machine could not be trained: these fail, with its reason.

        Raises:
            ExperimentFailed: none is left.
        """
        orphans = [cell for cell in self.claim.cells if cell.is_orphan]
        for cell in orphans:
            self.fail_cell(cell.id, f"its machine was not trained: {cell.parent_error}")
        rest = tuple(cell for cell in self.claim.cells if not cell.is_orphan)
        if not rest:
            raise ExperimentFailed(f"no machine to start from was trained; the first: {orphans[0].parent_error}")
        if orphans:
            self.log(f"{len(orphans)} cells cannot be filled: their machines were not trained.", "warning")
        return rest

    def inputs(self, cell: ClaimedCell) -> list[InputCell]:
        """The cells that an analysis reads, with their coordinates in the study that asked for the job."""
        with self.database.read() as session:
            return inputs_of(session, cell.id, self.claim.study_id)

    def fail_cell(self, cell_id: str, reason: str) -> None:
        """Note that a cell cannot be filled, and why; the job goes on with its others."""
        job_id, token = self.claim.job_id, self.claim.token
        self.transact(lambda session: jobs.fail_cell(session, job_id, token, cell_id, reason))

    def log(self, message: str, level: Level = "info") -> None:
        """Add a line to the job's log."""
        self.transact(lambda session: add_line(session, self.claim.job_id, message, level))

    def transact(self, write: Callable[[Session], Answer]) -> Answer:
        """Write in one transaction, again and again while the database is out of reach and the lease is in force.

        Raises:
            LeaseLost: another worker has the job, or the database stayed away until the lease ran out.
            DatabaseUnavailable: the database is out of reach while the worker stops.
        """
        while True:
            try:
                with self.database.write() as session:
                    return write(session)
            except DatabaseUnavailable as error:
                if self.signals.lost:
                    raise LeaseLost(f"the lease of job {self.claim.job_id} ran out: {error}") from error
                if self.signals.stopping():
                    raise
                log.warning("write is tried again", job_id=self.claim.job_id, reason=str(error))
                time.sleep(RETRY_SECONDS)

    def _save_checkpoint(self, data: bytes) -> None:
        self._last_checkpoint = time.monotonic()
        self._background.do(lambda: self._write_checkpoint(data))

    def _write_checkpoint(self, data: bytes) -> None:
        """Store the bytes, then make the row point to them: whenever this is cut off, a whole checkpoint is there."""
        job_id, token = self.claim.job_id, self.claim.token
        try:
            stored = self.store(data, "checkpoint")
            replaced = self.transact(lambda session: jobs.record_checkpoint(session, job_id, token, stored))
            if replaced is not None:
                self.artifacts.delete(replaced)
        except StoreUnavailable as error:
            self.log(f"No checkpoint could be kept, the training goes on without: {error}", "warning")

    def _measure(self, now: float, work_done: float) -> None:
        self._pace.append((now, work_done))
        while now - self._pace[0][0] > RATE_WINDOW_SECONDS and len(self._pace) > 2:
            self._pace.popleft()
        begun, at_begin = self._pace[0]
        if now > begun and work_done > at_begin:
            self.rate = (work_done - at_begin) / (now - begun)
