"""Answers that are shared: made once for all who ask, and never older than the question."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event

from backend.api import shared_answers
from backend.api.sweeper import Sweeper
from backend.contracts.messages import Job, Page
from backend.services import jobs
from backend.services.change_job import cancel_job
from backend.services.jobs import list_jobs
from tests.hands import submit
from tests.integration.api.conftest import Live


@pytest.fixture
def database_url(request: pytest.FixtureRequest) -> str:
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


pytestmark = pytest.mark.parametrize("database_url", ["sqlite", "postgresql"], indirect=True)


@pytest.fixture(autouse=True)
def _nothing_else_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_answers, "KEPT_SECONDS", 60.0)
    monkeypatch.setattr(Sweeper, "_run", lambda sweeper: None)


@contextmanager
def questions(live: Live) -> Iterator[list[str]]:
    """The statements that ask for jobs meanwhile."""
    found: list[str] = []

    def note(*call: object) -> None:
        found.extend([str(call[2])] if "FROM jobs" in str(call[2]) and "error" in str(call[2]) else [])

    event.listen(live.lab.database.engine, "before_cursor_execute", note)
    yield found
    event.remove(live.lab.database.engine, "before_cursor_execute", note)


def test_the_same_question_is_answered_once(live: Live) -> None:
    submit(live.lab, "One")
    first = live.http.get("/jobs")
    with questions(live) as asked:
        second = live.http.get("/jobs")
    assert asked == []
    assert second.content == first.content
    assert second.headers["etag"] == first.headers["etag"]
    ids = [answer.headers.get_list("x-request-id") for answer in (first, second)]
    assert [len(one) for one in ids] == [1, 1]
    assert ids[0] != ids[1], "what belongs to a request is not shared"


def test_another_question_has_its_own_answer(live: Live) -> None:
    study = submit(live.lab, "One").id
    assert len(live.http.get("/jobs").json()["items"]) > 1
    assert len(live.http.get("/jobs", params={"limit": 1}).json()["items"]) == 1
    curves = f"/studies/{study}/curves"
    assert live.http.get(curves).headers["content-type"] == "application/json"
    assert live.http.get(curves, headers={"Accept": "text/csv"}).headers["content-type"].startswith("text/csv")


def test_what_was_committed_is_in_the_next_answer(live: Live) -> None:
    submit(live.lab, "One")
    for job in live.http.get("/jobs").json()["items"]:
        cancel_job(live.lab, job["id"])
        shown = {one["id"]: one["state"] for one in live.http.get("/jobs").json()["items"]}
        assert shown[job["id"]] == "cancelled"
    assert live.http.get("/jobs").json() == list_jobs(live.lab).model_dump(mode="json")


def test_what_is_committed_while_an_answer_is_made_is_in_the_next(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    submit(live.lab, "One")
    job = list_jobs(live.lab).items[0].id

    def overtaken(*asked: Any) -> Page[Job]:
        page = list_jobs(*asked)
        cancel_job(live.lab, job)
        return page

    with monkeypatch.context() as patch:
        patch.setattr(jobs, "list_jobs", overtaken)
        before = live.http.get("/jobs").json()["items"]
    after = live.http.get("/jobs").json()["items"]
    assert [one["state"] for shown in (before, after) for one in shown if one["id"] == job] == ["queued", "cancelled"]


def test_time_alone_ends_an_answer(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    submit(live.lab, "One")
    live.http.get("/jobs")
    monkeypatch.setattr(shared_answers, "KEPT_SECONDS", 0.0)
    with questions(live) as asked:
        live.http.get("/jobs")
    assert asked


def test_what_only_one_has_already_is_not_kept_for_others(live: Live) -> None:
    path = f"/studies/{submit(live.lab, 'One').id}/curves"
    tag = live.http.get(path).headers["etag"]
    submit(live.lab, "Two")
    assert live.http.get(path, headers={"If-None-Match": tag}).status_code == 304
    assert live.http.get(path).json()["kind"] == "pruning"


def test_those_who_ask_while_an_answer_is_made_wait_for_it(live: Live) -> None:
    submit(live.lab, "One")
    live.http.get("/studies")
    with questions(live) as alone:
        live.http.get("/jobs?limit=7")
    submit(live.lab, "Two")
    with questions(live) as together, ThreadPoolExecutor(8) as eight:
        answers = [one.content for one in eight.map(lambda _: live.http.get("/jobs?limit=7"), range(8))]
    assert len(set(answers)) == 1
    assert len(together) == len(alone)


def test_only_the_latest_questions_are_kept(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_answers, "MOST_ANSWERS", 2)
    submit(live.lab, "One")
    for limit in (1, 2, 1, 3):
        live.http.get("/jobs", params={"limit": limit})
    with questions(live) as asked:
        live.http.get("/jobs", params={"limit": 1})
        live.http.get("/jobs", params={"limit": 3})
    assert asked == []
    with questions(live) as asked:
        live.http.get("/jobs", params={"limit": 2})
    assert asked
