"""No page has a serious accessibility finding, in light or in dark."""

import httpx
import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Page, expect

from tests import hands

TABS = ("results", "report", "collapse", "spectra", "comparison", "representation", "training", "recipe")
"""All but the table of cells: axe takes long for a table, and those of the queue and the machines are made alike."""
COLOUR_RULES = ["color-contrast", "link-in-text-block"]
QUIET = "() => !document.querySelector('.mantine-Skeleton-root[data-visible=true]:not(figure *)')"
GRAPHS_DRAWN = "() => [...document.querySelectorAll('.graph')].every(one => one.querySelector('.js-plotly-plot'))"


def in_both_schemes(page: Page) -> list[str]:
    """The findings in light, and in dark those of colours: nothing else differs."""
    found = []
    for scheme, options in (("dark", {"runOnly": COLOUR_RULES}), ("light", {})):
        page.emulate_media(color_scheme=scheme)
        page.wait_for_function("scheme => document.documentElement.dataset.mantineColorScheme === scheme", arg=scheme)
        page.wait_for_timeout(300)  # until colours that fade have arrived
        found += [f"{scheme}: {one}" for one in findings(page, options)]
    return found


@pytest.fixture(scope="module")
def failed(house):
    """A study whose first job failed, and one that waits; a worker that is alive."""
    study = hands.submit(house.lab, "Broken", seed=23)
    jobs = httpx.get(f"{house.url}/api/v1/jobs", params={"study_id": study.id, "state": "queued"}).json()["items"]
    hands.fail(house.lab, jobs[0]["id"], "the disk is full")
    hands.sign_on(house.lab, rate=2e6)
    return study


def settled(page: Page, path: str) -> None:
    """The page with all that comes after its layout; the first one is loaded, the others follow as links do."""
    if page.url == "about:blank":
        page.goto(path)
    else:
        page.evaluate("path => { document.querySelector('#page h1')?.remove(); window.dilutionLab.visit(path); }", path)
    expect(page.locator("h1")).to_be_visible()
    page.wait_for_function(QUIET)
    page.wait_for_function(GRAPHS_DRAWN)
    page.wait_for_timeout(500)


def findings(page: Page, options: dict[str, list[str]]) -> list[str]:
    """What axe-core holds against the page, the serious and the critical."""
    if page.evaluate("typeof axe === 'undefined'"):  # visits stay in the document: it is read once
        page.evaluate(AXE_SCRIPT)
    asked = {"resultTypes": ["violations"], **options}
    return [
        f"{one['id']}: {node['html'][:150]}: {(node['any'] or node['all'] or node['none'])[0]['message']}"
        for one in page.evaluate("options => axe.run(options).then(found => found.violations)", asked)
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"]
    ]


def test_no_page_has_a_serious_accessibility_finding(house, page, reproduction, failed):
    machine = httpx.get(f"{house.url}/api/v1/machines").json()["items"][0]["id"]
    job = httpx.get(f"{house.url}/api/v1/jobs", params={"state": "failed"}).json()["items"][0]["id"]
    paths = ["/studies", "/studies?state=cancelled", "/studies/new", "/studies/new?type=retraining"]
    paths += [f"/queue?study={failed.id}", f"/queue?study={failed.id}&job={job}", "/queue?state=cancelled"]
    paths += ["/machines?p0min=0.5", f"/machines/{machine}", "/nowhere"]
    paths += [f"/studies/{reproduction.id}?tab={tab}" for tab in TABS] + [f"/studies/{failed.id}"]
    found = {}
    for path in paths:
        settled(page, path)
        found[path] = in_both_schemes(page)
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_visible()
    found["the list of keys"] = in_both_schemes(page)
    assert {path: some for path, some in found.items() if some} == {}


def test_the_explorer_has_no_serious_accessibility_finding(explorer):
    explorer.goto("/?v=2")
    expect(explorer.locator("html[data-ready=true]")).to_be_attached(timeout=60_000)
    found = in_both_schemes(explorer)
    explorer.keyboard.press("?")
    expect(explorer.get_by_role("dialog")).to_be_visible()
    assert found + in_both_schemes(explorer) == []
