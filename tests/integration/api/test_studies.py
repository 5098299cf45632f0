"""A study from its submission to its deletion, through HTTP alone."""

import csv
import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from backend.storage.repositories.log import add_line
from backend.storage.repositories.results import MetricValue, write_metrics
from tests.hands import SMALL, fail, sign_on, submit, work_off
from tests.integration.api.conftest import Live
from tests.integration.api.serving import problem_of

# p0 in (0, 0.4), two replicas: machine, itself judged, and two levels above; and the spectra.
CELLS = 2 * 2 * (1 + 1) + 2 * 2 * 2 + 1


def created(live: Live, **changes: Any) -> dict[str, Any]:
    answer = live.http.post("/studies", json={"name": "One", "parameters": {**SMALL, **changes}})
    assert answer.status_code == 202
    study: dict[str, Any] = answer.json()
    return study


def test_a_study_is_accepted_with_the_place_of_its_result(live: Live) -> None:
    answer = live.http.post("/studies", json={"name": " One ", "parameters": SMALL})
    assert answer.status_code == 202
    assert answer.headers["location"] == f"/api/v1/studies/{answer.json()['id']}"
    assert int(answer.headers["retry-after"]) >= 1
    shown = live.http.get(f"{live.url}{answer.headers['location']}").json()
    assert shown["name"] == "One"
    assert shown["state"] == "queued"
    assert shown["progress"]["cells_total"] == CELLS
    assert "no worker is running" in shown["message"], "a queue that nobody works on says so"


def test_a_preset_is_laid_under_the_parameters(live: Live) -> None:
    body = {"name": "Two", "preset": "Two cores", "parameters": {"num_replicas": 1}}
    parameters = live.http.post("/studies", json=body).json()["parameters"]
    assert parameters["num_replicas"] == 1
    assert parameters["training"]["num_updates"] == 1000


def test_an_estimate_writes_nothing(live: Live) -> None:
    answer = live.http.post("/studies/estimate", json={"name": "One", "parameters": SMALL})
    assert answer.status_code == 200
    assert answer.json()["cells"] == CELLS
    assert answer.json()["jobs"] == 5
    assert live.http.get("/studies").json()["items"] == []


def test_pages_link_to_the_next_and_lose_nothing(live: Live) -> None:
    names = [f"Study {number}" for number in range(5)]
    for name in names:
        submit(live.lab, name)
    seen: list[str] = []
    answer = live.http.get("/studies", params={"limit": 2, "state": "queued"})
    while True:
        seen += [study["name"] for study in answer.json()["items"]]
        if "next" not in answer.links:
            break
        assert answer.json()["next_cursor"] in answer.links["next"]["url"]
        answer = live.http.get(f"{live.url}{answer.links['next']['url']}")
    assert seen == names[::-1]
    assert answer.json()["next_cursor"] is None
    assert live.http.get("/studies", params={"state": "done"}).json()["items"] == []


def test_curves_as_json_and_as_csv_say_the_same(live: Live) -> None:
    study = created(live)
    work_off(live.lab)
    path = f"/studies/{study['id']}/curves"
    curves = live.http.get(path).json()
    assert curves["kind"] == "pruning"
    points = [(s["initial_dilution"], p["x"], p["n"]) for s in curves["series"] for p in s["points"]]
    assert points == [(0.0, 0.0, 2), (0.0, 0.5, 2), (0.0, 0.9, 2), (0.4, 0.4, 2), (0.4, 0.5, 2), (0.4, 0.9, 2)]
    values = {(r["cell_id"], r["value"]) for s in curves["series"] for p in s["points"] for r in p["replicas"]}
    by_name = live.http.get(f"{path}.csv")
    by_accept = live.http.get(path, headers={"Accept": "text/csv"})
    assert by_name.text == by_accept.text
    assert by_accept.headers["content-type"] == "text/csv; charset=utf-8"
    assert "Accept" in by_accept.headers["vary"]
    rows = list(csv.DictReader(io.StringIO(by_name.text)))
    assert {(row["cell_id"], float(row["value"])) for row in rows} == values
    training = live.http.get(path, params={"kind": "training"}).json()
    assert [p["x"] for p in training["series"][0]["points"]] == [5.0, 10.0]


