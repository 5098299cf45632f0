"""Idempotency-Key: sent twice, done once; also when the answer, or the server, is lost on the way."""

import signal
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from sqlalchemy import text, update

from backend.services.laboratory import Laboratory, open_laboratory
from backend.settings import Settings
from backend.storage.tables import IdempotencyKey, utcnow
from tests.conftest import Broker, database_url  # noqa: F401 - on both databases
from tests.hands import SMALL
from tests.integration.api.conftest import Live
from tests.integration.api.serving import api_process, problem_of

KEY = {"Idempotency-Key": "a key of mine"}


def post(live: Live, name: str = "One", headers: dict[str, str] | None = None) -> httpx.Response:
    return live.http.post(
        "/studies", json={"name": name, "parameters": SMALL}, headers=headers or {"Idempotency-Key": "k"}
    )


def num_studies(live: Live) -> int:
    return len(live.http.get("/studies").json()["items"])


def age(lab: Laboratory, by: timedelta) -> None:
    with lab.database.write() as session:
        session.execute(update(IdempotencyKey).values(created_at=utcnow() - by))


def test_the_first_answer_is_repeated(live: Live) -> None:
    first, second = post(live), post(live)
    assert (first.status_code, second.status_code) == (202, 202)
    assert second.content == first.content
    assert second.headers["location"] == first.headers["location"]
    assert second.headers["content-type"] == first.headers["content-type"]
    assert "idempotency-replayed" not in first.headers
    assert second.headers["idempotency-replayed"] == "true"
    assert num_studies(live) == 1


def test_other_keys_and_no_key_are_other_requests(live: Live) -> None:
    ids = {post(live, headers={"Idempotency-Key": key}).json()["id"] for key in ("a", "b")}
    ids |= {live.http.post("/studies", json={"name": "One", "parameters": SMALL}).json()["id"] for _ in range(2)}
    assert len(ids) == 4


def test_the_same_key_on_another_path_is_another_request(live: Live) -> None:
    study = post(live).json()
    cancelled = live.http.post(f"/studies/{study['id']}/cancel", headers={"Idempotency-Key": "k"})
    assert cancelled.json()["state"] == "cancelled"


def test_another_body_under_the_same_key_is_refused(live: Live) -> None:
    post(live)
    assert "another body" in problem_of(post(live, "Two"), 422)["detail"]
    assert num_studies(live) == 1


def test_the_same_json_in_another_spelling_is_the_same_body(live: Live) -> None:
    headers = {"Idempotency-Key": "k", "Content-Type": "application/json"}
    bodies = ['{"name": "One", "preset": "Two cores"}', '{"preset":"Two cores",\n"name":"One"}']
    ids = {live.http.post("/studies", content=body, headers=headers).json()["id"] for body in bodies}
    assert len(ids) == 1


def test_a_refusal_is_a_first_answer_too(live: Live) -> None:
    answers = [live.http.post("/studies", json={"name": ""}, headers=KEY) for _ in range(2)]
    assert answers[0].json() == answers[1].json()
    assert problem_of(answers[1], 422)
    assert answers[1].headers["idempotency-replayed"] == "true"


def test_after_a_day_the_key_is_free(live: Live) -> None:
    first = post(live).json()["id"]
    age(live.lab, timedelta(hours=23, minutes=59))
    assert post(live).json()["id"] == first
    age(live.lab, timedelta(hours=24, minutes=1))
    assert post(live, "Two").json()["name"] == "Two"


@pytest.mark.parametrize("key", ["", "x" * 256, "tab\tbed"])
def test_keys_that_are_none(live: Live, key: str) -> None:
    assert "255" in problem_of(live.http.post("/studies", json={}, headers={"Idempotency-Key": key}), 400)["detail"]


def test_many_at_once_make_one(live: Live) -> None:
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: post(live), range(6)))
    assert {answer.status_code for answer in answers} <= {202, 409}
    assert all("retry-after" in answer.headers for answer in answers)
    assert num_studies(live) == 1
    assert post(live).status_code == 202


