"""Every page in a real browser, against a real web process, database and broker; a test's own hands do the work."""

import re

import httpx
from playwright.sync_api import Page, expect

from backend.contracts.messages import Event
from backend.storage.repositories import workers
from tests import hands


def points(page: Page) -> int:
    """Number of points of all curves in the figure."""
    return page.evaluate(
        "() => (document.querySelector('#study-curves .js-plotly-plot')?.data ?? [])"
        ".filter(t => (t.name ?? '').includes('(n =')).reduce((sum, t) => sum + t.x.length, 0)"
    )


def test_every_page_has_its_title_and_fits_a_phone(house, page):
    study = house.done_study("All pages")
    machine = httpx.get(f"{house.url}/api/v1/machines").json()["items"][0]
    titles = {
        "/studies": "Studies",
        "/studies/new": "New study",
        f"/studies/{study.id}": "All pages",
        f"/studies/{study.id}?tab=training": "All pages",
        f"/studies/{study.id}?tab=cells": "All pages",
        f"/studies/{study.id}?tab=recipe": "All pages",
        "/queue": "Queue",
        "/machines": "Machines",
        f"/machines/{machine['id']}": machine["name"],
        "/nowhere": "Not found",
        "/studies/abcdef": "Not found",
    }
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto("/studies")
    expect(page.locator("h1")).to_have_text("Studies")
    for path, title in titles.items():
        page.evaluate("path => window.dilutionLab.visit(path)", path)
        expect(page).to_have_title(f"{title} · Dilution Lab")
        page.wait_for_timeout(300)  # until what comes after the layout is laid out too
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, path


def test_the_slider_swaps_the_samples_and_the_address_keeps_everything(house, page):
    study = house.done_study("Samples")
    page.goto(f"/studies/{study.id}")
    sheet = page.locator(".sheet img").first
    expect(sheet).to_have_attribute("src", re.compile("samples.png"))
    first = sheet.get_attribute("src")
    page.locator("#study-level [role=slider]").press("ArrowRight")
    expect(sheet).not_to_have_attribute("src", first)
    page.locator("#study-log").press("Space")
    expect(page).to_have_url(re.compile(r"log=1&p=0\.4|p=0\.4&log=1"))
    moved = sheet.get_attribute("src")

    page.reload()
    expect(page.locator("#samples-caption")).to_have_text("p = 0.4")
    expect(sheet).to_have_attribute("src", moved)
    scale = "document.querySelector('#study-curves .js-plotly-plot')?.layout?.yaxis?.type"
    page.wait_for_function(f"() => {scale} === 'log'")
    assert page.evaluate("() => document.querySelector('.sheet img').naturalWidth") > 0


def test_news_reach_an_open_page(house, page):
    study = hands.submit(house.lab, "News", seed=5)
    page.goto(f"/studies/{study.id}")
    expect(page.locator("#study-head .state")).to_have_text("queued")
    expect(page.locator("#live-mark")).to_have_attribute("data-state", "on")
    page.evaluate("window.same = true")
    hands.work_off(house.lab)
    house.lab.events.publish(Event(kind="study", id=study.id, study_id=study.id))
    expect(page.locator("#study-head .state")).to_have_text("done")
    page.wait_for_function("() => document.querySelectorAll('.sheet img').length === 2")
    assert page.evaluate("window.same"), "the page was loaded again"


def test_a_page_follows_its_study_and_survives_a_restart_of_the_server(house, page, errors):
    study = hands.submit(house.lab, "Followed", seed=7)
    page.goto(f"/studies/{study.id}")
    expect(page.locator("#study-head .state")).to_have_text("queued")
    expect(page.locator("#live-mark")).to_have_attribute("data-state", "on")
    hands.sign_on(house.lab)
    expect(page.locator("#study-head")).to_contain_text("0 of")
    expect(page.locator("#study-curves .js-plotly-plot")).to_be_attached()  # all of the page's own code is here

    house.kill()
    expect(page.locator("#live-mark")).to_have_attribute("data-state", "off")
    hands.work_off(house.lab)
    house.start()
    expect(page.locator("#live-mark")).to_have_attribute("data-state", "on")
    expect(page.locator("#study-head .state")).to_have_text("done")
    page.wait_for_function("() => document.querySelectorAll('#study-curves .scatterlayer .trace').length > 3")
    assert points(page) == 6
    errors.clear()  # the browser reports each refused connection while the server was away


