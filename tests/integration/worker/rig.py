"""A laboratory with real workers: database, broker and store, and a sweep in the test instead of a web process."""

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import redis
from sqlalchemy import select, text, update

from backend.contracts.messages import StudyCreate
from backend.contracts.states import JobState
from backend.contracts.wake_up import QUEUE
from backend.services.errors import StorageUnavailable
from backend.services.laboratory import open_laboratory
from backend.services.submit import submit_study
from backend.services.sweep import sweep
from backend.settings import Settings
from backend.storage.database import exclusive
from backend.storage.errors import ArtifactMissing, DatabaseUnavailable
from backend.storage.migrate import migrate
from backend.storage.tables import Cell, Job, JobLog, Machine, Metric, Study, StudyCell, Worker
from tests.conftest import Broker
from tests.integration.worker.plans import trained_to
from worker.rbm.checkpoint import read_checkpoint, write_checkpoint

DEADLINE_SECONDS = 120
LEASE_SECONDS = 3.0
HEARTBEAT_SECONDS = 0.3
CHECKPOINT_SECONDS = 0.2
SWEEP_SECONDS = 0.2
PR_SET_PDEATHSIG = 1


def wait_until(condition: Callable[[], Any], what: str, seconds: float = DEADLINE_SECONDS) -> Any:
    deadline = time.monotonic() + seconds
    while not (answer := condition()):
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.03)
    return answer


