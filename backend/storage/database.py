"""The database: one engine, write transactions, read-only snapshots."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, func, make_url, select
from sqlalchemy import exc as sa_exc
from sqlalchemy.orm import Session, sessionmaker

from backend.storage.errors import DatabaseUnavailable, ValueRefused
from backend.storage.snapshot import SnapshotName
from backend.storage.tables import utcnow

LOCK_WAIT_SECONDS = 10
FROZEN_SECONDS = 5
"""PostgreSQL ends a transaction whose process says nothing for so long (stopped, its computer suspended): shorter than
the others wait for its locks. A frozen process that locks a SQLite file cannot be told from a slow one."""
_ADVISORY_LOCK = 0x44494C4C  # "DILL": one number for all processes of all laboratories on this database
_UNDEFINED_TABLE = "42P01"  # PostgreSQL's SQLSTATE


class Database:
    """SQLite or PostgreSQL behind two doors: `write()` and `read()`.

    Attributes:
        snapshot: the name of what a reader would see now; equal names, equal rows.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        if engine.dialect.name == "sqlite":
            writer: dict[str, Any] = {"begin": "BEGIN IMMEDIATE"}
            reader: dict[str, Any] = {"begin": "BEGIN"}
        else:
            writer = {"isolation_level": "READ COMMITTED"}
            reader = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        self._writers = sessionmaker(engine.execution_options(**writer), expire_on_commit=False)
        self._readers = sessionmaker(engine.execution_options(**reader), expire_on_commit=False)
        self.snapshot = SnapshotName(engine)

    @contextmanager
    def write(self) -> Iterator[Session]:
        """One transaction: committed when the block ends, rolled back when it raises.

        Raises:
            DatabaseUnavailable: locked for too long, full or out of reach; nothing was written.
        """
        with _translated(), self._writers.begin() as session:
            yield session

    @contextmanager
    def read(self) -> Iterator[Session]:
        """One consistent snapshot; nothing is written.

        Raises:
            DatabaseUnavailable: out of reach.
        """
        with _translated(), self._readers() as session:
            yield session

    def dispose(self) -> None:
        """Close every connection."""
        self.snapshot.close()
        self.engine.dispose()


def open_database(url: str) -> Database:
    """Open the database at a SQLAlchemy URL (`sqlite:///file`, `postgresql://...`); connects on first use."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        if not parsed.database or parsed.database == ":memory:":
            raise ValueError(f"{url!r} is a database in memory: give a file, several processes share it")
        Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
        engine = create_engine(parsed, connect_args={"timeout": LOCK_WAIT_SECONDS})
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return Database(engine)
    limits = f"-c lock_timeout={LOCK_WAIT_SECONDS}s -c idle_in_transaction_session_timeout={FROZEN_SECONDS}s"
    connect_args = {"connect_timeout": 5, "options": f"{limits} -c timezone=UTC"}
    return Database(create_engine(parsed, pool_pre_ping=True, connect_args=connect_args))


def exclusive(session: Session) -> None:
    """Let one transaction at a time, over all processes, change the graph of studies, cells and jobs.

    On SQLite every write transaction is alone from its BEGIN IMMEDIATE, which opening the connection sends.
    """
    if session.connection().dialect.name == "postgresql":
        session.execute(select(func.pg_advisory_xact_lock(_ADVISORY_LOCK)))


def database_now(session: Session) -> datetime:
    """The one clock that leases are measured by: the server's, or this computer's for a local SQLite file."""
    if session.get_bind().dialect.name == "postgresql":
        now: datetime = session.execute(select(func.clock_timestamp())).scalar_one()
        return now
    return utcnow()


def _prepare_sqlite(dbapi_connection: Any, _record: object) -> None:
    # The driver must not open transactions on its own: `_begin_sqlite` does.
    dbapi_connection.isolation_level = None
    cursor = dbapi_connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {LOCK_WAIT_SECONDS * 1000}")
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = NORMAL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    begin = connection.get_execution_options().get("begin", "BEGIN")
    connection.exec_driver_sql(f"PRAGMA query_only = {'ON' if begin == 'BEGIN' else 'OFF'}")
    connection.exec_driver_sql(begin)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (sa_exc.OperationalError, sa_exc.InterfaceError, sa_exc.TimeoutError) as error:
        raise DatabaseUnavailable(_in_words(error)) from error
    except (sa_exc.DataError, UnicodeEncodeError) as error:
        raise ValueRefused(f"A text or number cannot be stored: {_cause(error)}") from error
    except sa_exc.DBAPIError as error:
        if not error.connection_invalidated and getattr(error.orig, "sqlstate", None) != _UNDEFINED_TABLE:
            raise
        raise DatabaseUnavailable(_in_words(error)) from error


def _cause(error: Exception) -> str:
    return str(getattr(error, "orig", None) or error).strip().splitlines()[0][:300]


def _in_words(error: sa_exc.SQLAlchemyError) -> str:
    cause = _cause(error)
    lowered = cause.lower()
    if "locked" in lowered or "lock timeout" in lowered:
        advice = f"another process held the database for {LOCK_WAIT_SECONDS} seconds. Try again"
    elif "full" in lowered or "no space" in lowered:
        advice = "the disk of the database is full. Free some space, then try again"
    elif "no such table" in lowered or "does not exist" in lowered:
        advice = "the schema is missing. Start the laboratory once: it brings the schema up to date"
    else:
        advice = "the database does not answer. Check DATABASE_URL and that the server runs, then try again"
    return f"Nothing was written: {advice}. ({cause})"