def test_a_queue_that_nobody_serves_says_so_with_the_command(house, page):
    study = hands.submit(house.lab, "Waits", seed=11)
    with house.lab.database.write() as session:
        workers.remove(session, hands.WORKER)
    page.goto(f"/queue?study={study.id}")
    jobs = httpx.get(f"{house.url}/api/v1/jobs", params={"study_id": study.id}).json()["items"]
    expect(page.locator("#queue-jobs .ag-center-cols-container .ag-row")).to_have_count(len(jobs))
    expect(page.locator("#queue-jobs")).to_contain_text("Train p0 = 0.4")
    expect(page.locator("#queue-standing")).to_contain_text("no worker is running")
    expect(page.locator("#queue-standing code")).to_have_text("make worker")


def test_cancel_asks_first_and_retry_goes_on(house, page):
    study = hands.submit(house.lab, "Changed my mind", seed=13)
    page.goto(f"/studies/{study.id}")
    page.locator("#study-actions").get_by_role("button", name="Cancel").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Changed my mind")
    dialog.get_by_role("button", name="Keep it").click()
    expect(dialog).to_be_hidden()
    expect(page.locator("#study-head .state")).to_have_text("queued")

    page.locator("#study-actions").get_by_role("button", name="Cancel").click()
    dialog.get_by_role("button", name="Cancel").click()
    expect(page.locator("#study-head .state")).to_have_text("cancelled")
    page.locator("#study-actions").get_by_role("button", name="Retry").click()
    expect(page.locator("#study-head .state")).to_have_text("queued")
    page.locator("#study-actions").get_by_role("button", name="Delete").click()
    dialog.get_by_role("button", name="Delete").click()
    page.wait_for_url("**/studies")
    assert httpx.get(f"{house.url}/api/v1/studies/{study.id}").status_code == 404


def test_a_log_opens_from_the_queue(house, page):
    study = house.done_study("Logged", seed=17)
    page.goto(f"/queue?study={study.id}&state=done")
    page.locator("#queue-jobs .cell-command", has_text="Log").first.click()
    expect(page.get_by_role("dialog")).to_contain_text("Cells")


def test_what_is_wrong_is_said_beside_its_field_and_the_address_keeps_the_form(house, page):
    page.goto("/studies/new")
    replicas = page.get_by_label("Replicas")
    replicas.fill("0")
    expect(page.locator("#new-estimate")).to_contain_text("Correct the marked fields")
    expect(page.get_by_text("given: 0")).to_be_visible()
    page.get_by_label("Pruning levels p").fill("0, many")
    expect(page.get_by_text("'many' is not a number")).to_be_visible()
    page.reload()
    expect(page.get_by_text("'many' is not a number")).to_be_visible()
    expect(page.get_by_label("Pruning levels p")).to_have_value("0, many")
    expect(page.locator("#new-estimate")).to_contain_text("Correct the marked fields")
    page.get_by_label("Pruning levels p").fill("0:0.9:0.1")
    replicas.fill("3")
    expect(page.locator("#new-estimate")).to_contain_text("Cells")
    expect(page).to_have_url(re.compile(r"num_replicas=3"))
    page.reload()
    expect(page.get_by_label("Replicas")).to_have_value("3")
    expect(page.get_by_label("Pruning levels p")).to_have_value("0:0.9:0.1")


