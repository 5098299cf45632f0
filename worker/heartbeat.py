"""The signs of life of a worker process, and the lease of the job in its hands."""

import os
import socket
import threading
import time
from collections.abc import Callable

import structlog

from backend.contracts.identity import new_id
from backend.settings import Settings
from backend.storage.database import Database
from backend.storage.errors import DatabaseUnavailable, LeaseLost
from backend.storage.repositories import jobs, workers
from worker.device import Device
from worker.experiments.run import Run
from worker.stop import stop_requested

LOOK_SECONDS = 0.1
CANCEL_PATIENCE_SECONDS = 0.7  # with a heartbeat each second, cancelled is stopped within two
STOP_PATIENCE_SECONDS = 1.5
ENDING_SECONDS = 6.0  # for a job that has heard: it stores its checkpoint
MEMORY_SECONDS = 30.0
log = structlog.get_logger()


class Heartbeat:
    """A thread that registers the worker, renews the lease of its job and learns whether the job must stop.

    A job obeys at its next block of Gibbs steps. When a block is long (paper-size updates on a processor), the process
    ends itself instead: the row is settled first, and the pool starts a new process.
    """

    def __init__(self, database: Database, settings: Settings, device: Device) -> None:
        self.worker_id = new_id()
        self._database, self._settings, self._device = database, settings, device
        self._parent = os.getppid()
        self._lock = threading.Lock()
        self._run: Run | None = None
        self._renewed_at = time.monotonic()
        self._must_stop_since: float | None = None
        self._rate: float | None = None
        self._left = False
        threading.Thread(target=self._beat_for_ever, name="heartbeat", daemon=True).start()

    def hold(self, run: Run) -> None:
        """From now on renew the lease of this run's job."""
        with self._lock:
            self._run, self._renewed_at, self._must_stop_since = run, time.monotonic(), None
        self._beat()

    def let_go(self) -> None:
        """The job ended, in whatever way."""
        with self._lock:
            if self._run is not None and self._run.rate:
                self._rate = remembered_rate(self._rate, self._run.rate, self._run.seconds)
            self._run = None
        self._beat()

    def measured(self, rate: float) -> None:
        """The speed of the device, in chain steps a second, before any job has shown it."""
        with self._lock:
            self._rate = self._rate or rate
        self._beat()

    def leave(self) -> None:
        """Take the worker off the list, for good."""
        with self._lock:
            self._remove()

    def _remove(self) -> None:
        if self._left:
            return
        self._left = True  # a beat would put the worker on the list again
        try:
            with self._database.write() as session:
                workers.remove(session, self.worker_id)
        except DatabaseUnavailable as error:
            log.warning("worker stays on the list until its heartbeat is old", reason=str(error))

    def _beat_for_ever(self) -> None:
        pause = min(self._settings.heartbeat_seconds, self._settings.lease_seconds / 4)
        beaten_at = 0.0
        while True:
            if os.getppid() != self._parent:
                os._exit(1)  # the parent was killed: the lease runs out and another worker goes on
            if time.monotonic() - beaten_at >= pause:
                beaten_at = time.monotonic()
                self._beat()
            self._end_what_does_not_obey()
            time.sleep(min(LOOK_SECONDS, pause))

    def _beat(self) -> None:
        with self._lock:
            run = self._run
            try:
                if not self._left:
                    self._announce(run)
                if run is not None:
                    self._renew(run)
            except DatabaseUnavailable as error:
                log.warning("no heartbeat", reason=str(error))
                if run is not None and time.monotonic() - self._renewed_at > self._settings.lease_seconds:
                    run.signals.lost = True

    def _announce(self, run: Run | None) -> None:
        job_id = run.claim.job_id if run else None
        rate = run.rate if run else self._rate
        with self._database.write() as session:
            if not workers.heartbeat(session, self.worker_id, job_id, rate):
                workers.register(
                    session,
                    self.worker_id,
                    hostname=socket.gethostname(),
                    pid=os.getpid(),
                    device=self._device.kind,
                    device_name=self._device.name,
                    num_threads=self._device.num_threads,
                )
                workers.heartbeat(session, self.worker_id, job_id, rate)

    def _renew(self, run: Run) -> None:
        with self._database.write() as session:
            renewal = jobs.renew(session, run.claim.job_id, run.claim.token, self._settings.lease_seconds)
        if renewal is None:
            run.signals.lost = True
            return
        self._renewed_at = time.monotonic()
        run.signals.cancelled = run.signals.cancelled or renewal.cancel_requested

    def _end_what_does_not_obey(self) -> None:
        with self._lock:
            run = self._run
            if run is None or not (run.signals.cancelled or stop_requested()):
                self._must_stop_since = None
                if stop_requested():
                    self._remove()
                return
            self._must_stop_since = self._must_stop_since or time.monotonic()
            if time.monotonic() - self._must_stop_since < _patience(run):
                return
            if run.signals.cancelled:
                self._settle(jobs.cancelled, run, "cancelled")
            else:
                self._settle(jobs.release, run, "queued")
            self._remove()
            os._exit(0)

    def _settle(self, ending: Callable[..., object], run: Run, state: str) -> None:
        try:
            with self._database.write() as session:
                ending(session, run.claim.job_id, run.claim.token)
            run.announce(state)
        except (LeaseLost, DatabaseUnavailable) as error:
            log.warning("the job is left to its lease", job_id=run.claim.job_id, reason=str(error))


def _patience(run: Run) -> float:
    if run.signals.heard:
        return ENDING_SECONDS
    return CANCEL_PATIENCE_SECONDS if run.signals.cancelled else STOP_PATIENCE_SECONDS


def remembered_rate(before: float | None, rate: float, seconds: float) -> float:
    """The speed to be expected after a job that ran so long at that rate: a short job, which began much, tells little.

    What was known before counts as much as a job of half a minute.
    """
    if before is None:
        return rate
    return (before * MEMORY_SECONDS + rate * seconds) / (MEMORY_SECONDS + seconds)
