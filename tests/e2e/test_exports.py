"""Figures as files: each format is downloaded from the real page, opened, and compared with the API's numbers."""

import csv
import io
import json
import math
import xml.etree.ElementTree as ET
from typing import Any

import httpx
import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, expect
from pypdf import PdfReader

from tests.e2e.test_study_figures import drawn

PLACES = {"results": "study-curves", "collapse": "collapse-curves", "spectra": "spectra-curves"}
SHOWN = "(id) => (document.getElementById(id)?.querySelector('.js-plotly-plot')?.data ?? []).length > 1"
POINTS = """(id) => document.getElementById(id).querySelector('.js-plotly-plot').data
    .map(t => ({name: t.name, x: Array.from(t.x), y: Array.from(t.y)}))"""
SVG = "{http://www.w3.org/2000/svg}"


def card_of(page: Page, graph: str) -> Locator:
    return page.locator(".card", has=page.locator(f"#{graph}"))


def downloaded(page: Page, graph: str, label: str) -> tuple[str, bytes]:
    card = card_of(page, graph)
    with page.expect_download(timeout=60_000) as download:
        card.get_by_text(label, exact=True).click()
    return download.value.suggested_filename, download.value.path().read_bytes()


def opened(page: Page, study, tab: str) -> str:
    graph = PLACES[tab]
    page.goto(f"/studies/{study.id}?tab={tab}")
    drawn(page, graph, 5 if tab == "spectra" else 2)
    return graph


@pytest.mark.parametrize(
    ("tab", "x_title", "y_title"),
    [
        ("results", "pruning level p", "Quality Q"),
        ("spectra", "mode, greatest eigenvalue first", "eigenvalue of W"),
    ],
)
def test_pictures_have_the_axes_as_text_and_the_size_of_the_figure(page, sweep, tab, x_title, y_title):
    graph = opened(page, sweep, tab)
    box = page.locator(f"#{graph} .js-plotly-plot").bounding_box()

    name, data = downloaded(page, graph, "SVG")
    assert name.endswith(".svg")
    root = ET.fromstring(data)
    words = ["".join(one.itertext()) for one in root.iter(f"{SVG}text")]
    assert root.tag == f"{SVG}svg"
    assert x_title in words
    assert any(one.startswith(y_title) for one in words)
    assert any("(n = " in one for one in words), "the legend says how many replicas there are"

    name, data = downloaded(page, graph, "PNG")
    assert name.endswith(".png")
    with Image.open(io.BytesIO(data)) as picture:
        assert picture.size == (2 * max(round(box["width"]), 900), 2 * max(round(box["height"]), 540))
        assert len(picture.convert("RGB").getcolors(1 << 20)) > 50, "it is not blank"

    name, data = downloaded(page, graph, "PDF")
    assert name.endswith(".pdf")
    [sheet] = PdfReader(io.BytesIO(data)).pages
    text = sheet.extract_text()
    assert x_title in text
    assert y_title in text
    assert "(n = " in text
    width, height = max(round(box["width"]), 900), max(round(box["height"]), 540)
    assert (float(sheet.mediabox.width), float(sheet.mediabox.height)) == (0.75 * width, 0.75 * height)
    assert not sheet.images, "curves are drawn, not pasted as a picture"
    operators = sheet.get_contents().get_data().split()
    assert operators.count(b"l") > 10, "curves are lines"


def test_the_minus_sign_survives_in_a_pdf(page, sweep):
    """Kills: a font without U+2212, which is what every negative exponent of an axis is written with."""
    page.goto(f"/studies/{sweep.id}?metric=second_moment_error")
    drawn(page, "study-curves", 2)
    _, data = downloaded(page, "study-curves", "PDF")
    text = PdfReader(io.BytesIO(data)).pages[0].extract_text()
    assert "\u2212" in text
    assert "= 0.4 (n = 2)" in text, "what follows a subscript keeps its words"


def test_the_tables_are_the_numbers_of_the_api(house, page, sweep):
    graph = opened(page, sweep, "results")
    address = f"{house.url}/api/v1/studies/{sweep.id}/curves"
    curves = httpx.get(address).json()
    name, data = downloaded(page, graph, "JSON")
    assert name == f"curves-{sweep.id}.json"
    assert json.loads(data) == curves

    _, data = downloaded(page, graph, "CSV")
    rows = list(csv.DictReader(io.StringIO(data.decode())))
    found = [(row["metric"], float(row["initial_dilution"]), float(row["x"]), int(row["replica"]), float(row["value"]))
             for row in rows]  # fmt: skip
    wanted = [
        (series["metric"], series["initial_dilution"], point["x"], one["replica"], one["value"])
        for series in curves["series"]
        for point in series["points"]
        for one in point["replicas"]
    ]
    assert found == wanted

    graph = opened(page, sweep, "spectra")
    _, data = downloaded(page, graph, "JSON")
    result = json.loads(data)
    _, data = downloaded(page, graph, "CSV")
    rows = list(csv.DictReader(io.StringIO(data.decode())))
    for series in result["series"]:
        name = f"p0 = {series['initial_dilution']:g} (n = {series['num_replicas']})"
        own = [(int(row["x"]), float(row["y"])) for row in rows if row["curve"] == name]
        assert [mode for mode, _ in own] == list(range(1, 401))
        assert all(math.isclose(y, mean, rel_tol=1e-9) for (_, y), mean in zip(own, series["mean"], strict=True))


@pytest.mark.parametrize(
    ("tab", "part"),
    [
        ("results", "curves"),
        ("results", "dilutions"),
        ("results&metric=paper", "curves"),
        ("results&metric=paper", "dilutions"),
        ("collapse", ""),
        ("spectra", ""),
        ("training", ""),
    ],
)
def test_the_python_of_a_figure_makes_the_figure_that_is_seen(house, page, sweep, tab, part):
    graph = {"dilutions": "study-dilutions"}.get(part) or PLACES.get(tab.split("&")[0], "study-training")
    page.goto(f"/studies/{sweep.id}?tab={tab}")
    page.wait_for_function(SHOWN, arg=graph)
    card_of(page, graph).get_by_role("button", name="How it is made").click()
    names: dict[str, Any] = {}
    exec(page.get_by_role("dialog").locator("pre").first.inner_text(), names)  # what a reader would copy
    seen = [(one["name"], one["x"], one["y"]) for one in page.evaluate(POINTS, graph)]
    made = [(one.name, list(one.x), list(one.y)) for one in names["figure"].data]
    assert [name for name, _, _ in made] == [name for name, _, _ in seen]
    for (_, x, y), (_, seen_x, seen_y) in zip(made, seen, strict=True):
        assert seen_x == pytest.approx(x)
        assert seen_y == pytest.approx(y)


def test_a_figure_says_how_it_is_made_as_it_is_seen(house, page, sweep):
    page.goto(f"/studies/{sweep.id}?metric=second_moment_error&band=sem")
    drawn(page, "study-curves", 2)
    card_of(page, "study-curves").get_by_role("button", name="How it is made").click()
    window = page.get_by_role("dialog")
    expect(window).to_contain_text(sweep.id)
    expect(window).to_contain_text(sweep.code_version)
    expect(window.locator("dt", has_text="Seed").first).to_be_visible()
    expect(window).to_contain_text("study.curves(metric='second_moment_error')")
    expect(window).to_contain_text("band='sem'")
    window.get_by_text("curl", exact=True).click()
    expect(window).to_contain_text(f"/api/v1/studies/{sweep.id}/curves?metric=second_moment_error")
    page.keyboard.press("Escape")
    expect(window).to_be_hidden()
