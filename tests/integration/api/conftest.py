from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest
import structlog

from backend.api.app import create_api
from backend.services.laboratory import Laboratory, open_laboratory
from backend.settings import Settings
from backend.storage.migrate import migrate
from tests.conftest import Broker
from tests.integration.api.serving import serve


@dataclass(frozen=True)
class Live:
    """A served laboratory, and a plain HTTP client on its address."""

    lab: Laboratory
    url: str
    http: httpx.Client


@pytest.fixture(scope="session", autouse=True)
def _logging() -> None:
    # structlog's default draws every traceback with all its variables, which takes seconds.
    structlog.configure(
        processors=[structlog.processors.format_exc_info, structlog.processors.KeyValueRenderer()],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
    )


@pytest.fixture(scope="module")
def still(running_broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A served laboratory on SQLite for requests that write nothing: many tests share it."""
    folder = tmp_path_factory.mktemp("still")
    settings = Settings(
        dilution_lab_home=running_broker.home,
        database_url=f"sqlite:///{folder / 'lab.sqlite'}",
        models_store=str(folder / "store"),
    )
    migrate(settings.database)
    lab = open_laboratory(settings)
    with serve(create_api(lab)) as url, httpx.Client(base_url=f"{url}/api/v1", timeout=30) as http:
        yield Live(lab, url, http)
    lab.close()


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """What HTTP adds is the same on every database; files in which the database counts take both."""
    return sqlite_url


@pytest.fixture
def live(laboratory: Laboratory) -> Iterator[Live]:
    with serve(create_api(laboratory)) as url, httpx.Client(base_url=f"{url}/api/v1", timeout=30) as http:
        yield Live(laboratory, url, http)
