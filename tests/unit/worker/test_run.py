"""A write that meets a locked database is tried again for as long as the lease may be in force, and no longer."""

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import text

from backend.settings import Settings
from backend.storage import database
from backend.storage.artifacts import ArtifactStore
from backend.storage.errors import DatabaseUnavailable, LeaseLost
from backend.storage.events import EventBus
from backend.storage.repositories.jobs import Claim
from worker.experiments.run import JobCancelled, Run, Signals, WorkerStopping

LOCK_WAIT_SECONDS = 1  # instead of ten


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    monkeypatch.setattr(database, "LOCK_WAIT_SECONDS", LOCK_WAIT_SECONDS)
    opened = database.open_database(f"sqlite:///{tmp_path / 'lab.sqlite'}")
    with opened.write() as session:
        session.execute(text("CREATE TABLE notes (word TEXT)"))
    claim = Claim("job", 1, "train", "Train", None, 1, 100.0, None, ())
    bus = EventBus(f"unix://{tmp_path / 'no-broker'}")
    store = ArtifactStore(str(tmp_path / "store"))
    yield Run(claim, opened, store, bus, Settings(), "cpu", Signals())
    opened.dispose()


@contextmanager
def locked(run: Run) -> Iterator[sqlite3.Connection]:
    """Another process's write transaction that does not end."""
    other = sqlite3.connect(str(run.database.engine.url.database), isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    yield other
    other.close()


def note(run: Run, word: str) -> None:
    run.transact(lambda session: session.execute(text("INSERT INTO notes VALUES (:word)"), {"word": word}))


def notes(run: Run) -> list[str]:
    with run.database.read() as session:
        return list(session.execute(text("SELECT word FROM notes")).scalars())


def test_a_write_waits_for_a_locked_database_and_happens_once(run: Run) -> None:
    with locked(run) as other:
        timer = threading.Timer(2.0 * LOCK_WAIT_SECONDS, lambda: other.execute("ROLLBACK"))
        timer.start()
        begun = time.monotonic()
        note(run, "late")
        timer.join()
    assert time.monotonic() - begun > LOCK_WAIT_SECONDS, "longer than the database waits by itself"
    assert notes(run) == ["late"]


def test_a_write_is_given_up_when_the_lease_ran_out(run: Run) -> None:
    run.signals.lost = True
    with locked(run), pytest.raises(LeaseLost, match="ran out"):
        note(run, "never")
    assert notes(run) == []


def test_a_write_is_given_up_when_the_worker_stops(run: Run) -> None:
    run.signals.stopping = lambda: True
    with locked(run), pytest.raises(DatabaseUnavailable):
        note(run, "never")
    assert notes(run) == []


def test_a_write_beside_the_computation_that_failed_ends_the_job(run: Run) -> None:
    """Kills: a job that ends well although its values or its checkpoint were never written."""
    run.signals.lost = True
    with locked(run):
        run.record_metrics({"cell": []})
        with pytest.raises(LeaseLost, match="ran out"):
            run.settle()
    run.signals.lost = False
    run.settle()
    run.close()


def test_a_block_raises_what_a_write_beside_it_raised(run: Run) -> None:
    """Kills: a training that goes on for hours after its lease was found lost by a write."""
    run.signals.lost = True
    with locked(run):
        run.record_metrics({"cell": []})
        run.close()
    run.signals.lost = False
    with pytest.raises(LeaseLost, match="ran out"):
        run.block(1.0, "update 1")


@pytest.mark.parametrize(
    ("signals", "ending"),
    [
        (Signals(lost=True, cancelled=True), LeaseLost),
        (Signals(cancelled=True, stopping=lambda: True), JobCancelled),
        (Signals(stopping=lambda: True), WorkerStopping),
    ],
)
def test_a_block_ends_the_job_for_the_strongest_reason(run: Run, signals: Signals, ending: type[Exception]) -> None:
    run.signals = signals
    with pytest.raises(ending):
        run.block(1.0, "update 1")
    assert signals.heard == (ending is not LeaseLost)
