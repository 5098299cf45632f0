"""What holds on every page: nothing leaves the origin, keys, the address, reconnection."""

import re

import httpx
from playwright.sync_api import expect

from backend.contracts.messages import Event
from tests import hands


def test_keys_lead_everywhere_and_the_list_says_how(house, page, reproduction):
    page.goto("/studies")
    expect(page.locator("h1")).to_have_text("Studies")
    page.keyboard.press("?")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("go to the queue")
    expect(dialog).not_to_contain_text("the next tab")
    page.keyboard.press("g")  # not while the list is open
    page.keyboard.press("q")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(page.locator("h1")).to_have_text("Studies")
    for key, title in (("q", "Queue"), ("m", "Machines"), ("n", "New study")):
        page.keyboard.press("g")
        page.keyboard.press(key)
        expect(page.locator("h1")).to_have_text(title)
    page.keyboard.press("/")
    page.keyboard.type("gs?t")  # letters go into the field
    expect(page.locator("h1")).to_have_text("New study")
    expect(dialog).to_be_hidden()
    assert page.evaluate("document.documentElement.dataset.mantineColorScheme") == "light"

    page.goto(f"/studies/{reproduction.id}")
    expect(page.get_by_role("tab", name="Results")).to_have_attribute("aria-selected", "true")
    page.keyboard.press("]")
    expect(page.get_by_role("tab").nth(1)).to_have_attribute("aria-selected", "true")
    page.keyboard.press("[")
    expect(page.get_by_role("tab", name="Results")).to_have_attribute("aria-selected", "true")
    page.keyboard.press("t")  # from the system's to light
    page.keyboard.press("t")
    page.wait_for_function("() => document.documentElement.dataset.mantineColorScheme === 'dark'")
    page.get_by_role("button", name="Keyboard shortcuts").click()
    expect(dialog).to_contain_text("the next tab")


def test_the_explorer_has_the_same_keys_and_its_own(explorer):
    explorer.goto("/?v=2")
    expect(explorer.locator("html[data-ready=true]")).to_be_attached(timeout=60_000)
    explorer.get_by_role("button", name="Keyboard shortcuts").click()
    dialog = explorer.get_by_role("dialog")
    expect(dialog).to_contain_text("begin the chains again")
    expect(dialog).to_contain_text("go to the queue")
    expect(dialog.locator("dt", has_text="/")).to_have_count(1)  # its own search, not the first field
    explorer.keyboard.press("Escape")
    explorer.keyboard.press("g")
    explorer.keyboard.press("m")
    expect(explorer.locator("h1")).to_have_text("Machines")
    explorer.go_back()
    expect(explorer.locator("h1")).to_have_text("Explorer")


def test_back_returns_to_the_page_as_it_was(house, page, reproduction):
    page.goto(f"/studies/{reproduction.id}")
    page.get_by_role("tab", name="Spectra").click()
    expect(page).to_have_url(re.compile("tab=spectra"))
    page.locator(".nav").get_by_role("link", name="Queue").click()
    expect(page.locator("h1")).to_have_text("Queue")
    page.locator("#queue-state").click()
    page.get_by_role("option", name="done", exact=True).click()
    expect(page).to_have_url(re.compile("/queue.*state=done"))
    page.locator(".nav").get_by_role("link", name="Machines").click()
    expect(page.locator("h1")).to_have_text("Machines")
    page.go_back()
    expect(page.locator("h1")).to_have_text("Queue")
    expect(page.locator("#queue-state")).to_have_value("done")
    page.go_back()
    expect(page.locator("h1")).to_have_text("Everything")
    expect(page.get_by_role("tab", name="Spectra")).to_have_attribute("aria-selected", "true")
    page.go_forward()
    expect(page.locator("#queue-state")).to_have_value("done")
    page.locator(".nav").get_by_role("link", name="Queue").click()
    expect(page.locator("#queue-state")).to_have_value("all")
    assert "state=" not in page.url


