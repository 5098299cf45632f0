"""The Python client against the real API, and across connections that break."""

import asyncio
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from backend.client import ApiError, AsyncClient, Client, ConnectionFailed, StudyNotDone, WaitTimeout
from backend.contracts.parameters import GenerationParameters
from tests.hands import SMALL, fail, submit, work_off
from tests.integration.api.conftest import Live


@pytest.fixture
def client(live: Live) -> Iterator[Client]:
    with Client(live.url) as client:
        yield client


def test_a_study_from_the_first_call_to_the_table(live: Live, client: Client) -> None:
    assert client.estimate_study("One", parameters=SMALL).jobs == 5
    study = client.create_study("One", parameters=SMALL)
    assert study.last_seen.state == "queued"
    threading.Timer(0.3, work_off, [live.lab]).start()
    assert study.wait(timeout=30).state == "done"
    frame = study.to_dataframe()
    assert list(frame.columns) == [
        "metric", "machine_class", "initial_dilution", "pruned_to", "pruning", "replica", "value", "low", "high",
        "cell_id", "machine_id",
    ]  # fmt: skip
    assert len(frame) == 2 * 3 * 2
    points = {(s.initial_dilution, p.x): p.mean for s in study.curves().series for p in s.points}
    means = frame.groupby(["initial_dilution", "pruning"])["value"].mean()
    assert means.to_dict() == pytest.approx(points)
    assert study.to_csv().count("\n") == len(frame) + 1
    assert "update" in study.to_dataframe("training").columns


def test_every_reading_call(live: Live, client: Client) -> None:
    study = submit(live.lab)
    work_off(live.lab)
    assert [one.id for one in client.studies(state="done").items] == [study.id]
    page = client.cells(study.id, limit=1, kind="evaluation")
    cell = client.cell(page.items[0].id)
    assert client.cells(study.id, cursor=page.next_cursor, limit=1, kind="evaluation").items[0].id != cell.id
    assert client.samples(cell.id).shape == (7, 784)
    job = client.jobs(study_id=study.id).items[0]
    assert client.job(job.id) == job
    assert client.job_log(job.id) == []
    machine = client.machines(origin="trained").items[0]
    assert len(client.download_machine(machine.id)) == client.machine(machine.id).size_bytes
    asked = client.request_samples(machine.id, 0.5, generation=GenerationParameters(num_samples=2, gibbs_steps=1))
    assert asked.state in ("pending", "done")
    assert client.datasets()[0].name == "mnist"
    assert {metric.name for metric in client.metrics()} >= {"second_moment_error"}
    assert {rule.name for rule in client.pruning_rules()} >= {"magnitude"}
    assert {kind.name for kind in client.study_types()} >= {"dilution-sweep"}
    assert client.workers() == []
    assert client.health().database == "up"


def test_curves_of_one_metric_with_few_replicas(live: Live, client: Client) -> None:
    """Kills: a filter that the client, or the route, does not pass on."""
    study = submit(live.lab)
    work_off(live.lab)
    full = client.curves(study.id)
    assert client.curves(study.id, metric="second_moment_error") == full
    nothing = client.curves(study.id, metric="quality")
    assert (nothing.series, nothing.metrics) == ([], full.metrics)
    few = client.curves(study.id, max_replicas=1)
    assert [point.n for point in few.series[0].points] == [point.n for point in full.series[0].points]
    assert {len(point.replicas) for series in few.series for point in series.points} == {1}
    rows = live.http.get(f"/studies/{study.id}/curves.csv", params={"metric": "quality"}).text.splitlines()
    assert len(rows) == 1
    for refused in ({"max_replicas": 0}, {"metric": "x" * 65}, {"metrics": "quality"}):
        assert live.http.get(f"/studies/{study.id}/curves", params=refused).status_code == 422


def test_every_changing_call(live: Live, client: Client) -> None:
    study = client.create_study("One", parameters=SMALL)
    assert study.cancel().state == "cancelled"
    assert study.retry().state == "queued"
    job = client.jobs(state="queued").items[0]
    assert client.cancel_job(job.id).state == "cancelled"
    assert client.retry_job(job.id).state == "queued"
    client.cancel_job(client.jobs(state="queued").items[-1].id)
    again = client.retry_jobs("cancelled", study.id).job_ids
    assert again
    assert {client.job(one).state for one in again} <= {"queued", "blocked"}
    assert client.retry_jobs().job_ids == []
    study.delete()
    with pytest.raises(ApiError, match="404 Not Found"):
        study.refresh()