def test_a_tagged_answer_is_sent_once(live: Live) -> None:
    study = created(live)
    work_off(live.lab)
    machine = live.http.get("/machines").json()["items"][0]
    for path in (f"/studies/{study['id']}", "/studies", f"/studies/{study['id']}/curves", f"/machines/{machine['id']}"):
        first = live.http.get(path)
        again = live.http.get(path, headers={"If-None-Match": f'"other", {first.headers["etag"]}'})
        assert again.status_code == 304, path
        assert again.content == b""
        assert again.headers["etag"] == first.headers["etag"]
        assert live.http.get(path, headers={"If-None-Match": '"other"'}).status_code == 200


def test_the_tag_changes_with_the_study(live: Live) -> None:
    study = created(live)
    before = live.http.get(f"/studies/{study['id']}").headers["etag"]
    work_off(live.lab)
    answer = live.http.get(f"/studies/{study['id']}", headers={"If-None-Match": before})
    assert answer.status_code == 200
    assert answer.json()["state"] == "done"


def test_cells_with_their_samples(live: Live) -> None:
    study = created(live)
    work_off(live.lab)
    page = live.http.get(f"/studies/{study['id']}/cells", params={"kind": "evaluation", "limit": 3})
    assert len(page.json()["items"]) == 3
    assert "next" in page.links
    cell = page.json()["items"][0]
    assert cell["has_samples"]
    shown = live.http.get(f"/cells/{cell['id']}").json()
    assert shown["parameters"]["generation"] == SMALL["generation"]
    array = live.http.get(f"/cells/{cell['id']}/samples.npy")
    assert "immutable" in array.headers["cache-control"]
    samples = np.load(io.BytesIO(array.content), allow_pickle=False)
    assert samples.shape == (7, 784)
    assert set(np.unique(samples)) == {0, 1}
    picture = live.http.get(f"/cells/{cell['id']}/samples.png", params={"columns": 3, "count": 5, "scale": 2})
    assert picture.headers["content-type"] == "image/png"
    assert "immutable" in picture.headers["cache-control"]
    image = Image.open(io.BytesIO(picture.content))
    assert (image.mode, image.size) == ("1", (2 * (3 * 30 - 2), 2 * (2 * 30 - 2)))
    fifth = np.asarray(image)[::2, ::2][30:58, 30:58]
    np.testing.assert_array_equal(fifth, samples[4].reshape(28, 28).astype(bool))


def test_a_cell_without_samples_says_why(live: Live) -> None:
    study = created(live)
    cell = live.http.get(f"/studies/{study['id']}/cells", params={"kind": "evaluation"}).json()["items"][0]
    problem = problem_of(live.http.get(f"/cells/{cell['id']}/samples.png"), 404)
    assert "pending" in problem["detail"]


def test_jobs_their_places_and_their_log(live: Live) -> None:
    study = created(live)
    sign_on(live.lab)
    jobs = live.http.get("/jobs", params={"study_id": study["id"], "state": "queued"}).json()["items"]
    assert [job["place"] for job in jobs] == [1, 2]
    assert all(job["kind"] == "train" for job in jobs)
    fail(live.lab, jobs[0]["id"], "the disk is full")
    failed = live.http.get(f"/jobs/{jobs[0]['id']}").json()
    assert (failed["state"], failed["error"]) == ("failed", "the disk is full")
    with live.lab.database.write() as session:
        add_line(session, failed["id"], "no space left on device", "error")
    [line] = live.http.get(f"/jobs/{failed['id']}/log").json()
    assert (line["level"], line["message"]) == ("error", "no space left on device")
    again = live.http.post(f"/jobs/{failed['id']}/retry")
    assert again.status_code == 202
    assert again.json()["id"] != failed["id"]
    assert again.headers["location"] == f"/api/v1/jobs/{again.json()['id']}"
    assert live.http.get(f"/jobs/{failed['id']}").json()["state"] == "failed", "a final state never changes"
    assert [worker["alive"] for worker in live.http.get("/workers").json()] == [True]


def test_a_running_job_is_not_retried(live: Live) -> None:
    created(live)
    job = live.http.get("/jobs", params={"state": "queued"}).json()["items"][0]
    assert "queued" in problem_of(live.http.post(f"/jobs/{job['id']}/retry"), 409)["detail"]


@pytest.mark.parametrize("action", ["cancel", "retry"])
def test_what_is_asked_twice_is_done_once(live: Live, action: str) -> None:
    study = created(live)
    for _ in range(2):
        live.http.post(f"/studies/{study['id']}/cancel")
    first = live.http.post(f"/studies/{study['id']}/{action}")
    second = live.http.post(f"/studies/{study['id']}/{action}")
    assert (first.status_code, second.status_code) == (202, 202)
    assert first.headers["location"] == f"/api/v1/studies/{study['id']}"
    assert first.json()["state"] == second.json()["state"] == {"cancel": "cancelled", "retry": "queued"}[action]
    live_jobs = [job for job in live.http.get("/jobs").json()["items"] if job["state"] in ("queued", "blocked")]
    assert len(live_jobs) == {"cancel": 0, "retry": 5}[action]


