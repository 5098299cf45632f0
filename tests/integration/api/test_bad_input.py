"""What nobody should send: each gets a problem that names the field, and nothing is written."""

import socket
from typing import Any

import pytest

from tests.hands import SMALL, submit, work_off
from tests.integration.api.conftest import Live
from tests.integration.api.serving import problem_of

MISSING = "0" * 20


def refused(still: Live, **study: Any) -> dict[str, Any]:
    problem = problem_of(still.http.post("/studies", json={"name": "One", **study}), 422)
    assert still.http.get("/studies").json()["items"] == [], "nothing half-written"
    return problem


@pytest.mark.parametrize(
    ("parameters", "pointer", "words"),
    [
        ({"colour": "red"}, "/parameters/colour", "Extra inputs"),
        ({"training": {"warmth": 0.9}}, "/parameters/training/warmth", "Extra inputs"),
        ({"initial_dilutions": [0.2, 1.5]}, "/parameters/initial_dilutions/1", "less than or equal to 1"),
        ({"pruning_grid": [-0.1]}, "/parameters/pruning_grid/0", "greater than or equal to 0"),
        ({"initial_dilutions": [0.95], "pruning_grid": [0.5, 0.9]}, "/parameters", "p < p0"),
        ({"num_replicas": 0}, "/parameters/num_replicas", "greater than or equal to 1"),
        ({"num_replicas": 1000, "pruning_grid": [i / 1000 for i in range(1000)]}, "/parameters", "1,002,000 cells"),
        ({"dataset": "fashion"}, "/parameters/dataset", "mnist"),
        ({"pruning_rule": "loudest"}, "/parameters/pruning_rule", "magnitude"),
        ({"training": {"learning_rate": "fast"}}, "/parameters/training/learning_rate", "'fast'"),
        ({"seed": 2**48}, "/parameters/seed", "less than"),
    ],
)
def test_parameters_that_make_no_study(still: Live, parameters: dict[str, Any], pointer: str, words: str) -> None:
    problem = refused(still, parameters={**SMALL, "initial_dilutions": [0.0], **parameters})
    found = {error["pointer"]: error["detail"] for error in problem["errors"]}
    assert pointer in found, found
    assert words in found[pointer]


def test_every_refused_field_has_its_own_error(still: Live) -> None:
    problem = refused(still, parameters={"num_replicas": 0, "seed": -1, "training": {"num_hidden": 0}})
    pointers = {error["pointer"] for error in problem["errors"]}
    assert pointers == {"/parameters/num_replicas", "/parameters/seed", "/parameters/training/num_hidden"}


@pytest.mark.parametrize(
    ("study", "pointer"),
    [
        ({"name": "x" * 10_000}, "/name"),
        ({"name": "   "}, "/name"),
        ({"name": "two\nlines"}, "/name"),
        ({"name": "nul\x00"}, "/name"),
        ({"type": "miracle"}, "/type"),
        ({"preset": "Ten thousand cores"}, "/preset"),
        ({"parameters": [1, 2]}, "/parameters"),
        ({"priority": 9}, "/priority"),
    ],
)
def test_requests_that_are_no_study(still: Live, study: dict[str, Any], pointer: str) -> None:
    problem = refused(still, **study)
    assert [error["pointer"] for error in problem["errors"]] == [pointer]
    assert len(problem["detail"]) < 600, "a long value is not repeated"


@pytest.mark.parametrize(
    ("body", "status"), [(b"{not json", 400), (b"", 422), (b"[]", 422), (b"\xff\xfe", 400), (b"[" * 100_000, 400)]
)
def test_bodies_that_are_no_json_object(still: Live, body: bytes, status: int) -> None:
    answer = still.http.post("/studies", content=body, headers={"Content-Type": "application/json"})
    problem_of(answer, status)


