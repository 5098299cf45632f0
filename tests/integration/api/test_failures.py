"""What breaks below the API: each gets a problem that says what to do, and nothing is half-written."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psycopg
import pytest
from sqlalchemy import create_engine

from backend.api.app import create_api
from backend.services.laboratory import Laboratory, open_laboratory
from backend.settings import Settings
from backend.storage import database
from backend.storage.database import _ADVISORY_LOCK
from backend.storage.migrate import migrate
from tests.conftest import Broker
from tests.hands import SMALL, claim, submit, work_off
from tests.integration.api.conftest import Live
from tests.integration.api.serving import problem_of, serve

STUDY = {"name": "One", "parameters": SMALL}


@contextmanager
def held(lab: Laboratory) -> Iterator[None]:
    """Another process holds the database's lock."""
    if lab.database.engine.dialect.name == "sqlite":
        engine = create_engine(lab.settings.database)
        with engine.connect() as connection:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            yield
        engine.dispose()
    else:
        with psycopg.connect(lab.settings.database) as connection:
            connection.execute(f"SELECT pg_advisory_xact_lock({_ADVISORY_LOCK})")  # type: ignore[arg-type]
            yield


@pytest.fixture
def hasty(laboratory: Laboratory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Live]:
    """A laboratory that waits one second for a lock instead of ten."""
    monkeypatch.setattr(database, "LOCK_WAIT_SECONDS", 1)
    lab = open_laboratory(laboratory.settings)
    with serve(create_api(lab)) as url, httpx.Client(base_url=f"{url}/api/v1", timeout=30) as http:
        yield Live(lab, url, http)
    lab.close()


@pytest.mark.parametrize("headers", [{}, {"Idempotency-Key": "k"}])
def test_a_locked_database_is_a_matter_of_waiting(hasty: Live, headers: dict[str, str]) -> None:
    with held(hasty.lab):
        refused = hasty.http.post("/studies", json=STUDY, headers=headers)
        assert "try again" in problem_of(refused, 503)["detail"].lower()
        assert int(refused.headers["retry-after"]) >= 1
        assert hasty.http.get("/studies").json()["items"] == [], "reading goes on"
    assert hasty.http.post("/studies", json=STUDY, headers=headers).status_code == 202, "the key is not used up"


def test_a_database_that_is_gone(laboratory: Laboratory, tmp_path: Path) -> None:
    gone = laboratory.settings.model_copy(
        update={"database_url": "postgresql://nobody@127.0.0.1:1/none", "dilution_lab_home": tmp_path}
    )
    lab = open_laboratory(gone)
    with serve(create_api(lab)) as url, httpx.Client(base_url=f"{url}/api/v1") as http:
        refused = http.get("/studies")
        problem_of(refused, 503)
        assert "retry-after" in refused.headers
        assert http.get("/health").json()["database"] == "down"
    lab.close()


def test_a_broker_that_is_down_delays_and_loses_nothing(own_broker: Broker, database_url: str, tmp_path: Path) -> None:
    settings = Settings(dilution_lab_home=own_broker.home, database_url=database_url, models_store=str(tmp_path))
    lab = open_laboratory(settings)
    own_broker.kill()
    with serve(create_api(lab)) as url, httpx.Client(base_url=f"{url}/api/v1", timeout=30) as http:
        answer = http.post("/studies", json=STUDY)
        assert answer.status_code == 202
        assert "no worker is running" in answer.json()["message"]
        health = http.get("/health").json()
        assert (health["ok"], health["broker"]) == (False, "down")
        assert "nothing is lost" in health["message"]
        job = http.get("/jobs", params={"state": "queued"}).json()["items"][0]
        assert claim(lab, job["id"]) is not None, "the row is the truth: it can be worked on"
    lab.close()


def stored_file(lab: Laboratory, digest: str) -> Path:
    return Path(lab.settings.models_store) / "objects" / digest[:2] / digest


@pytest.mark.parametrize("damage", ["altered", "cut", "gone"])
def test_a_damaged_machine_is_never_delivered(live: Live, damage: str) -> None:
    submit(live.lab)
    work_off(live.lab)
    machine = live.http.get("/machines").json()["items"][0]
    file = stored_file(live.lab, machine["digest"])
    if damage == "gone":
        file.unlink()
    else:
        data = file.read_bytes()
        file.write_bytes(data[:-1] + (b"?" if damage == "altered" else b""))
    problem = problem_of(live.http.get(f"/machines/{machine['id']}/download"), 500)
    assert machine["digest"] in problem["detail"]
    assert "compute it again" in problem["detail"]
    assert str(live.lab.settings.models_store) not in problem["detail"], "no path of ours"


def test_damaged_samples_are_never_drawn(live: Live) -> None:
    study = submit(live.lab)
    work_off(live.lab)
    cell = live.http.get(f"/studies/{study.id}/cells", params={"kind": "evaluation"}).json()["items"][0]
    for file in (Path(live.lab.settings.models_store) / "objects").rglob("*"):
        if file.is_file():
            file.write_bytes(b"")
    for name in ("samples.png", "samples.npy"):
        problem = problem_of(live.http.get(f"/cells/{cell['id']}/{name}"), 500)
        assert "digest" in problem["detail"]


def test_a_defect_of_ours_shows_no_internals(laboratory: Laboratory) -> None:
    app = create_api(laboratory)

    @app.get("/broken")
    def broken() -> None:
        raise RuntimeError("the password is swordfish")

    with serve(app) as url:
        answer = httpx.get(f"{url}/broken")
    problem = problem_of(answer, 500)
    assert "swordfish" not in answer.text
    assert "log" in problem["detail"]
    assert answer.headers["x-request-id"]


def test_the_sweep_outlives_its_errors(empty_sqlite_url: str, broker: Broker, tmp_path: Path) -> None:
    # Without a schema every sweep fails; once it is there, an expired lease is taken back.
    settings = Settings(
        dilution_lab_home=broker.home, database_url=empty_sqlite_url, models_store=str(tmp_path / "store")
    )
    lab = open_laboratory(settings)
    with serve(create_api(lab)) as url, httpx.Client(base_url=f"{url}/api/v1", timeout=30) as http:
        time.sleep(1.5)
        migrate(empty_sqlite_url)
        study = submit(lab)
        [first, _] = http.get("/jobs", params={"state": "queued", "study_id": study.id}).json()["items"]
        assert claim(lab, first["id"], lease=0.1) is not None
        deadline = time.monotonic() + 30
        while http.get(f"/jobs/{first['id']}").json()["state"] != "queued":
            assert time.monotonic() < deadline, "the expired lease was not taken back"
            time.sleep(0.1)
    lab.close()