def die_with_the_test() -> None:
    """On Linux: a test run that is killed leaves no worker behind."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def gone(processes: Sequence[psutil.Process]) -> bool:
    return not any(map(_alive, processes))


def _alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


class WorkerProcess:
    """`python -m worker` with its child."""

    def __init__(self, environment: dict[str, str], log: Path) -> None:
        self.log = log
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "worker"],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=die_with_the_test,  # noqa: PLW1509 - only a system call
            )
        self.parent = psutil.Process(self.process.pid)

    def children(self) -> list[psutil.Process]:
        try:
            return [child for child in self.parent.children(recursive=True) if _alive(child)]
        except psutil.NoSuchProcess:
            return []

    def signal_all(self, number: int) -> None:
        for process in [self.parent, *self.children()]:
            process.send_signal(number)

    def kill(self) -> None:
        """Kill -9 of the parent; the child must follow by itself."""
        self.process.kill()
        self.process.wait()

    def end(self) -> None:
        family = self.children()
        self.kill()
        for process in filter(_alive, family):
            process.kill()


class Rig:
    """Everything that a worker meets, with short leases."""

    def __init__(self, folder: Path, broker: Broker, database_url: str) -> None:
        self.folder, self.broker = folder, broker
        self.settings = Settings(
            dilution_lab_home=broker.home, database_url=database_url, models_store=str(folder / "store")
        )
        self.environment = {
            **os.environ,
            "DILUTION_LAB_HOME": str(broker.home),
            "DATABASE_URL": database_url,
            "MODELS_STORE": self.settings.models_store,
            "LEASE_SECONDS": str(LEASE_SECONDS),
            "HEARTBEAT_SECONDS": str(HEARTBEAT_SECONDS),
            "CHECKPOINT_SECONDS": str(CHECKPOINT_SECONDS),
            "NUMBA_NUM_THREADS": "1",
            "OMP_NUM_THREADS": "1",
        }
        migrate(database_url)
        self.lab = open_laboratory(self.settings)
        self.workers: list[WorkerProcess] = []
        self._over, self._broom = threading.Event(), threading.Lock()
        self._sweeper = threading.Thread(target=self._sweep_for_ever)
        self._sweeper.start()

    def worker(self, **environment: str) -> WorkerProcess:
        started = WorkerProcess({**self.environment, **environment}, self.folder / f"worker-{len(self.workers)}.log")
        self.workers.append(started)
        return started

    def pause(self, worker: WorkerProcess) -> None:
        """Stop a worker where it holds no lock of the database: who is stopped with one stops everybody."""

        def stopped_without_a_lock() -> bool:
            worker.signal_all(signal.SIGSTOP)
            try:
                with self.lab.database.write() as session:
                    if session.get_bind().dialect.name == "postgresql":
                        session.execute(text("SET LOCAL lock_timeout = '1s'"))
                    exclusive(session)
                    session.execute(select(Job.id).with_for_update())
            except DatabaseUnavailable:
                worker.signal_all(signal.SIGCONT)
                return False
            return True

        wait_until(stopped_without_a_lock, "the worker holds no lock")

    def close(self) -> None:
        for worker in self.workers:
            worker.end()
        self._over.set()
        self._sweeper.join()
        self.lab.close()

    def submit(self, parameters: dict[str, Any]) -> str:
        return submit_study(self.lab, StudyCreate(name="A study", parameters=parameters)).id

    def queued_messages(self) -> int:
        with redis.Redis.from_url(self.broker.url) as client:
            return int(client.llen(QUEUE))

    def set_job(self, job_id: str, **values: Any) -> None:
        """Change a row behind the worker's back."""
        with self.lab.database.write() as session:
            session.execute(update(Job).where(Job.id == job_id).values(**values))

    def set_cell(self, cell_id: str, **values: Any) -> None:
        """Change a row behind the worker's back."""
        with self.lab.database.write() as session:
            session.execute(update(Cell).where(Cell.id == cell_id).values(**values))

    def put_checkpoint(self, study_id: str, update: int, spoilt: Sequence[int] = ()) -> str:
        """Leave a job as a worker that died at an update would: digest of the checkpoint. It has not begun otherwise.

        Args:
            spoilt: replicas whose parameters no machine that learns has.
        """
        state = trained_to([cell.parameters for cell in self.cells(study_id, "machine")], update)
        state.machine.vbias[list(spoilt)] = 1e6
        digest = self.lab.artifacts.put(write_checkpoint(state))
        self.set_job(self.job(study_id, "train").id, checkpoint_digest=digest)
        return digest

    def jobs(self, study_id: str) -> list[Job]:
        return self._all(select(Job).where(Job.study_id == study_id).order_by(Job.created_at))

    def job(self, study_id: str, kind: str) -> Job:
        return next(job for job in self.jobs(study_id) if job.kind == kind)

    def study(self, study_id: str) -> Study:
        return self._all(select(Study).where(Study.id == study_id))[0]

    def cells(self, study_id: str, kind: str) -> list[Cell]:
        query = select(Cell).join(StudyCell, StudyCell.cell_id == Cell.id).order_by(StudyCell.position)
        return self._all(query.where(StudyCell.study_id == study_id, Cell.kind == kind))

    def machines(self) -> dict[str, Machine]:
        return {machine.key: machine for machine in self._all(select(Machine))}

    def metrics(self, cell_id: str, name: str) -> list[Metric]:
        return self._all(select(Metric).where(Metric.cell_id == cell_id, Metric.name == name).order_by(Metric.update))

    def log(self, job_id: str) -> list[JobLog]:
        return self._all(select(JobLog).where(JobLog.job_id == job_id).order_by(JobLog.id))

    def worker_rows(self) -> list[Worker]:
        return self._all(select(Worker))

    def wait_for(self, study_id: str, kind: str, state: str, seconds: float = DEADLINE_SECONDS) -> Job:
        wait_until(lambda: self.job(study_id, kind).state == state, f"{kind} job is {state}", seconds)
        return self.job(study_id, kind)

    def wait_for_end(self, study_id: str, state: str) -> None:
        def there() -> bool:
            jobs = self.jobs(study_id)
            assert state == JobState.FAILED or all(job.error is None for job in jobs), [job.error for job in jobs]
            return self.study(study_id).state == state

        wait_until(there, f"study is {state}")

    def wait_for_checkpoint(self, study_id: str, beside: str | None = None) -> str:
        """Digest of a checkpoint in the middle of a training, another one than `beside`."""

        def there() -> str | None:
            job = self.job(study_id, "train")
            assert job.state in (JobState.QUEUED, JobState.RUNNING), f"too late: {job.state} {job.error}"
            return job.checkpoint_digest if job.checkpoint_digest != beside and self._is_begun(job) else None

        return str(wait_until(there, "a checkpoint"))

    def _is_begun(self, job: Job) -> bool:
        if job.checkpoint_digest is None:
            return False
        try:
            return read_checkpoint(self.lab.artifacts.get(job.checkpoint_digest)).num_updates_done > 0
        except ArtifactMissing:  # a newer one took its place
            return False

    def _all(self, query: Any) -> list[Any]:
        with self.lab.database.read() as session:
            return list(session.scalars(query).all())

    def _sweep_for_ever(self) -> None:
        while not self._over.wait(SWEEP_SECONDS):
            with self._broom, suppress(StorageUnavailable):  # as the web process does: it tries again
                sweep(self.lab)

    @contextmanager
    def nobody_sweeps(self) -> Iterator[None]:
        """Leases that run out meanwhile are not given away."""
        with self._broom:
            yield
