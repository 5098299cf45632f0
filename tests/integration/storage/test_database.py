"""The two doors of the database, and what happens when it is locked, full or gone."""

import sqlite3
import threading
from pathlib import Path

import pytest
from sqlalchemy import event, insert, select, text

from backend.storage import database as module
from backend.storage.database import Database, exclusive, open_database
from backend.storage.errors import DatabaseUnavailable, ValueRefused
from backend.storage.migrate import migrate
from backend.storage.repositories.inserting import insert_missing
from backend.storage.tables import Artifact, Cell, Milestone, Study, utcnow
from tests.conftest import disconnect_others


@pytest.fixture
def database(database_url: str) -> Database:
    return open_database(database_url)


def names(database: Database) -> list[str]:
    with database.read() as session:
        return list(session.scalars(select(Milestone.name).order_by(Milestone.name)))


def test_a_transaction_that_raises_leaves_nothing(database: Database) -> None:
    def write() -> None:
        with database.write() as session:
            session.add(Milestone(name="half"))
            session.flush()
            raise RuntimeError("in the middle")

    with pytest.raises(RuntimeError):
        write()
    assert names(database) == []


def test_the_reading_door_cannot_write(database: Database) -> None:
    with pytest.raises(Exception, match=r"read-?only"), database.read() as session:
        session.execute(insert(Milestone).values(name="no", reached_at=utcnow()))
    assert names(database) == []
    with database.write() as session:  # the same connection writes again
        session.add(Milestone(name="yes"))
    assert names(database) == ["yes"]


def test_a_reader_sees_one_moment(database: Database) -> None:
    with database.read() as session:
        assert session.scalars(select(Milestone.name)).all() == []
        with database.write() as writer:
            writer.add(Milestone(name="later"))
        assert session.scalars(select(Milestone.name)).all() == []
    assert names(database) == ["later"]


def test_times_come_back_aware(database: Database) -> None:
    now = utcnow()
    with database.write() as session:
        session.add(Milestone(name="now", reached_at=now))
    with database.read() as session:
        assert session.scalars(select(Milestone.reached_at)).one() == now


def test_foreign_keys_hold(database: Database) -> None:
    cell = {"id": "c", "kind": "machine", "parameters": {}, "dataset_digest": "d", "work": 1.0}
    with pytest.raises(Exception, match=r"(?i)foreign key"), database.write() as session:
        session.execute(insert(Cell).values(**cell, artifact_digest="no such artifact"))


def test_insert_missing_leaves_what_is_there(database: Database) -> None:
    with database.write() as session:
        insert_missing(session, Artifact, [{"digest": "a", "kind": "first", "size_bytes": 1}])
        again = [{"digest": digest, "kind": "second", "size_bytes": 2} for digest in ("a", "b")]
        insert_missing(session, Artifact, again)
    with database.read() as session:
        rows = session.execute(select(Artifact.digest, Artifact.kind).order_by(Artifact.digest)).all()
    assert [tuple(row) for row in rows] == [("a", "first"), ("b", "second")]