def test_two_tabs_see_the_same(house, page):
    study = hands.submit(house.lab, "Seen twice", seed=29)
    hands.sign_on(house.lab)
    other = page.context.new_page()
    for tab in (page, other):
        tab.goto(f"/queue?study={study.id}")
        expect(tab.locator("#queue-jobs")).to_contain_text("queued")
        expect(tab.locator("#live-mark")).to_have_attribute("data-state", "on")
    page.locator(".cell-command", has_text="Cancel").first.click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    for tab in (page, other):
        expect(tab.locator("#queue-jobs")).to_contain_text("cancelled")
    retries = page.locator(".cell-command", has_text="Retry")
    cancelled = retries.count()
    other.locator(".cell-command", has_text="Retry").first.click()
    expect(retries).not_to_have_count(cancelled)
    expect(other.locator(".cell-command", has_text="Retry")).to_have_count(retries.count())
    other.close()


def test_a_failed_job_is_read_retried_and_its_log_is_in_the_address(house, page):
    study = hands.submit(house.lab, "Breaks", seed=41)
    jobs = httpx.get(f"{house.url}/api/v1/jobs", params={"study_id": study.id, "state": "queued"}).json()["items"]
    hands.fail(house.lab, jobs[0]["id"], "the disk is full")
    page.goto(f"/queue?study={study.id}&state=failed")
    rows = page.locator("#queue-jobs .ag-center-cols-container .ag-row")
    expect(page.locator("#queue-jobs")).to_contain_text("the disk is full")
    page.locator(".cell-command", has_text="Log").first.click()
    drawer = page.get_by_role("dialog")
    expect(drawer).to_contain_text("the disk is full")
    expect(page).to_have_url(re.compile(r"job=\w+"))
    held = []

    def hold(route):
        first_question = not held and "queue-log" in (route.request.post_data or "")
        held.append(route) if first_question else route.continue_()

    page.route(re.compile("_dash-update-component"), hold)
    page.reload()
    expect(drawer).to_be_visible()
    house.lab.events.publish(Event(kind="job", id=jobs[0]["id"], study_id=study.id))
    expect(drawer).to_contain_text("the disk is full")  # news came before the first answer, which nobody wants any more
    page.unroute_all()
    page.keyboard.press("Escape")
    expect(drawer).to_be_hidden()
    expect(page).not_to_have_url(re.compile("job="))

    count = rows.count()
    page.get_by_role("button", name=re.compile(rf"^Retry {count} failed jobs?$")).click()
    expect(page.get_by_role("button", name=re.compile("failed job"))).to_have_count(0)
    expect(page.locator(".cell-command", has_text="Retry")).to_have_count(0)
    expect(rows).to_have_count(count)  # an ended job never changes: the new ones are queued
    hands.work_off(house.lab)
    assert httpx.get(f"{house.url}/api/v1/studies/{study.id}").json()["state"] == "done"


def test_a_page_whose_code_did_not_come_is_whole_when_the_server_is_back(house, page, errors, reproduction):
    page.goto("/studies")
    expect(page.locator("#live-mark")).to_have_attribute("data-state", "on")

    def die(route):
        house.kill()
        route.abort()

    page.route(re.compile(r"plotly-basic"), die)
    page.evaluate("id => window.dilutionLab.visit('/studies/' + id)", reproduction.id)
    expect(page.locator("#offline")).to_be_visible()
    expect(page.locator("#offline")).to_contain_text("make run")
    page.unroute_all()
    house.start()
    expect(page.locator("#study-curves .js-plotly-plot .trace").first).to_be_attached()
    expect(page.locator("#offline")).to_be_hidden()
    expect(page.locator("#live-mark")).to_have_attribute("data-state", "on")
    errors.clear()  # the browser reports what failed while the server was away


def test_a_page_asked_for_while_the_server_was_away_comes_when_it_is_back(house, page, errors):
    page.goto("/studies")
    expect(page.locator("#live-mark")).to_have_attribute("data-state", "on")
    house.kill()
    expect(page.locator("#live-mark")).to_have_attribute("data-state", "off")
    page.locator(".nav").get_by_role("link", name="Queue").click()
    expect(page).to_have_url(re.compile("/queue"))
    house.start()
    expect(page.locator("h1")).to_have_text("Queue")
    study = hands.submit(house.lab, "After the restart", seed=43)
    house.lab.events.publish(Event(kind="study", id=study.id, study_id=study.id))
    expect(page.locator("#queue-jobs")).to_contain_text("After the restart")
    errors.clear()
