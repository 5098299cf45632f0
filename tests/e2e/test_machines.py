"""The table of machines, the page of one, import and deletion, in a real browser against a real web process."""

import re
from typing import Any

import httpx
import numpy as np
from playwright.sync_api import expect

from tests import hands
from tests.machine_files import FAULTS, machine_file

DROP = """([name, bytes]) => {
  const data = new DataTransfer();
  data.items.add(new File([new Uint8Array(bytes)], name));
  for (const kind of ['dragenter', 'dragover', 'drop'])
    document.body.dispatchEvent(new DragEvent(kind, { bubbles: true, cancelable: true, dataTransfer: data }));
}"""
ROWS = "#machines-table .ag-center-cols-container .ag-row"


def machines(house, **query):
    return httpx.get(f"{house.url}/api/v1/machines", params=query).json()["items"]


def imported(house, seed, name):
    answer = httpx.post(f"{house.url}/api/v1/machines", content=machine_file(seed), params={"name": name})
    return answer.json()["id"]


def test_a_dropped_file_becomes_a_machine_in_the_table(house, page):
    page.goto("/machines")
    expect(page.locator("#live-mark")).to_have_attribute("data-state", "on")
    page.evaluate(DROP, ["from-afar.safetensors", list(machine_file(101))])
    entry = page.locator(".import-entry")
    expect(entry).to_have_attribute("data-state", "done")
    expect(entry).to_contain_text("from-afar.safetensors is imported")
    expect(page.locator(ROWS).filter(has_text="from-afar")).to_have_count(1)
    entry.get_by_role("link", name="from-afar", exact=True).click()
    expect(page).to_have_title("from-afar · Dilution Lab")
    expect(page.locator("#machine-filters")).to_have_attribute("src", re.compile("filters.png"))
    page.wait_for_function("() => document.querySelector('#machine-filters').naturalWidth > 0")


def test_a_chosen_file_that_is_broken_shows_every_reason_and_a_good_one_opens_in_the_explorer(house, page, errors):
    page.goto("/machines")
    before = len(machines(house, origin="imported"))
    broken = machine_file(102, hbias=None, momentum=np.zeros(3, np.float32))
    with page.expect_file_chooser() as choosing:
        page.get_by_role("button", name="Choose a file").click()
    choosing.value.set_files([
        {"name": "broken.safetensors", "mimeType": "application/octet-stream", "buffer": broken},
        {"name": "text.safetensors", "mimeType": "application/octet-stream", "buffer": FAULTS["text"][0]()},
        {"name": "good.safetensors", "mimeType": "application/octet-stream", "buffer": machine_file(102)},
    ])  # fmt: skip
    entries = page.locator(".import-entry")
    expect(entries).to_have_count(3)
    refused = entries.filter(has_text="broken.safetensors")
    expect(refused).to_have_attribute("data-state", "failed")
    expect(refused.locator("li")).to_have_count(2)
    expect(refused).to_contain_text("hbias is missing")
    expect(refused).to_contain_text("momentum is no tensor of a machine")
    expect(entries.filter(has_text="text.safetensors")).to_contain_text("no safetensors file")
    expect(entries.filter(has_text="good.safetensors")).to_have_attribute("data-state", "done")
    assert len(machines(house, origin="imported")) == before + 1
    refused.get_by_role("button", name="Remove this message").click()
    expect(entries).to_have_count(2)
    errors.clear()  # the browser reports the refusals
    entries.filter(has_text="good.safetensors").get_by_role("link", name="open in the explorer").click()
    page.wait_for_selector("html[data-ready=true]")
    expect(page.locator("body")).to_contain_text("Measure it")


def test_a_file_that_is_too_large_is_not_even_sent(house, page):
    page.goto("/machines")
    page.locator("#machines-import").evaluate("node => { node.dataset.limit = 1000; }")
    page.evaluate(DROP, ["large.safetensors", [0] * 1001])
    expect(page.locator(".import-entry")).to_contain_text("at most 1,000 are taken")


