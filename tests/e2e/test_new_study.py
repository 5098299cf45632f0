"""From "new study" to "curve drawn", in a real browser against the whole laboratory."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from backend.client import Client
from tests.browser import ARGUMENTS, find_chromium
from tests.laboratory import Laboratory

QUALITY = "quality"
MINUTES = 60_000.0
TRACES = "() => (document.querySelector('#study-curves .js-plotly-plot')?.data ?? []).map(t => Array.from(t.y ?? []))"


@pytest.fixture(scope="module")
def laboratory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laboratory]:
    """A running laboratory whose worker is free: its demo study is deleted."""
    laboratory = Laboratory(tmp_path_factory.mktemp("laboratory"))
    with laboratory.up(), Client(laboratory.url) as client:
        (demo,) = client.studies().items
        client.delete_study(demo.id)
        yield laboratory


@pytest.fixture
def page(laboratory: Laboratory, tmp_path: Path) -> Iterator[Page]:
    """A page that fails the test if the console shows an error or a request leaves the origin."""
    with sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            tmp_path, executable_path=find_chromium(), args=list(ARGUMENTS), base_url=laboratory.url
        )
        page = context.new_page()
        errors: list[str] = []
        page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("request", lambda request: errors.append(request.url) if foreign(request.url, laboratory) else None)
        yield page
        context.close()
    assert errors == []


def foreign(url: str, laboratory: Laboratory) -> bool:
    return not url.startswith((laboratory.url, "data:", "blob:"))


def fill(page: Page, label: str, text: str) -> None:
    field = page.get_by_label(label, exact=False).first
    field.fill(text)
    field.press("Tab")


def test_from_new_study_to_a_drawn_curve(page: Page, laboratory: Laboratory) -> None:
    page.goto("/")
    page.get_by_role("link", name="New study").first.click()
    fill(page, "Name", "Two dilutions")
    for fold in ("Training", "Generation"):
        page.locator("summary", has_text=fold).click()
    for label, text in {
        "Initial dilutions p0": "0, 0.8",
        "Replicas": "2",
        "Pruning levels p": "0.5, 0.9",
        "Updates": "12",
        "Hidden units": "40",
        "Samples": "32",
    }.items():
        fill(page, label, text)
    expect(page.locator("#new-estimate")).to_contain_text("118 k", timeout=60_000)  # the last field has been read
    expect(page.locator("#new-estimate")).to_contain_text("16")
    expect(page.locator("#new-estimate")).to_contain_text(re.compile(r"Disk\s*7\d\d kB"))
    page.get_by_role("button", name="Submit study").click()

    page.wait_for_url(re.compile(r"/studies/[0-9a-f]{20}"), timeout=60_000)
    expect(page.get_by_text("done", exact=True).first).to_be_visible(timeout=6 * MINUTES)
    page.wait_for_function(f"() => ({TRACES})().filter(y => y.length >= 2).length >= 2", timeout=60_000)
    expect(page.locator("#study-curves .scatterlayer .trace .point").first).to_be_visible()

    with Client(laboratory.url) as client:
        (study,) = client.studies().items
        curves = client.curves(study.id)
    shown_first = [series for series in curves.series if series.metric == QUALITY]
    means = {series.initial_dilution: [point.mean for point in series.points] for series in shown_first}
    shown = page.evaluate(TRACES)
    for p0, values in means.items():
        assert any(trace == pytest.approx(values) for trace in shown if len(trace) == len(values)), p0
