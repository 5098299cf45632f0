"""Import of a machine: taken whole when a worker can use it, else refused with every fault, and nothing is written."""

import hashlib
from pathlib import Path

import httpx
import numpy as np
import pytest
import torch

from backend.api import limits
from backend.client import ApiError, Client
from backend.services import import_machine as importing
from backend.storage.errors import DatabaseUnavailable
from tests.integration.api.conftest import Live
from tests.integration.api.serving import problem_of
from tests.machine_files import FAULTS, machine_file, tensors
from worker.rbm.machine_file import read_machine

BINARY = {"Content-Type": "application/octet-stream"}


def send(live: Live, data: bytes, **query: str) -> httpx.Response:
    return live.http.post("/machines", content=data, headers=BINARY, params=query)


def files(live: Live) -> list[Path]:
    return [path for path in Path(live.lab.settings.models_store).rglob("*") if path.is_file()]


def test_a_machine_comes_as_it_was_sent(live: Live) -> None:
    data = machine_file(metadata={"name": "From afar", "training": '{"gibbs_steps": 10}', "seed": "7"})
    answer = send(live, data)
    assert answer.status_code == 201
    found = answer.json()
    assert answer.headers["location"] == f"/api/v1/machines/{found['id']}"
    mask = np.unpackbits(tensors()["mask"], count=784 * 7)
    assert (found["origin"], found["name"]) == ("imported", "From afar")
    assert (found["num_visible"], found["num_hidden"]) == (784, 7)
    assert found["initial_dilution"] == found["first_dilution"] == int((mask == 0).sum()) / (784 * 7)
    assert found["digest"] == hashlib.sha256(data).hexdigest()
    assert found["provenance"] == {"name": "From afar", "training": {"gibbs_steps": 10}, "seed": "7"}
    assert live.http.get(f"/machines/{found['id']}/download").content == data
    machine, _ = read_machine(data)
    assert torch.equal(machine.mask[0], torch.from_numpy(mask.astype(bool).reshape(784, 7)))
    assert [one["id"] for one in live.http.get("/machines", params={"origin": "imported"}).json()["items"]] == [
        found["id"]
    ]


def test_half_precision_and_no_mask_are_machines_too(live: Live) -> None:
    half = {name: tensors()[name].astype(np.float16) for name in ("weight_matrix", "vbias", "hbias")}
    found = send(live, machine_file(**half, mask=None), name="Half").json()
    zeros = int((half["weight_matrix"] == 0).sum())
    assert found["name"] == "Half"
    assert found["initial_dilution"] == zeros / (784 * 7)
    assert live.http.get(f"/machines/{found['id']}/parameters").status_code == 200


def test_the_same_file_again_gives_the_same_machine(live: Live) -> None:
    first = send(live, machine_file(), name="First")
    again = send(live, machine_file(), name="Second")
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json() == first.json()
    assert len(live.http.get("/machines").json()["items"]) == 1


def test_a_lost_file_comes_back_with_an_import(live: Live) -> None:
    data = machine_file()
    found = send(live, data).json()
    live.lab.artifacts.delete(found["digest"])
    assert live.http.get(f"/machines/{found['id']}/download").status_code == 500
    assert send(live, data).status_code == 200
    assert live.http.get(f"/machines/{found['id']}/download").content == data


@pytest.mark.parametrize("case", FAULTS)
def test_a_broken_file_is_refused_with_its_reason(still: Live, case: str) -> None:
    make, pointer, words = FAULTS[case]
    problem = problem_of(send(still, make()), 422)
    assert [(one["pointer"], words in one["detail"]) for one in problem["errors"]] == [(pointer, True)], problem
    assert still.http.get("/machines").json()["total"] == 0
    assert files(still) == []


def test_every_fault_is_named_at_once(still: Live) -> None:
    broken = {"vbias": np.full(784, np.nan, np.float32), "hbias": np.zeros(9, np.float32)}
    problem = problem_of(send(still, machine_file(**broken)), 422)
    assert {one["pointer"] for one in problem["errors"]} == {"/vbias", "/hbias"}