@pytest.mark.parametrize("keyed", [{}, {"Idempotency-Key": "k"}])
def test_a_body_over_a_megabyte_is_refused(still: Live, keyed: dict[str, str]) -> None:
    declared = still.http.post("/studies", content=b" " * 1_000_001, headers=keyed)
    assert "1,000,000" in problem_of(declared, 413)["detail"]
    chunks = (b" " * 100_000 for _ in range(11))
    streamed = still.http.post("/studies", content=chunks, headers={"Content-Type": "application/json", **keyed})
    problem_of(streamed, 413)


def test_a_body_that_is_declared_too_large_is_not_read(still: Live) -> None:
    host, port = still.url.removeprefix("http://").split(":")
    head = f"POST /api/v1/studies HTTP/1.1\r\nHost: {host}\r\nContent-Length: 1000001\r\n\r\n"
    with socket.create_connection((host, int(port)), timeout=5) as connection:
        connection.sendall(head.encode())
        assert connection.recv(65536).startswith(b"HTTP/1.1 413")


@pytest.mark.parametrize(
    "path",
    [
        f"/studies/{MISSING}",
        f"/studies/{MISSING}/curves",
        f"/studies/{MISSING}/curves.csv",
        f"/studies/{MISSING}/cells",
        f"/cells/{MISSING}",
        f"/cells/{MISSING}/samples.png",
        f"/cells/{MISSING}/samples.npy",
        f"/jobs/{MISSING}",
        f"/jobs/{MISSING}/log",
        f"/machines/{MISSING}",
        f"/machines/{MISSING}/download",
    ],
)
def test_ids_that_do_not_exist(still: Live, path: str) -> None:
    problem = problem_of(still.http.get(path), 404)
    assert MISSING in problem["detail"]
    assert problem["instance"] == f"/api/v1{path}"


@pytest.mark.parametrize("path", ["studies/{}/cancel", "studies/{}/retry", "jobs/{}/cancel", "jobs/{}/retry"])
def test_actions_on_ids_that_do_not_exist(still: Live, path: str) -> None:
    problem_of(still.http.post(path.format(MISSING)), 404)


def test_samples_of_a_machine_that_does_not_exist(still: Live) -> None:
    problem_of(still.http.post(f"/machines/{MISSING}/samples", json={}), 404)


@pytest.mark.parametrize("path", ["/studies/..%2f..%2fetc", "/machines/%00", "/cells/ABC", f"/jobs/{'a' * 65}"])
def test_ids_that_cannot_exist(still: Live, path: str) -> None:
    assert still.http.get(path).status_code in (404, 422)


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ({"limit": 0}, "limit"),
        ({"limit": 501}, "limit"),
        ({"cursor": "made up"}, "cursor"),
        ({"state": "asleep"}, "state"),
        ({"sort": "name"}, "sort"),
    ],
)
def test_queries_that_no_listing_has(still: Live, query: dict[str, Any], pointer: str) -> None:
    problem = problem_of(still.http.get("/studies", params=query), 422)
    assert [error["pointer"] for error in problem["errors"]] == [pointer]


def test_a_level_below_the_machines_own_dilution(live: Live) -> None:
    submit(live.lab, initial_dilutions=[0.4])
    work_off(live.lab)
    machine = live.http.get("/machines").json()["items"][0]
    problem = problem_of(live.http.post(f"/machines/{machine['id']}/samples", json={"pruning": 0.1}), 422)
    assert problem["errors"][0]["pointer"] == "/pruning"
    assert "0.4 to 1" in problem["detail"]


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_paths_that_the_api_does_not_have(still: Live, method: str) -> None:
    problem_of(still.http.request(method, f"{still.url}/api/nope"), 404)
    problem_of(still.http.request(method, f"{still.url}/api/v1/nope/nope"), 404)


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/health", "GET"),
        ("PUT", "/studies", "GET, POST"),
        ("PATCH", f"/studies/{MISSING}", "DELETE, GET"),
        ("GET", f"/studies/{MISSING}/cancel", "POST"),
    ],
)
def test_methods_that_a_path_does_not_have(still: Live, method: str, path: str, allowed: str) -> None:
    answer = still.http.request(method, path)
    problem_of(answer, 405)
    assert answer.headers["allow"] == allowed