def test_a_cancelled_job_stays_cancelled(live: Live) -> None:
    created(live)
    job = live.http.get("/jobs", params={"state": "queued"}).json()["items"][0]
    answers = [live.http.post(f"/jobs/{job['id']}/cancel") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [202, 202]
    assert [answer.json()["state"] for answer in answers] == ["cancelled", "cancelled"]


def test_deleting_twice_is_deleting_once(live: Live) -> None:
    study = created(live)
    assert [live.http.delete(f"/studies/{study['id']}").status_code for _ in range(2)] == [204, 204]
    problem_of(live.http.get(f"/studies/{study['id']}"), 404)


def test_machines_and_their_samples_at_any_level(live: Live) -> None:
    study = created(live)
    work_off(live.lab)
    page = live.http.get("/machines", params={"origin": "trained", "study_id": study["id"], "limit": 3})
    assert len(page.json()["items"]) == 3
    assert "origin=trained" in page.links["next"]["url"]
    machine = page.json()["items"][0]
    file = live.http.get(f"/machines/{machine['id']}/download")
    assert len(file.content) == machine["size_bytes"]
    assert machine["id"] in file.headers["content-disposition"]
    path = f"/machines/{machine['id']}/samples"
    wanted = {"pruning": 0.77, "generation": {"num_samples": 4, "gibbs_steps": 2}}
    asked = live.http.post(path, json=wanted)
    assert asked.status_code == 202
    assert asked.json()["state"] == "pending"
    work_off(live.lab)
    cell = live.http.get(f"{live.url}{asked.headers['location']}").json()
    assert (cell["state"], cell["parameters"]["pruning"]) == ("done", 0.77)
    assert live.http.post(path, json=wanted).json() == {"cell_id": cell["id"], "job_id": None, "state": "done"}


def test_the_catalogue(live: Live) -> None:
    assert [dataset["name"] for dataset in live.http.get("/datasets").json()] == ["mnist"]
    metrics = {metric["name"]: metric for metric in live.http.get("/metrics").json()}
    assert metrics["second_moment_error"]["unit"]
    assert "magnitude" in [rule["name"] for rule in live.http.get("/pruning-rules").json()]
    [sweep] = [kind for kind in live.http.get("/study-types").json() if kind["name"] == "dilution-sweep"]
    assert sweep["presets"]["Two cores"]["training"]["gibbs_steps"] == 5
    assert "num_replicas" in sweep["parameters_schema"]["properties"]


def test_health_names_what_is_missing(live: Live) -> None:
    health = live.http.get("/health").json()
    assert (health["ok"], health["database"], health["broker"], health["workers_alive"]) == (False, "up", "up", 0)
    assert "no worker is running" in health["message"]
    sign_on(live.lab)
    assert live.http.get("/health").json()["ok"]


def test_curves_that_a_client_has_are_not_read_again(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kills: a 304 that costs as much as the answer, one tag for both forms, an old tag taken for a new one."""
    study = created(live)
    work_off(live.lab)
    path = f"/studies/{study['id']}/curves"
    as_json, as_csv = live.http.get(path), live.http.get(path, headers={"Accept": "text/csv"})
    one_metric = live.http.get(path, params={"metric": "quality"})
    assert len({answer.headers["etag"] for answer in (as_json, as_csv, one_metric)}) == 3
    with monkeypatch.context() as patch:
        patch.setattr("backend.services.curves.rows.values_of_study", None)
        again = live.http.get(path, headers={"If-None-Match": as_json.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        assert (again.headers["etag"], again.headers["vary"]) == (as_json.headers["etag"], "Accept")
    with live.lab.database.write() as session:
        cell = as_json.json()["series"][0]["points"][0]["replicas"][0]["cell_id"]
        write_metrics(session, cell, [MetricValue("second_moment_error", 0.75, num_samples=7, gibbs_steps=3)])
    changed = live.http.get(path, headers={"If-None-Match": as_json.headers["etag"]})
    assert changed.status_code == 200
    assert changed.json()["series"][0]["points"][0]["replicas"][0]["value"] == 0.75
