"""What a page needs of one machine: its parameters in the compact form, its curves, and to find it by name."""

from pathlib import Path

import numpy as np
import pytest
import torch

from backend.client import Client
from backend.contracts.identity import derive_seed
from backend.services import machine_parameters
from backend.services.zoo import register_zoo
from backend.storage.repositories.artifacts import StoredArtifact, add_artifact
from backend.storage.repositories.machines import add_machine, get_machine
from tests.hands import SMALL, submit, work_off
from tests.integration.api.conftest import Live
from tests.integration.api.serving import problem_of
from worker.rbm.machine import Machine
from worker.rbm.machine_file import read_machine, write_machine

ZOO = Path(__file__).parents[3] / "models_store" / "zoo"


def machine(num_visible: int = 7, num_hidden: int = 5, seed: int = 1) -> Machine:
    """Random weights that float16 cannot hold, some of them masked; one that is 0 but inside the mask."""
    generator = torch.Generator().manual_seed(seed)
    weights = torch.randn(1, num_visible, num_hidden, generator=generator)
    mask = torch.rand(weights.shape, generator=generator) > 0.4
    mask[0, 0, 0] = True
    weights[0, 0, 0] = 0.0
    biases = [torch.randn(1, size, generator=generator) for size in (num_visible, num_hidden)]
    return Machine(torch.where(mask, weights, 0.0), *biases, mask)


def shelved(live: Live, data: bytes, name: str = "One", num_visible: int = 7, num_hidden: int = 5) -> str:
    digest = live.lab.artifacts.put(data)
    with live.lab.database.write() as session:
        add_artifact(session, StoredArtifact(digest, "machine", len(data)))
        add_machine(
            session, key=digest, name=name, origin="imported", initial_dilution=0.0, num_visible=num_visible,
            num_hidden=num_hidden, parameters={}, provenance={}, artifact_digest=digest,
        )  # fmt: skip
    return str(live.http.get("/machines", params={"name": name}).json()["items"][0]["id"])