def test_order_and_filters_are_in_the_address_and_survive_a_reload(house, page):
    house.done_study("Table of machines", seed=23, initial_dilutions=[0.0, 0.3, 0.6])
    page.goto("/machines?search=table+of")
    expect(page.locator("#machines-note")).to_have_text("6 machines found")
    page.locator("#machines-table .ag-header-cell[col-id=first_dilution]").click()
    expect(page).to_have_url(re.compile("sort=first_dilution&order=asc"))
    page.get_by_label("p0 from").fill("0.3")
    expect(page.locator("#machines-note")).to_have_text("4 machines found")
    expect(page).to_have_url(re.compile("p0min=0.3"))
    page.reload()
    expect(page.locator("#machines-note")).to_have_text("4 machines found")
    cells = page.locator("#machines-table .ag-cell[col-id=first_dilution]")
    expect(cells).to_have_text(["0.3", "0.3", "0.6", "0.6"])
    page.get_by_label("Machine or study").fill("nothing like this")
    expect(page.locator("#machines-note")).to_have_text("No machine fits: widen the filters")
    expect(page.locator(ROWS)).to_have_count(0)


def test_a_line_is_walked_in_both_directions(house, page):
    study = hands.submit_type(house.lab, "retraining", "A line", pairs=[[0.0, 0.75]], judge="none", seed=29)
    hands.work_off(house.lab)
    child = next(one for one in machines(house, study_id=study.id) if one["machine_class"] == "retrained")
    page.goto(f"/machines/{child['id']}")
    expect(page.locator("ol.line li")).to_have_count(2)
    page.locator("ol.line a").first.click()
    expect(page.locator("ul.line").filter(has_text="retrained")).to_be_visible()
    page.locator("ul.line").get_by_role("link", name=child["name"]).click()
    expect(page).to_have_title(f"{child['name']} · Dilution Lab")
    expect(page.locator("#machine-training .js-plotly-plot .scatterlayer .trace")).to_have_count(1)
    expect(page.locator("#machine-measured .js-plotly-plot")).to_be_attached()

    for graph, trace in (("machine-training", "training images"), ("machine-measured", "Smallest weights first")):
        card = page.locator(".card", has=page.locator(f"#{graph}"))
        card.get_by_role("button", name="How it is made").click()
        window = page.get_by_role("dialog")
        expect(window).to_contain_text(child["digest"])
        expect(window.locator("dt", has_text="seed").first).to_be_visible()
        names: dict[str, Any] = {}
        exec(window.locator("pre").first.inner_text(), names)  # what a reader would copy
        assert trace in [one.name for one in names["figure"].data]
        seen = page.evaluate(f"document.querySelector('#{graph} .js-plotly-plot').data.map((one) => one.name)")
        assert [one.name for one in names["figure"].data] == seen
        page.keyboard.press("Escape")
        expect(window).to_be_hidden()
    expect(page.locator(".level img").first).to_be_attached()


def test_deletion_names_who_uses_it_and_asks_first(house, page):
    study = hands.submit_type(house.lab, "retraining", "Needs it", pairs=[[0.0, 0.75]], judge="none", seed=31)
    hands.work_off(house.lab)
    own = machines(house, study_id=study.id)
    child = next(one for one in own if one["machine_class"] == "retrained")
    parent = httpx.get(f"{house.url}/api/v1/machines/{child['id']}/lineage").json()["ancestors"][-1]
    page.goto(f"/machines/{parent['id']}")
    page.get_by_role("button", name="Delete").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Needs it")
    expect(dialog).to_contain_text(child["name"])
    dialog.get_by_role("button", name="Keep it").click()
    expect(dialog).to_be_hidden()
    assert httpx.get(f"{house.url}/api/v1/machines/{parent['id']}").status_code == 200
    page.get_by_role("button", name="Delete").click()
    dialog.get_by_role("button", name="Delete").click()
    page.wait_for_url("**/machines")
    assert [httpx.get(f"{house.url}/api/v1/machines/{one['id']}").status_code for one in (parent, child)] == [404, 404]
    assert httpx.get(f"{house.url}/api/v1/studies/{study.id}").json()["state"] == "cancelled"


def test_a_machine_that_a_job_waits_for_cannot_be_deleted(house, page):
    machine = imported(house, 103, "Waited for")
    httpx.post(f"{house.url}/api/v1/machines/{machine}/samples", json={"pruning": 0.95})
    page.goto(f"/machines/{machine}")
    page.get_by_role("button", name="Delete").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Samples of Waited for at p = 0.95")
    expect(dialog.get_by_role("button", name="Delete")).to_be_disabled()
    hands.work_off(house.lab)