def test_a_refusal_can_be_read(client: Client) -> None:
    with pytest.raises(ApiError) as caught:
        client.create_study("", parameters={"num_replicas": 0})
    assert caught.value.status == 422
    assert "/name" in str(caught.value)
    with pytest.raises(ApiError) as caught:
        client.create_study("One", parameters={"num_replicas": 0, "seed": -1})
    assert "422" in str(caught.value)
    assert "  /parameters/num_replicas: Input should be greater than or equal to 1" in str(caught.value)
    assert {error.pointer for error in caught.value.problem.errors} == {"/parameters/num_replicas", "/parameters/seed"}


def test_waiting_ends(live: Live, client: Client) -> None:
    study = client.create_study("One", parameters=SMALL)
    with pytest.raises(WaitTimeout, match="queued"):
        study.wait(timeout=0.2)
    for job in client.jobs(state="queued").items:
        fail(live.lab, job.id, "it broke")
    with pytest.raises(StudyNotDone, match="it broke"):
        study.wait(timeout=10)
    assert study.wait(timeout=10, check=False).state == "failed"


def test_an_address_where_nothing_answers() -> None:
    with Client("http://127.0.0.1:9", retries=1) as client, pytest.raises(ConnectionFailed, match="make run"):
        client.health()


def test_an_answer_that_is_not_the_apis() -> None:
    page = b"HTTP/1.1 404 Not Found\r\nContent-Length: 5\r\n\r\nhello"
    with _answering(page) as url, Client(url) as client, pytest.raises(ApiError, match="not answered by the API"):
        client.health()


def test_the_same_calls_awaited(live: Live) -> None:
    async def calls() -> None:
        async with AsyncClient(live.url) as client:
            study = await client.create_study("One", parameters=SMALL)
            assert (await client.study(study.id)).name == "One"
            with pytest.raises(WaitTimeout):
                await client.wait(study.id, timeout=0.1)
            work_off(live.lab)
            assert (await client.wait(study.id, timeout=10)).state == "done"
            assert (await client.curves(study.id)).series
            [cell] = (await client.cells(study.id, limit=1, kind="evaluation")).items
            assert (await client.samples(cell.id)).shape == (7, 784)
            with pytest.raises(ApiError):
                await client.job("0" * 20)

    asyncio.run(calls())


@contextmanager
def _answering(answer: bytes) -> Iterator[str]:
    """A server that gives every connection the same bytes."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def run() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    _message(connection)
                    connection.sendall(answer)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


def _message(connection: socket.socket) -> bytes:
    """A whole request or answer, in however many pieces it comes: its head, and as much body as the head says."""
    data = b""
    while not _is_whole(data):
        more = connection.recv(65536)
        assert more, f"the connection ended within a message: {data!r}"
        data += more
    return data


def _is_whole(data: bytes) -> bool:
    head, end_of_head, body = data.partition(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", head.lower())
    return bool(end_of_head) and len(body) >= (int(length[1]) if length else 0)


@contextmanager
def losing_answers(port: int, lost: int) -> Iterator[str]:
    """A wire to a server that delivers every request, and loses the first answers."""
    served = 0
    with socket.create_server(("127.0.0.1", 0)) as wire:

        def run() -> None:
            nonlocal served
            while True:
                try:
                    here, _ = wire.accept()
                except OSError:
                    return
                with here, socket.create_connection(("127.0.0.1", port)) as there:
                    there.sendall(_message(here))
                    answer = _message(there)
                    served += 1
                    if served > lost:
                        here.sendall(answer)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{wire.getsockname()[1]}"
        wire.shutdown(socket.SHUT_RDWR)
        thread.join()


def test_a_lost_answer_makes_no_second_study(live: Live) -> None:
    port = int(live.url.rsplit(":", maxsplit=1)[1])
    with losing_answers(port, lost=2) as url, Client(url) as client:
        study = client.create_study("One", parameters=SMALL)
    assert [one["id"] for one in live.http.get("/studies").json()["items"]] == [study.id]


def test_a_busy_laboratory_is_asked_again() -> None:
    busy = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 0\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    with _answering(busy) as url, Client(url, retries=2) as client, pytest.raises(ApiError, match="503"):
        client.health()
