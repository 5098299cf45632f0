"""The task `worker.run_job`: claim the job, run its experiment, record how it ended.

The message is a wake-up call: the row decides. A duplicate, a late or a lost message does no harm.
"""

import threading
import traceback
from collections.abc import Callable
from typing import Any

import structlog
from celery.signals import setup_logging, worker_process_init, worker_process_shutdown, worker_shutting_down
from kombu.exceptions import OperationalError

from backend.contracts.wake_up import TASK
from backend.logging import configure_logging
from backend.settings import Settings, settings
from backend.storage.artifacts import ArtifactStore
from backend.storage.database import Database, open_database
from backend.storage.errors import DatabaseUnavailable, LeaseLost
from backend.storage.events import EventBus
from backend.storage.repositories import jobs, reaper
from backend.storage.repositories.jobs import Claim
from backend.storage.repositories.log import add_line
from worker.celery_app import app
from worker.device import find_device
from worker.experiments.run import ExperimentFailed, JobCancelled, Run, Signals, WorkerStopping
from worker.heartbeat import Heartbeat
from worker.stop import request_stop, stop_requested

log = structlog.get_logger()


class Bench:
    """What the child process works with: opened after the fork, once."""

    def __init__(self, own: Settings) -> None:
        self.settings = own
        self.database: Database = open_database(own.database)
        self.artifacts = ArtifactStore(own.models_store)
        self.events = EventBus(own.redis)
        self.device = find_device()
        self.heartbeat = Heartbeat(self.database, own, self.device)
        self._measuring = threading.Thread(target=self._measure, name="speed", daemon=True)
        self._measuring.start()

    def _measure(self) -> None:
        """Find out how fast the device is, so that times can be told before the first job."""
        from worker.speed import measured_rate

        rate = measured_rate(self.device.kind)
        if rate is not None:
            self.heartbeat.measured(rate)

    def claim(self) -> Run | None:
        """Take the first job of the queue that is to be had, whichever the message named: rows keep the order.

        None when there is none: another worker took it, or it was cancelled.
        """
        self._measuring.join()  # a job beside it would falsify the speed
        with self.database.read() as session:
            waiting = jobs.first_in_queue(session)
        for job_id in waiting:
            with self.database.write() as session:
                claim = jobs.claim(session, job_id, self.heartbeat.worker_id, self.settings.lease_seconds)
            if claim is not None:
                return self._run(claim)
        return None

    def _run(self, claim: Claim) -> Run:
        return Run(
            claim=claim,
            database=self.database,
            artifacts=self.artifacts,
            events=self.events,
            settings=self.settings,
            device=self.device.kind,
            signals=Signals(stopping=stop_requested),
        )


_bench: Bench | None = None


def _open_bench(**_: Any) -> None:
    global _bench  # noqa: PLW0603 - one bench for each child process
    _bench = Bench(settings())


def _close_bench(**_: Any) -> None:
    if _bench is not None:
        _bench.heartbeat.leave()


def _tell_child(**_: Any) -> None:
    request_stop()


def _configure_logging(**_: Any) -> None:
    configure_logging()


worker_process_init.connect(_open_bench)
worker_process_shutdown.connect(_close_bench)
worker_shutting_down.connect(_tell_child)
setup_logging.connect(_configure_logging)


@app.task(name=TASK)  # type: ignore[untyped-decorator]
def run_job(job_id: str) -> None:
    """Run one job: the first of the queue. The id says which job the call was sent for."""
    assert _bench is not None, "jobs run in a child of the pool"  # noqa: S101
    if stop_requested():
        return  # the row stays queued, and another worker is woken
    try:
        run = _bench.claim()
    except DatabaseUnavailable as error:
        log.warning("no job claimed, the message will come again", woken_for=job_id, reason=str(error))
        return
    if run is None:
        log.info("nothing to do", woken_for=job_id)
        return
    _bench.heartbeat.hold(run)
    try:
        run.announce("running")
        _settle(run, _attempt(run))
    except (LeaseLost, DatabaseUnavailable) as error:
        log.warning("job given up, its lease decides", job_id=run.claim.job_id, reason=str(error))
    finally:
        _bench.heartbeat.let_go()


Ending = Callable[..., object]


def _attempt(run: Run) -> tuple[str, Ending]:
    """Run the experiment; what became of it, and how the row is to say so."""
    from worker.experiments.registry import experiment

    try:
        experiment(run.claim.kind)(run)
        run.settle()
    except JobCancelled:
        return "cancelled", jobs.cancelled
    except WorkerStopping:
        return "queued", jobs.release
    except (LeaseLost, DatabaseUnavailable):
        raise
    except ExperimentFailed as failure:
        return "failed", _failing(str(failure), None)
    except Exception as error:
        log.exception("job failed", job_id=run.claim.job_id)
        return "failed", _failing(f"{type(error).__name__}: {error}", traceback.format_exc())
    finally:
        run.close()
    return "done", jobs.complete


def _failing(reason: str, details: str | None) -> Ending:
    def end(session: Any, job_id: str, token: int) -> list[str]:
        add_line(session, job_id, details or reason, "error")
        return jobs.fail(session, job_id, token, reason)

    return end


def _settle(run: Run, outcome: tuple[str, Ending]) -> None:
    state, ending = outcome
    changed = run.transact(lambda session: ending(session, run.claim.job_id, run.claim.token))
    run.announce(state)
    if state == "done" and isinstance(changed, list):
        _wake(run.database, changed)
    log.info("job ended", job_id=run.claim.job_id, state=state)


def _wake(database: Database, job_ids: list[str]) -> None:
    """Send the jobs that became ready. If the broker is down, the sweep sends them later."""
    sent = []
    for job_id in job_ids:
        try:
            run_job.apply_async(args=[job_id], retry=False)
        except (OperationalError, OSError) as error:
            log.warning("wake-up call not sent", job_id=job_id, reason=str(error))
            break
        sent.append(job_id)
    if sent:
        with database.write() as session:
            reaper.mark_sent(session, sent)