def test_a_file_that_is_too_large_is_refused_before_it_is_read(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kills: the small limit of other requests for files, no limit for files, the large limit for others."""
    assert len(machine_file(hbias=np.zeros(7, np.float32))) < limits.API_BODY_BYTES < limits.MAX_FILE_BYTES
    wide = tensors(num_hidden=400)
    data = machine_file(**wide)
    assert len(data) > limits.API_BODY_BYTES
    assert send(live, data).status_code == 201
    problem = problem_of(live.http.post("/studies", content=data), 413)
    assert "1,000,000 bytes" in problem["detail"]
    monkeypatch.setattr(limits, "MAX_FILE_BYTES", len(data) - 1)
    problem = problem_of(send(live, data), 413)
    assert f"{len(data) - 1:,} bytes" in problem["detail"]


@pytest.mark.parametrize("kind", ["multipart/form-data; boundary=x", "application/json"])
def test_a_form_is_told_to_send_the_file_itself(still: Live, kind: str) -> None:
    answer = still.http.post("/machines", content=machine_file(), headers={"Content-Type": kind})
    assert "application/octet-stream" in problem_of(answer, 415)["detail"]


@pytest.mark.parametrize("name", ["", "   "])
def test_a_blank_name_is_no_name(live: Live, name: str) -> None:
    found = send(live, machine_file(), name=name).json()
    assert found["name"] == f"Imported {found['digest'][:8]}"


@pytest.mark.parametrize("name", ["two\nlines", "x" * 201])
def test_a_name_that_no_table_can_show_is_refused(still: Live, name: str) -> None:
    problem = problem_of(send(still, machine_file(), name=name), 422)
    assert [one["pointer"] for one in problem["errors"]] == ["name"]
    assert files(still) == []


def test_a_database_that_fails_leaves_no_file(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kills: the file of a transaction that was rolled back stays."""

    def fail(*_: object, **__: object) -> None:
        raise DatabaseUnavailable("Nothing was written: the disk of the database is full.")

    monkeypatch.setattr(importing, "add_machine", fail)
    assert "disk" in problem_of(send(live, machine_file()), 503)["detail"]
    assert files(live) == []
    monkeypatch.undo()
    assert live.http.get("/machines").json()["total"] == 0
    assert send(live, machine_file()).status_code == 201


def test_a_failed_repetition_leaves_the_machine_that_is_there(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kills: cleaning up after a failure takes the file of a machine that another request wrote."""
    found = send(live, machine_file()).json()

    def fail(*_: object) -> None:
        raise DatabaseUnavailable("locked")

    monkeypatch.setattr(importing, "machine_with_file", fail)
    assert send(live, machine_file()).status_code == 503
    monkeypatch.undo()
    assert live.http.get(f"/machines/{found['id']}/download").content == machine_file()


def test_one_key_is_one_import_of_one_name(live: Live) -> None:
    """Kills: the query left out of what a key stands for."""
    headers = {**BINARY, "Idempotency-Key": "one"}
    first = live.http.post("/machines", content=machine_file(), headers=headers, params={"name": "A"})
    again = live.http.post("/machines", content=machine_file(), headers=headers, params={"name": "A"})
    other = live.http.post("/machines", content=machine_file(), headers=headers, params={"name": "B"})
    assert (first.status_code, again.status_code, other.status_code) == (201, 201, 422)
    assert again.headers["idempotency-replayed"] == "true"


def test_an_imported_machine_can_be_measured(live: Live) -> None:
    found = send(live, machine_file()).json()
    answer = live.http.post(f"/machines/{found['id']}/samples", json={"pruning": 0.9})
    assert answer.status_code == 202
    cell = live.http.get(f"/cells/{answer.json()['cell_id']}").json()
    assert (cell["parent"], cell["parameters"]["pruning"]) == (found["digest"], 0.9)


def test_the_client_imports_bytes_and_files(live: Live, tmp_path: Path) -> None:
    path = tmp_path / "machine.safetensors"
    path.write_bytes(machine_file(seed=2))
    with Client(live.url) as client:
        assert client.import_machine(machine_file(), "Bytes").name == "Bytes"
        assert client.import_machine(path).origin == "imported"
        with pytest.raises(ApiError) as refused:
            client.import_machine(machine_file(vbias=None))
        assert "/vbias: is missing" in str(refused.value)
        assert client.machines(sort="name", order="asc").total == 2