def test_exclusive_lets_one_transaction_in_at_a_time(database: Database) -> None:
    inside: list[int] = []
    most: list[int] = []

    def enter() -> None:
        for _ in range(5):
            with database.write() as session:
                exclusive(session)
                inside.append(1)
                most.append(len(inside))
                session.execute(select(Milestone.name)).all()
                inside.pop()

    threads = [threading.Thread(target=enter) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(most) == 20
    assert max(most) == 1


def test_a_locked_database_is_a_clear_error(database: Database) -> None:
    def hurry() -> None:
        with database.write() as session:
            if session.get_bind().dialect.name == "postgresql":
                session.execute(text("SET LOCAL lock_timeout = '50ms'"))
            exclusive(session)
            session.add(Milestone(name="blocked"))

    if database.engine.dialect.name == "sqlite":
        # The wait for the lock is part of BEGIN: it has to be short before.
        event.listen(database.engine, "checkout", lambda connection, *_: connection.execute("PRAGMA busy_timeout = 50"))
    with database.write() as session:
        exclusive(session)
        session.add(Milestone(name="holder"))
        session.flush()
        with pytest.raises(DatabaseUnavailable, match="another process held the database"):
            hurry()
    assert names(database) == ["holder"]


def test_a_full_disk_is_a_clear_error(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'small.sqlite'}"
    migrate(url)
    database = open_database(url)
    event.listen(database.engine, "checkout", lambda connection, *_: connection.execute("PRAGMA max_page_count = 100"))
    sizes = {"small": 1, "big": 1_000_000}
    studies = [Study(name=name, type="t", parameters={"x": "x" * sizes[name]}, code_version="0") for name in sizes]
    with pytest.raises(DatabaseUnavailable, match="disk of the database is full"), database.write() as session:
        session.add_all(studies)
    with database.read() as session:
        assert session.scalars(select(Study.name)).all() == []


def test_a_server_that_is_gone_is_a_clear_error(tmp_path: Path) -> None:
    database = open_database(f"postgresql:///lab?host={tmp_path}")
    with pytest.raises(DatabaseUnavailable, match="does not answer"), database.read() as session:
        session.execute(text("SELECT 1"))


def test_a_connection_that_breaks_is_replaced(postgresql_url: str) -> None:
    database = open_database(postgresql_url)

    def write_over_a_broken_connection() -> None:
        with database.write() as session:
            session.add(Milestone(name="lost"))
            session.flush()
            disconnect_others(postgresql_url)

    with pytest.raises(DatabaseUnavailable):
        write_over_a_broken_connection()
    assert names(database) == []
    disconnect_others(postgresql_url)
    assert names(database) == []
    database.dispose()


def test_a_process_that_freezes_in_a_transaction_does_not_stop_the_others(
    postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FROZEN_SECONDS", 1)
    frozen, other = open_database(postgresql_url), open_database(postgresql_url)

    def write_around_a_pause() -> None:
        with frozen.write() as session:
            exclusive(session)
            session.add(Milestone(name="frozen"))
            session.flush()
            with other.write() as meanwhile:
                exclusive(meanwhile)
                meanwhile.add(Milestone(name="other"))
            session.add(Milestone(name="thawed"))

    with pytest.raises(DatabaseUnavailable, match="Nothing was written"):
        write_around_a_pause()
    assert names(other) == ["other"]
    with frozen.write() as session:
        session.add(Milestone(name="again"))
    assert names(other) == ["again", "other"]
    frozen.dispose()
    other.dispose()


def test_a_text_that_cannot_be_stored_is_refused(postgresql_url: str) -> None:
    database = open_database(postgresql_url)
    with pytest.raises(ValueRefused, match="NUL"), database.read() as session:
        session.get(Study, "a\x00b")
    database.dispose()


def test_a_missing_schema_says_so(empty_database_url: str) -> None:
    database = open_database(empty_database_url)
    with pytest.raises(Exception, match=r"(?i)schema is missing") as caught, database.read() as session:
        session.scalars(select(Study)).all()
    assert isinstance(caught.value, DatabaseUnavailable)
    database.dispose()


def test_sqlite_is_opened_for_several_processes(sqlite_url: str, tmp_path: Path) -> None:
    database = open_database(sqlite_url)
    with database.write() as session:
        settings = {
            name: session.execute(text(f"PRAGMA {name}")).scalar_one()
            for name in ("journal_mode", "foreign_keys", "synchronous", "busy_timeout")
        }
    assert settings == {
        "journal_mode": "wal",
        "foreign_keys": 1,
        "synchronous": 1,
        "busy_timeout": module.LOCK_WAIT_SECONDS * 1000,
    }
    with sqlite3.connect(tmp_path / "lab.sqlite") as other:
        assert other.execute("SELECT count(*) FROM studies").fetchone() == (0,)
    database.dispose()


def test_a_database_in_memory_is_refused() -> None:
    with pytest.raises(ValueError, match="give a file"):
        open_database("sqlite://")


def test_the_snapshot_has_one_name_until_something_is_committed(database: Database) -> None:
    first = database.snapshot.read()
    assert first is not None
    assert names(database) == []
    with database.write() as session:
        session.add(Milestone(name="one"))
        session.flush()
        assert database.snapshot.read() == first, "what is not committed is in no snapshot"
    second = database.snapshot.read()
    assert second not in (None, first)
    with database.write() as session:
        session.add(Milestone(name="two"))
    assert database.snapshot.read() not in (None, first, second)


def test_other_processes_rename_the_snapshot_too(database: Database, database_url: str) -> None:
    first = database.snapshot.read()
    other = open_database(database_url)
    with other.write() as session:
        session.add(Milestone(name="elsewhere"))
    assert database.snapshot.read() != first
    assert database.snapshot.read() == database.snapshot.read()


def test_who_asks_for_the_name_leaves_no_transaction_open(postgresql_url: str) -> None:
    database = open_database(postgresql_url)
    assert database.snapshot.read()
    states = text(
        "SELECT state FROM pg_stat_activity WHERE query LIKE '%pg_current_snapshot%' AND pid <> pg_backend_pid()"
    )
    with database.read() as session:
        assert session.scalars(states).all() == ["idle"]


def test_a_new_connection_does_not_repeat_the_names_of_the_old(sqlite_url: str) -> None:
    database = open_database(sqlite_url)
    first = database.snapshot.read()
    with database.write() as session:
        session.add(Milestone(name="one"))
    database.snapshot.close()
    assert database.snapshot.read() != first, "SQLite counts from the beginning on each connection"


def test_a_database_that_does_not_answer_names_no_snapshot(tmp_path: Path) -> None:
    assert open_database(f"sqlite:///{tmp_path}").snapshot.read() is None
