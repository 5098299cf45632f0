"""Listing machines in any order with any filter; their lines, trainings and receptive fields."""

import io
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from PIL import Image

from backend.api.pictures import GAP_PIXELS, NEGATIVE, POSITIVE, fields_sheet
from backend.client import Client
from backend.storage.repositories.machines import SORT_KEYS
from tests.conftest import database_url  # noqa: F401 - on both databases
from tests.hands import submit, submit_type, work_off
from tests.integration.api.conftest import Live
from tests.integration.api.serving import problem_of
from tests.machine_files import machine_file, tensors

FIELDS = {
    "created": "created_at", "machine_class": "machine_class", "first_dilution": "first_dilution", "origin": "origin",
    "dilution": "initial_dilution", "hidden": "num_hidden", "size": "size_bytes", "name": "name", "study": "study_name",
}  # fmt: skip


def furnish(live: Live) -> None:
    """Machines of two studies, and an imported one."""
    submit_type(live.lab, "retraining", "Broken and repaired", pairs=[[0.0, 0.75], [0.4, 0.9]], judge="none")
    submit(live.lab, "sweep", initial_dilutions=[0.2], num_replicas=3)
    work_off(live.lab)
    with Client(live.url) as client:
        client.import_machine(machine_file(), "From afar")


def items(live: Live, **query: Any) -> list[dict[str, Any]]:
    """All machines of a listing, page by page."""
    found: list[dict[str, Any]] = []
    cursor = None
    while True:
        asked = {"limit": 4, **query, **({"cursor": cursor} if cursor else {})}
        answer = live.http.get("/machines", params=asked)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        found += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            assert page["total"] == len(found)
            return found


def test_every_order_gives_every_machine_once(live: Live) -> None:
    """Kills: ties that are skipped at the end of a page, the wrong direction, an order by another field."""
    furnish(live)
    everything = {one["id"] for one in items(live)}
    assert len(everything) == 20
    for key in SORT_KEYS:
        rising, falling = (items(live, sort=key, order=order) for order in ("asc", "desc"))
        assert {one["id"] for one in rising} == everything, key
        assert [one["id"] for one in falling] == [one["id"] for one in reversed(rising)], key
        values = ["" if one[FIELDS[key]] is None else one[FIELDS[key]] for one in rising]
        values = [value.lower() if isinstance(value, str) else value for value in values]
        assert values == sorted(values), key


def test_a_place_is_reached_without_the_pages_before_it(live: Live) -> None:
    furnish(live)
    whole = [one["id"] for one in items(live, sort="name", order="asc")]
    page = live.http.get("/machines", params={"sort": "name", "order": "asc", "skip": 9, "limit": 5}).json()
    assert [one["id"] for one in page["items"]] == whole[9:14]
    assert page["total"] == len(whole)
    problem = problem_of(live.http.get("/machines", params={"skip": 3, "cursor": page["next_cursor"]}), 422)
    assert "not both" in problem["detail"]


def test_a_cursor_of_another_order_is_refused(live: Live) -> None:
    furnish(live)
    cursor = live.http.get("/machines", params={"sort": "dilution", "limit": 2}).json()["next_cursor"]
    for other in ({"sort": "first_dilution"}, {"sort": "dilution", "order": "asc"}):
        problem = problem_of(live.http.get("/machines", params={**other, "cursor": cursor}), 422)
        assert [one["pointer"] for one in problem["errors"]] == ["cursor"]


def test_filters(live: Live) -> None:
    """Kills: each filter left out, bounds that exclude their own value, words of which one is enough."""
    furnish(live)
    everything = items(live)

    def ids(condition: Any) -> set[str]:
        return {one["id"] for one in everything if condition(one)}

    def found(**query: Any) -> set[str]:
        return {one["id"] for one in items(live, **query)}

    assert found(search="repaired") == ids(lambda one: one["study_name"] == "Broken and repaired")
    assert found(search="REPAIRED broken") == found(search="repaired")
    assert found(search="repaired sweep") == set()
    assert found(search="afar") == ids(lambda one: one["origin"] == "imported")
    assert found(origin="imported") == found(search="afar")
    assert found(machine_class="retrained") == ids(lambda one: one["machine_class"] == "retrained")
    assert len(found(machine_class="retrained")) == 4
    assert found(first_dilution_min=0.4) == ids(lambda one: one["first_dilution"] >= 0.4)
    assert found(first_dilution_max=0.0) == ids(lambda one: one["first_dilution"] == 0)
    assert found(dilution_min=0.75, dilution_max=0.75) == ids(lambda one: one["initial_dilution"] == 0.75)
    assert found(machine_class="retrained", first_dilution_max=0) == ids(
        lambda one: (one["machine_class"], one["first_dilution"], one["initial_dilution"]) == ("retrained", 0, 0.75)
    )


