from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Broker, started_broker
from tests.integration.worker.rig import Rig


@pytest.fixture
def rig(tmp_path: Path, own_broker: Broker, sqlite_url: str) -> Iterator[Rig]:
    """A laboratory on SQLite, for what does not depend on the database."""
    found = Rig(tmp_path, own_broker, sqlite_url)
    yield found
    found.close()


@pytest.fixture
def any_rig(tmp_path: Path, own_broker: Broker, database_url: str) -> Iterator[Rig]:
    """A laboratory on SQLite, and one on PostgreSQL."""
    found = Rig(tmp_path, own_broker, database_url)
    yield found
    found.close()


@pytest.fixture(scope="module")
def quiet_rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """One laboratory on SQLite for all tests of a file, without a worker yet."""
    folder = tmp_path_factory.mktemp("rig")
    with started_broker() as broker:
        found = Rig(folder, broker, f"sqlite:///{folder / 'lab.sqlite'}")
        yield found
        found.close()


@pytest.fixture(scope="module")
def busy_rig(quiet_rig: Rig) -> Rig:
    """The same with a worker, for tests that hurt neither; each takes a seed of its own."""
    quiet_rig.worker()
    return quiet_rig