def test_a_clone_starts_from_the_study_s_own_parameters(house, page):
    study = house.done_study("Original")
    page.goto(f"/studies/{study.id}")
    page.get_by_role("link", name="Clone").click()
    expect(page.get_by_label("Name")).to_have_value("Original (copy)")
    expect(page.get_by_label("Pruning levels p")).to_have_value("0.5, 0.9")
    expect(page.get_by_label("Updates")).to_have_value("10")


def test_samples_of_a_machine_come_when_they_are_drawn(house, page):
    house.done_study("Drawn")
    machine = httpx.get(f"{house.url}/api/v1/machines").json()["items"][0]
    page.goto(f"/machines/{machine['id']}")
    page.get_by_role("button", name="Draw samples").click()
    expect(page.get_by_text("waits for a worker")).to_be_visible()
    hands.work_off(house.lab)
    picture = page.locator("#machine-pictures img")
    expect(picture).to_have_count(1)
    page.reload()
    expect(picture).to_have_count(1)
    page.get_by_label("Remove this picture").click()
    expect(picture).to_have_count(0)


def test_a_theme_leaves_nothing_of_the_other(house, page):
    study = house.done_study("Themed")
    page.goto(f"/studies/{study.id}")
    background = "() => document.querySelector('#study-curves .js-plotly-plot')?._fullLayout?.paper_bgcolor"
    page.wait_for_function(f"() => ({background})() === 'rgb(255, 255, 255)' || ({background})() === '#ffffff'")
    page.locator("#theme-choice").get_by_label("Dark").click()
    page.wait_for_function(f"() => ({background})() === '#1a1d23'")
    assert page.evaluate("document.documentElement.dataset.mantineColorScheme") == "dark"
    assert page.evaluate("document.body.dataset.agThemeMode") == "dark"
    page.reload()
    page.wait_for_function(f"() => ({background})() === '#1a1d23'")
    page.goto(f"/studies/{study.id}?tab=cells")
    header = page.locator("#study-cells .ag-header")
    expect(header).to_be_visible()
    assert header.evaluate("node => getComputedStyle(node).backgroundColor") == "rgb(18, 20, 24)"


def test_large_scripts_are_loaded_where_they_are_needed(house, page):
    """Kills: AG Grid or Plotly among the scripts of every page, and one that is loaded twice."""
    study = house.done_study("With figures")
    scripts = (
        "() => [...document.scripts].map(one => one.src).filter(src => /ag_grid[^/]*min|plotly[^/]*min/.test(src))"
    )
    page.goto("/studies")
    expect(page.locator(".study-card").first).to_be_visible()
    assert page.evaluate(scripts) == []
    for path, drawn, count in (("/queue", ".ag-root", 1), (f"/studies/{study.id}", ".js-plotly-plot .trace", 2)):
        page.evaluate("path => window.dilutionLab.visit(path)", path)
        expect(page.locator(drawn).first).to_be_attached()
        assert len(page.evaluate(scripts)) == count
    page.goto(f"/studies/{study.id}")
    expect(page.locator(".js-plotly-plot .trace").first).to_be_attached()
    assert len(page.evaluate(scripts)) == 1


def test_the_first_page_comes_with_the_layout(house, page, asked):
    """Kills: a first page that is asked for again, one without its query, and no page where nothing says which."""

    def routed() -> int:
        return sum('"outputs":[{"id":"page"' in one.replace(" ", "") for one in asked)

    page.goto("/studies?state=cancelled")
    expect(page).to_have_title("Studies · Dilution Lab")
    expect(page.locator("#studies-state input:checked")).to_have_value("cancelled")
    assert routed() == 0
    page.get_by_role("link", name="Queue").click()
    expect(page).to_have_title("Queue · Dilution Lab")
    assert routed() == 1

    plain = httpx.get(f"{house.url}/_dash-layout").text  # as for a browser that does not say where it is
    page.route("**/_dash-layout", lambda route: route.fulfill(body=plain, content_type="application/json"))
    page.goto("/studies?state=cancelled")
    expect(page).to_have_title("Studies · Dilution Lab")
    expect(page.locator("#studies-state input:checked")).to_have_value("cancelled")
    assert routed() == 2