@pytest.mark.parametrize("query", [{"sort": "beauty"}, {"dilution_min": 1.5}, {"skip": -1}, {"machine_class": "A b"}])
def test_what_cannot_be_asked_is_refused(still: Live, query: dict[str, Any]) -> None:
    assert problem_of(still.http.get("/machines", params=query), 422)["errors"]


def test_a_line_leads_in_both_directions(live: Live) -> None:
    study = submit_type(live.lab, "iterative-pruning", "Steps", steps=[0.5, 0.8], judge="none", num_replicas=1)
    work_off(live.lab)
    lines = {}
    for one in items(live, study_id=study.id):
        found = live.http.get(f"/machines/{one['id']}/lineage").json()
        lines[one["id"]] = (
            [each["id"] for each in found["ancestors"]], [each["id"] for each in found["children"]]
        )  # fmt: skip
        assert found["num_children"] == len(found["children"])
    longest = max(lines, key=lambda one: len(lines[one][0]))
    chain = [*lines[longest][0], longest]
    assert len(chain) >= 3
    for parent, child in pairwise(chain):
        assert child in lines[parent][1]
        assert lines[child][0][-1] == parent
    assert lines[chain[0]][0] == []


def test_a_training_is_given_as_it_was_recorded(live: Live) -> None:
    furnish(live)
    for one in items(live):
        found = live.http.get(f"/machines/{one['id']}/training").json()
        if one["origin"] == "imported":
            assert found["curves"] == []
            continue
        [curve] = found["curves"]
        assert (curve["metric"], [point["x"] for point in curve["points"]]) == ("pseudo_log_likelihood", [5, 10])
        assert curve["points"][1]["value"] - curve["points"][0]["value"] == pytest.approx(-5)
        assert found["metrics"][0]["label"]


def picture(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGBA"))


def test_receptive_fields_are_the_columns_of_the_weights(live: Live) -> None:
    """Kills: rows for columns, the weakest unit first, signs exchanged, a common scale."""
    with Client(live.url) as client:
        machine = client.import_machine(machine_file())
        data = client.machine_filters(machine.id, order="index", columns=4)
        ranked = client.machine_filters(machine.id, order="norm", first=1, count=1)
    weights = tensors()["weight_matrix"]
    shown = picture(data)
    pitch = 28 + GAP_PIXELS
    assert shown.shape == (2 * pitch - GAP_PIXELS, 4 * pitch - GAP_PIXELS, 4)
    for unit in range(7):
        top, left = (unit // 4) * pitch, (unit % 4) * pitch
        field = shown[top : top + 28, left : left + 28]
        own = weights[:, unit].reshape(28, 28)
        opacity = np.rint(127 * np.abs(own) / np.abs(own).max()) / 127
        assert np.allclose(field[..., 3] / 255, opacity, atol=1 / 255)
        visible = field[..., 3] > 0
        assert (field[visible & (own > 0)][:, :3] == POSITIVE).all()
        assert (field[visible & (own < 0)][:, :3] == NEGATIVE).all()
    second = np.argsort(-np.linalg.norm(weights, axis=0))[1]
    assert (picture(ranked) == picture(fields_sheet(weights[:, second].reshape(1, 28, 28), 1))).all()


def test_there_is_no_picture_of_a_unit_that_is_not_there(live: Live) -> None:
    with Client(live.url) as client:
        machine = client.import_machine(machine_file())
    answer = live.http.get(f"/machines/{machine.id}/filters.png", params={"first": 7})
    assert "7 hidden units: 0 to 6" in problem_of(answer, 409)["detail"]
    assert "immutable" in live.http.get(f"/machines/{machine.id}/filters.png").headers["cache-control"]