@dataclass
class Hesitant:
    """A laboratory on PostgreSQL that takes its time to keep a first answer, after the study is committed."""

    url: str
    lab: Laboratory

    def hesitate(self, seconds: float) -> None:
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(
                f"CREATE OR REPLACE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS "
                f"$$ BEGIN PERFORM pg_sleep({seconds}); RETURN NEW; END $$"  # type: ignore[arg-type]
            )
            connection.execute(
                "CREATE OR REPLACE TRIGGER wait BEFORE UPDATE ON idempotency_keys FOR EACH ROW EXECUTE FUNCTION wait()"
            )


@pytest.fixture
def hesitant(postgresql_url: str, broker: Broker, tmp_path: Path) -> Iterator[Hesitant]:
    settings = Settings(dilution_lab_home=broker.home, database_url=postgresql_url, models_store=str(tmp_path))
    lab = open_laboratory(settings)
    yield Hesitant(postgresql_url, lab)
    lab.close()


def keyed_post(url: str) -> httpx.Response:
    body: dict[str, Any] = {"name": "One", "parameters": SMALL}
    return httpx.post(f"{url}/api/v1/studies", json=body, headers=KEY, timeout=30)


def test_a_request_in_flight_is_not_repeated(hesitant: Hesitant) -> None:
    hesitant.hesitate(2)
    with api_process(hesitant.lab.settings) as api, ThreadPoolExecutor(1) as pool:
        first = pool.submit(keyed_post, api.url)
        while httpx.get(f"{api.url}/api/v1/studies").json()["items"] == []:
            assert not first.done()
        in_flight = keyed_post(api.url)
        assert "in flight" in problem_of(in_flight, 409)["detail"]
        assert in_flight.headers["retry-after"] == "1"
        assert first.result().status_code == 202


def test_a_server_killed_before_its_answer_makes_one_study(hesitant: Hesitant) -> None:
    hesitant.hesitate(60)
    with api_process(hesitant.lab.settings) as api, ThreadPoolExecutor(1) as pool:
        lost = pool.submit(keyed_post, api.url)
        while (studies := httpx.get(f"{api.url}/api/v1/studies").json()["items"]) == []:
            assert not lost.done()
        api.stop(signal.SIGKILL)
        assert isinstance(lost.exception(), httpx.TransportError)
    with psycopg.connect(hesitant.url, autocommit=True) as connection:
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'")
        connection.execute("DROP TRIGGER wait ON idempotency_keys")
    with api_process(hesitant.lab.settings) as api:
        problem_of(keyed_post(api.url), 409)
        age(hesitant.lab, timedelta(minutes=3))
        again = keyed_post(api.url)
        assert again.status_code == 202
        assert again.json()["id"] == studies[0]["id"]
        assert len(httpx.get(f"{api.url}/api/v1/studies").json()["items"]) == 1


def test_a_request_that_was_cut_off_uses_up_no_key(live: Live) -> None:
    host, port = live.url.removeprefix("http://").split(":")
    body = b'{"name": "One", "preset": "Two cores"}'
    head = (
        f"POST /api/v1/studies HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
        f"Idempotency-Key: k\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(head.encode() + body[:-5])
        time.sleep(0.5)
    time.sleep(0.5)  # the server sees the end of the first before the second begins
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(head.encode() + body)
        assert connection.recv(65536).startswith(b"HTTP/1.1 202")
    assert num_studies(live) == 1


NOT_NOW = {
    "sqlite": ["CREATE TRIGGER not_now BEFORE INSERT ON studies BEGIN INSERT INTO nowhere VALUES (1); END"],
    "postgresql": [
        "CREATE FUNCTION not_now() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'the disk is full' USING ERRCODE = 'disk_full'; END $$",
        "CREATE TRIGGER not_now BEFORE INSERT ON studies FOR EACH ROW EXECUTE FUNCTION not_now()",
    ],
}
NOW = {"sqlite": "DROP TRIGGER not_now", "postgresql": "DROP TRIGGER not_now ON studies"}


def test_a_failure_of_ours_uses_up_no_key(live: Live) -> None:
    kind = live.lab.database.engine.dialect.name
    with live.lab.database.write() as session:
        for statement in NOT_NOW[kind]:
            session.execute(text(statement))
    refused = post(live)
    problem_of(refused, 503)
    assert "retry-after" in refused.headers
    with live.lab.database.write() as session:
        session.execute(text(NOW[kind]))
    assert post(live).status_code == 202
    assert num_studies(live) == 1
