"""Deleting a machine: who uses it is named, nothing is half deleted, and a study makes again what it lost."""

from pathlib import Path
from typing import Any

import pytest

from backend.client import ApiError, Client
from backend.services.zoo import register_zoo
from backend.storage.tables import Artifact
from tests.conftest import database_url  # noqa: F401 - on both databases
from tests.hands import submit, submit_type, work_off
from tests.integration.api.conftest import Live
from tests.integration.api.serving import problem_of
from tests.machine_files import machine_file

ZOO = Path(__file__).parents[3] / "models_store" / "zoo"
DELETE_ALL = {"with_dependants": True}


def imported(live: Live, seed: int = 1) -> dict[str, Any]:
    with Client(live.url) as client:
        return client.import_machine(machine_file(seed)).model_dump(mode="json")


def machines(live: Live, **query: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = live.http.get("/machines", params={"limit": 500, **query}).json()["items"]
    return found


def stored(live: Live) -> set[str]:
    return {path.name for path in Path(live.lab.settings.models_store).rglob("*") if path.is_file()}


def registered(live: Live) -> set[str]:
    with live.lab.database.read() as session:
        return {row.digest for row in session.query(Artifact)}


def line(live: Live) -> tuple[Any, dict[str, Any], list[dict[str, Any]]]:
    """A study of retraining that is done, its first trained machine, and the machines that began from it."""
    study = submit_type(live.lab, "retraining", "Line", pairs=[[0.0, 0.75]], judge="none")
    work_off(live.lab)
    for one in machines(live, study_id=study.id):
        found = live.http.get(f"/machines/{one['id']}/lineage").json()
        if found["children"]:
            return study, one, found["children"]
    raise AssertionError("no machine has children")


def test_a_machine_that_nothing_uses_goes_with_its_file(live: Live) -> None:
    mine, other = imported(live), imported(live, seed=2)
    assert live.http.delete(f"/machines/{mine['id']}").status_code == 204
    assert live.http.get(f"/machines/{mine['id']}").status_code == 404
    assert live.http.delete(f"/machines/{mine['id']}").status_code == 204
    assert stored(live) == registered(live) == {other["digest"]}


def test_its_samples_go_too_and_other_machines_keep_theirs(live: Live) -> None:
    mine, other = imported(live), imported(live, seed=2)
    cells = [
        live.http.post(f"/machines/{one['id']}/samples", json={"pruning": 0.9}).json()["cell_id"]
        for one in (mine, other)
    ]
    work_off(live.lab)
    assert live.http.get(f"/machines/{mine['id']}/dependants").json()["num_cells"] == 1
    assert live.http.delete(f"/machines/{mine['id']}").status_code == 204
    assert [live.http.get(f"/cells/{cell}").status_code for cell in cells] == [404, 200]
    assert live.http.get(f"/cells/{cells[1]}/samples.npy").status_code == 200
    assert stored(live) == registered(live)
    assert len(live.http.get("/jobs").json()["items"]) == 1


def test_a_live_job_stands_in_the_way_whatever_is_asked(live: Live) -> None:
    """Kills: a deletion that takes the machine from under a job."""
    mine = imported(live)
    job = live.http.post(f"/machines/{mine['id']}/samples", json={"pruning": 0.9}).json()["job_id"]
    for query in ({}, DELETE_ALL):
        problem = problem_of(live.http.delete(f"/machines/{mine['id']}", params=query), 409)
        assert [one["pointer"] for one in problem["errors"]] == [f"/api/v1/jobs/{job}"]
        assert "cancel them" in problem["detail"]
    live.http.post(f"/jobs/{job}/cancel")
    assert live.http.delete(f"/machines/{mine['id']}").status_code == 204


def test_an_analysis_that_will_read_it_stands_in_the_way(live: Live) -> None:
    """Kills: inputs of analyses forgotten among what a job reads."""
    study = submit(live.lab)
    work_off(live.lab)
    mine = machines(live, study_id=study.id)[0]
    with live.lab.database.write() as session:
        from backend.contracts.cells import analysis_cell
        from backend.storage.database import database_now
        from backend.storage.repositories import cells as rows
        from backend.storage.repositories.planning import JobDraft, plan_jobs

        plan = analysis_cell("spectrum", dataset="mnist", dataset_digest="0" * 64, inputs=[mine["cell_id"]])
        rows.add_cells(session, [plan])
        drafts = [JobDraft("analyse", "Reads it", [plan.id])]
        plan_jobs(session, drafts, rows.cells_by_id(session, [plan.id]), None, database_now(session))
    problem = problem_of(live.http.delete(f"/machines/{mine['id']}", params=DELETE_ALL), 409)
    assert problem["errors"][0]["detail"] == "job “Reads it”"


def test_who_uses_it_is_named_and_nothing_has_happened(live: Live) -> None:
    study, first, children = line(live)
    before = stored(live)
    problem = problem_of(live.http.delete(f"/machines/{first['id']}"), 409)
    named = {one["pointer"]: one["detail"] for one in problem["errors"]}
    assert named[f"/api/v1/studies/{study.id}"] == "study “Line”"
    assert {f"/api/v1/machines/{one['id']}" for one in children} < set(named)
    assert "with_dependants=true" in problem["detail"]
    found = live.http.get(f"/machines/{first['id']}/dependants").json()
    assert [one["name"] for one in found["studies"]] == ["Line"]
    assert {one["id"] for one in found["machines"]} == {one["id"] for one in children}
    assert (found["protected"], found["jobs"]) == (None, [])
    assert live.http.get(f"/machines/{first['id']}").status_code == 200
    assert stored(live) == before


def test_a_study_loses_the_line_and_a_retry_makes_it_again(live: Live) -> None:
    """Kills: cells that still count as done, a study that cannot be retried, values that stay without a machine."""
    study, first, children = line(live)
    before = {one["cell_id"]: one["name"] for one in machines(live, study_id=study.id)}
    values = live.http.get(f"/studies/{study.id}/curves").json()["series"]
    gone = {first["cell_id"], *(one["cell_id"] for one in children)}
    assert live.http.delete(f"/machines/{first['id']}", params=DELETE_ALL).status_code == 204
    assert {one["cell_id"] for one in machines(live, study_id=study.id)} == set(before) - gone
    assert live.http.get(f"/studies/{study.id}").json()["state"] == "cancelled"
    cell = live.http.get(f"/cells/{first['cell_id']}").json()
    assert (cell["state"], cell["metrics"], cell["machine_id"]) == ("cancelled", {}, None)
    assert "deleted" in cell["error"]
    assert stored(live) == registered(live)
    for one in live.http.get(f"/studies/{study.id}/cells", params={"limit": 500}).json()["items"]:
        assert one["has_samples"] == (one["kind"] == "evaluation" and one["state"] == "done")

    live.http.post(f"/studies/{study.id}/retry")
    work_off(live.lab)
    assert live.http.get(f"/studies/{study.id}").json()["state"] == "done"
    assert {one["cell_id"]: one["name"] for one in machines(live, study_id=study.id)} == before

    def numbers(series: list[dict[str, Any]]) -> list[Any]:
        return [[(point["x"], point["n"], point["mean"]) for point in one["points"]] for one in series]

    assert numbers(live.http.get(f"/studies/{study.id}/curves").json()["series"]) == numbers(values)


def test_the_zoo_stays(live: Live) -> None:
    register_zoo(live.lab, ZOO)
    for one in machines(live, origin="zoo"):
        problem = problem_of(live.http.delete(f"/machines/{one['id']}", params=DELETE_ALL), 409)
        assert "starter zoo" in problem["detail"]
    assert len(machines(live, origin="zoo")) == 5


def test_a_file_that_another_machine_has_stays(live: Live) -> None:
    """Kills: the file removed though a row names it."""
    mine = imported(live)
    with live.lab.database.write() as session:
        from backend.storage.repositories.machines import add_machine

        add_machine(
            session, key="twin", name="Twin", origin="imported", initial_dilution=0.0, num_visible=784, num_hidden=7,
            parameters={}, provenance={}, artifact_digest=mine["digest"],
        )  # fmt: skip
    assert live.http.delete(f"/machines/{mine['id']}").status_code == 204
    assert stored(live) == {mine["digest"]}


def test_a_file_that_came_back_meanwhile_is_not_removed(live: Live) -> None:
    """Kills: files removed without looking whether an import named them again."""
    mine = imported(live)
    live.lab.remove_files([mine["digest"]])
    assert stored(live) == {mine["digest"]}


def test_the_client_deletes_and_asks(live: Live) -> None:
    _, first, children = line(live)
    with Client(live.url) as client:
        assert len(client.machine_dependants(first["id"]).machines) == len(children)
        with pytest.raises(ApiError, match="Line"):
            client.delete_machine(first["id"])
        client.delete_machine(first["id"], with_dependants=True)
        with pytest.raises(ApiError, match="no machine has the id"):
            client.machine(first["id"])