def read_compact(data: bytes) -> tuple[Machine, int, int]:
    """The machine, the bytes of a weight and the seed of a compact form, read as its documentation says."""
    assert data[:4] == b"RBM1"
    num_visible, num_hidden, num_kept, width, zero = np.frombuffer(data, "<u4", 5, 4).tolist()
    assert zero == 0
    biases = np.frombuffer(data, "<f4", num_visible + num_hidden, 32)
    start = 32 + biases.nbytes
    num_bytes = -(-num_visible * num_hidden // 32) * 4
    bits = np.unpackbits(np.frombuffer(data, "u1", num_bytes, start))
    mask = bits[: num_visible * num_hidden].astype(bool).reshape(num_visible, num_hidden)
    weights = np.zeros(mask.shape, "<f4")
    weights[mask] = np.frombuffer(data, f"<f{width}", num_kept, start + num_bytes)
    assert len(data) == start + num_bytes + num_kept * width
    found = Machine(
        *(
            torch.from_numpy(np.array(one, dtype=np.float32))[None]
            for one in (weights, *np.split(biases, [num_visible]))
        ),
        torch.from_numpy(mask)[None],
    )
    return found, width, int.from_bytes(data[24:32], "little")


def same(one: Machine, other: Machine) -> bool:
    names = ("weight_matrix", "vbias", "hbias", "mask")
    return all(torch.equal(getattr(one, name), getattr(other, name)) for name in names)


def test_the_zoo_is_sent_whole_in_half_precision_and_only_where_there_are_weights(live: Live) -> None:
    """Kills: the mask by columns, weights outside the mask sent, half precision that is not exact."""
    register_zoo(live.lab, ZOO)
    sizes = {}
    for entry in live.http.get("/machines", params={"origin": "zoo"}).json()["items"]:
        answer = live.http.get(f"/machines/{entry['id']}/parameters")
        found, width, _ = read_compact(answer.content)
        original, _ = read_machine(live.lab.artifacts.get(entry["digest"]))
        assert same(found, original), entry["name"]
        assert width == 2
        sizes[entry["initial_dilution"]] = len(answer.content)
    assert sizes[0.8] < 200_000 < sizes[0.0] < 700_000


def test_full_precision_is_sent_as_it_is_unless_half_is_asked_for(live: Live) -> None:
    """Kills: rounding without being asked, a weight of 0 inside the mask that is lost."""
    own = machine()
    path = f"/machines/{shelved(live, write_machine(own))}/parameters"
    found, width, _ = read_compact(live.http.get(path).content)
    assert (same(found, own), width) == (True, 4)
    rounded, width, _ = read_compact(live.http.get(path, params={"precision": "float16"}).content)
    assert width == 2
    assert torch.equal(rounded.weight_matrix, own.weight_matrix.half().float())
    assert torch.equal(rounded.mask, own.mask)


def test_the_seed_of_the_random_rule_is_the_workers(live: Live) -> None:
    machine_id = shelved(live, write_machine(machine()))
    with live.lab.database.read() as session:
        row = get_machine(session, machine_id)
    assert row is not None
    _, _, seed = read_compact(live.http.get(f"/machines/{machine_id}/parameters").content)
    assert seed == derive_seed("pruning", row.key, "random")


def test_parameters_are_kept_for_ever_under_the_digest_of_the_file(live: Live) -> None:
    machine_id = shelved(live, write_machine(machine()))
    digest = live.http.get(f"/machines/{machine_id}").json()["digest"]
    answer = live.http.get(f"/machines/{machine_id}/parameters")
    assert digest in answer.headers["etag"]
    assert "immutable" in answer.headers["cache-control"]
    again = live.http.get(f"/machines/{machine_id}/parameters", headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    half = live.http.get(f"/machines/{machine_id}/parameters", params={"precision": "float16"})
    assert half.headers["etag"] != answer.headers["etag"]


@pytest.mark.parametrize("data", [b"weights", b"\x02" + bytes(7) + b"[]", write_machine(machine())[:-8]])
def test_a_file_that_is_no_machine_is_said_to_be_damaged(live: Live, data: bytes) -> None:
    machine_id = shelved(live, data)
    problem = problem_of(live.http.get(f"/machines/{machine_id}/parameters"), 500)
    assert "is no machine" in problem["detail"]


def test_a_machine_that_is_too_large_is_refused_before_it_is_read(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine_parameters, "MAX_WEIGHTS", 34)
    problem = problem_of(live.http.get(f"/machines/{shelved(live, b'not read')}/parameters"), 409)
    assert "7 x 5 weights" in problem["detail"]
    assert "download its file" in problem["detail"]


def test_machines_are_found_by_a_part_of_their_name(live: Live) -> None:
    """Kills: a pattern's signs taken for a pattern, the case of letters minded."""
    for seed, name in enumerate(("100 % Percent", "One_two", "onextwo")):
        shelved(live, write_machine(machine(seed=seed)), name)

    def names(part: str) -> set[str]:
        return {one["name"] for one in live.http.get("/machines", params={"name": part}).json()["items"]}

    assert names("percent") == {"100 % Percent"}
    assert names("%") == {"100 % Percent"}
    assert names("e_t") == {"One_two"}
    assert names("ONE") == {"One_two", "onextwo"}
    assert names("nothing") == set()


def test_the_curves_of_a_machine_are_the_values_of_its_evaluations(live: Live) -> None:
    """Kills: values of other machines, other ways of measuring mixed into one curve, points in any order."""
    study = submit(live.lab)
    other = submit(live.lab, generation={"num_samples": 9, "gibbs_steps": 3})
    work_off(live.lab)
    cells = {}
    for one in (study, other):
        for cell in live.http.get(f"/studies/{one.id}/cells", params={"kind": "evaluation"}).json()["items"]:
            cells[cell["id"]] = live.http.get(f"/cells/{cell['id']}").json()
    for entry in live.http.get("/machines", params={"study_id": study.id}).json()["items"]:
        found = live.http.get(f"/machines/{entry['id']}/curves").json()
        assert [curve["num_samples"] for curve in found["curves"]] == [7, 9]
        for curve in found["curves"]:
            assert (curve["metric"], curve["pruning_rule"]) == ("second_moment_error", "magnitude")
            levels = [point["x"] for point in curve["points"]]
            assert levels == sorted({entry["initial_dilution"], *SMALL["pruning_grid"]})
            for point in curve["points"]:
                cell = cells[point["cell_id"]]
                assert cell["parent"] == entry["cell_id"]
                assert cell["parameters"]["pruning"] == point["x"]
                assert cell["parameters"]["generation"]["num_samples"] == curve["num_samples"]
                assert cell["metrics"] == {"second_moment_error": point["value"]}
        assert [one["name"] for one in found["metrics"]] == ["second_moment_error"]


def test_a_machine_that_nobody_measured_has_no_curve(live: Live) -> None:
    machine_id = shelved(live, write_machine(machine()))
    assert live.http.get(f"/machines/{machine_id}/curves").json()["curves"] == []
    assert live.http.get("/machines/abc/curves").status_code == 404
    assert live.http.get("/machines/abc/parameters").status_code == 404


def test_the_client_has_both(live: Live) -> None:
    machine_id = shelved(live, write_machine(machine()))
    with Client(live.url) as client:
        assert read_compact(client.machine_parameters(machine_id, "float16"))[1] == 2
        assert client.machine_curves(machine_id).machine_id == machine_id
        assert [one.id for one in client.machines(name="one").items] == [machine_id]
