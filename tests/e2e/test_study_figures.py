"""The figures of a study in a real browser: what they show is what the API says."""

import csv
import re

import httpx
import pytest
from playwright.sync_api import expect

from backend.contracts.messages import Event
from tests import figures, hands

CURVES = """(id) => (document.getElementById(id)?.querySelector('.js-plotly-plot')?.data ?? [])
    .filter(t => (t.name ?? '').includes('(n =')).map(t => ({name: t.name, x: Array.from(t.x), y: Array.from(t.y)}))"""
Y_TITLE = "document.querySelector('#study-curves .js-plotly-plot')?.layout?.yaxis?.title?.text ?? ''"


def drawn(page, graph, count):
    """The mean curves of a figure, once there are `count`."""
    page.wait_for_function(f"(id) => ({CURVES})(id).length === {count}", arg=graph)
    return page.evaluate(CURVES, graph)


def means(house, study, metric):
    curves = httpx.get(f"{house.url}/api/v1/studies/{study.id}/curves").json()
    return {
        series["initial_dilution"]: [(point["x"], point["mean"]) for point in series["points"]]
        for series in curves["series"]
        if series["metric"] == metric
    }


def test_every_metric_can_be_shown_and_the_address_keeps_it(house, page, sweep):
    page.goto(f"/studies/{sweep.id}")
    expect(page.locator("#study-metric")).to_have_value("Quality Q")
    assert "metric" not in page.url
    page.locator("#study-metric").click()
    page.get_by_role("option", name="Adversarial accuracy error E_AAI").click()
    expect(page).to_have_url(re.compile("metric=adversarial_accuracy_error"))
    page.wait_for_function(f"() => ({Y_TITLE}).startsWith('Adversarial')")
    shown = drawn(page, "study-curves", 2)
    wanted = means(house, sweep, "adversarial_accuracy_error")
    assert [list(zip(one["x"], one["y"], strict=True)) for one in shown] == list(wanted.values())

    page.reload()
    expect(page.locator("#study-metric")).to_have_value("Adversarial accuracy error E_AAI")
    drawn(page, "study-curves", 2)
    assert page.evaluate(Y_TITLE).startswith("Adversarial")
    (unpruned,) = drawn(page, "study-dilutions", 1)
    assert unpruned["x"] == [0, 0.4]
    assert unpruned["y"] == pytest.approx([points[0][1] for points in wanted.values()])


def test_the_metrics_of_the_paper_are_one_figure_and_one_file(house, page, sweep):
    page.goto(f"/studies/{sweep.id}")
    page.locator("#study-metric").click()
    page.get_by_role("option", name="All metrics of the paper").click()
    expect(page).to_have_url(re.compile("metric=paper"))
    metrics = ("quality", "second_moment_error", "adversarial_accuracy_error", "digit_imbalance")
    wanted = [points for metric in metrics for points in means(house, sweep, metric).values()]
    page.reload()
    shown = drawn(page, "study-curves", len(wanted))
    assert [list(zip(one["x"], one["y"], strict=True)) for one in shown] == wanted
    expect(page.locator("#study-curves .legendtext").filter(has_text="(n =")).to_have_count(2)

    card = page.locator(".card", has=page.locator("#study-dilutions"))
    with page.expect_download() as download:
        card.get_by_text("CSV", exact=True).click()
    rows = list(csv.DictReader(download.value.path().read_text().splitlines()))
    first = [float(row["y"]) for row in rows if row["curve"].endswith("(n = 2), Second moment error E(2)")]
    own = means(house, sweep, "second_moment_error")
    assert first == [own[p0][0][1] for p0 in (0, 0.4)]


def test_the_first_figures_come_with_the_page_in_its_colours(page, asked, sweep):
    """Kills: figures that are asked for though the page has them, and a dark page with the figures of a light one."""
    colour = "document.querySelector('#study-curves .js-plotly-plot')?.layout?.font?.color"
    page.goto(f"/studies/{sweep.id}")
    drawn(page, "study-curves", 2)
    light = page.evaluate(colour)
    page.locator("#theme-choice").get_by_label("Dark").click()
    page.wait_for_function(f"light => {colour} !== light", arg=light)
    dark = page.evaluate(colour)
    asked.clear()
    page.reload()
    drawn(page, "study-curves", 2)
    expect(page.locator(".sheet img").first).to_be_visible()  # what the page asks for itself came
    assert page.evaluate(colour) == dark
    assert any("study-samples" in one for one in asked)
    assert not any("study-curves.figure" in one for one in asked)


def test_a_point_of_a_curve_opens_its_machine_at_that_level(house, page, sweep):
    page.goto(f"/studies/{sweep.id}?band=none")
    drawn(page, "study-curves", 2)
    point = page.locator("#study-curves .scatterlayer .trace").first.locator(".point").nth(1)
    box = point.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.wait_for_url(re.compile(r"/\?m=[0-9a-f]{20}&p=0\.5"))
    expect(page.locator("#pruning-value")).to_have_text("p = 0.500")
    page.wait_for_selector("html[data-ready=true]")
    page.go_back()
    drawn(page, "study-curves", 2)


def test_the_collapse_moves_with_alpha_in_the_browser(house, page, sweep):
    page.goto(f"/studies/{sweep.id}?tab=collapse")
    caption = page.locator("#collapse-caption")
    expect(caption).to_have_text("alpha = 0.44")  # the fit is taken when it arrives
    page.locator("#collapse-alpha [role=slider]").press("ArrowRight")
    expect(caption).to_have_text("alpha = 0.45")
    expect(page).to_have_url(re.compile(r"alpha=0\.45"))
    wanted = means(house, sweep, "quality")
    moved = drawn(page, "collapse-curves", 2)
    for curve, (p0, points) in zip(moved, wanted.items(), strict=True):
        assert curve["x"] == pytest.approx([p - 0.45 * p0 for p, _ in points])
        assert curve["y"] == pytest.approx([mean for _, mean in points])

    page.reload()
    expect(caption).to_have_text("alpha = 0.45")
    page.get_by_role("button", name="0", exact=True).click()
    expect(caption).to_have_text("alpha = 0.00")
    assert [curve["x"] for curve in drawn(page, "collapse-curves", 2)] == [
        pytest.approx([p for p, _ in points]) for points in wanted.values()
    ]
    page.get_by_role("button", name="fitted").click()
    expect(caption).to_have_text("alpha = 0.44")
    expect(page.locator("#collapse-fit")).to_contain_text("breaks near p = 0.64 + 0.44 p0")


def test_the_report_shows_every_claim_and_every_tab_is_filled(page, reproduction):
    page.goto(f"/studies/{reproduction.id}?tab=report")
    rows = page.locator("#report-claims tbody tr")
    expect(rows).to_have_count(3)
    expect(rows.nth(0)).to_contain_text("holds")
    expect(rows.nth(1)).to_contain_text("does not hold")
    expect(rows.nth(1)).to_contain_text("95 % CI 0.41 to 0.47")
    expect(rows.nth(2)).to_contain_text("cannot tell")

    page.get_by_role("tab", name="Spectra").click()
    expect(page).to_have_url(re.compile("tab=spectra"))
    assert len(drawn(page, "spectra-curves", 5)[0]["x"]) == 400
    page.get_by_role("tab", name="Comparison").click()
    classes = drawn(page, '{"pair":"0 to 0.7","type":"comparison-curves"}', 4)
    assert [one["name"].split(" (")[0] for one in classes] == ["frozen", "retrained", "reference", "same mask"]
    expect(page.locator("#comparison-table tbody tr")).to_have_count(8)
    page.get_by_role("tab", name="Representation").click()
    for place in range(4):
        assert len(drawn(page, f"representation-{place}", 3)[0]["x"]) == 3
    page.set_viewport_size({"width": 390, "height": 844})
    for tab in ("results", "report", "collapse", "spectra", "comparison", "representation"):
        page.evaluate("path => window.dilutionLab.visit(path)", f"/studies/{reproduction.id}?tab={tab}")
        expect(page.locator("[role=tab][aria-selected=true]")).to_have_text(re.compile(tab, re.IGNORECASE))
        page.wait_for_timeout(500)  # until what comes after the layout is laid out too
        page.wait_for_function("document.documentElement.scrollWidth <= 390")


def test_three_components_bring_the_whole_of_plotly(page, reproduction, errors):
    """Kills: the basic bundle drawing three dimensions, and the whole one loaded by figures that do not need it."""
    whole = "() => [...document.scripts].filter(one => /plotly[.][^/]*min/.test(one.src)).length"
    page.goto(f"/studies/{reproduction.id}?tab=representation")
    expect(page.locator("#representation-0 .scatterlayer .trace").first).to_be_attached()
    assert page.evaluate(whole) == 0
    page.locator("#representation-space").click()
    page.get_by_role("option", name="three components").click()
    expect(page.locator("#representation-0 .gl-container canvas").first).to_be_attached()
    assert page.evaluate(whole) == 1
    page.locator("#representation-space").click()
    page.get_by_role("option", name="two components").click()
    expect(page.locator("#representation-0 .scatterlayer .trace").first).to_be_attached()
    advice = ("Canvas2D: Multiple readback", "[.WebGL-")  # of a browser that draws without a graphics card
    errors[:] = [one for one in errors if not one.startswith(advice)]


def test_an_analysis_that_waits_says_so_and_appears_when_it_is_done(house, page):
    study = hands.submit_type(house.lab, "dilution-sweep", "Waits", judge=figures.JUDGE, **figures.SWEEP, seed=5)
    page.goto(f"/studies/{study.id}?tab=spectra")
    expect(page.locator("#spectra-standing")).to_contain_text(re.compile(r"Waiting for \d+ of \d+ cells"))
    expect(page.locator("#spectra-body")).to_be_hidden()
    expect(page.locator("#live-mark")).to_have_attribute("data-state", "on")
    hands.work_off(house.lab, figures.fill)
    house.lab.events.publish(Event(kind="study", id=study.id, study_id=study.id))
    drawn(page, "spectra-curves", 5)
    expect(page.locator("#spectra-standing")).to_be_empty()


def test_a_figure_leaves_the_page_as_csv(house, page, sweep):
    page.goto(f"/studies/{sweep.id}")
    (curve,) = drawn(page, "study-dilutions", 1)
    button = page.locator("#study-dilutions-place").get_by_role("button", name="CSV")
    with page.expect_download() as download:
        button.click()
    rows = list(csv.reader(download.value.path().read_text().splitlines()))
    assert rows[0] == ["curve", "x", "y", "z"]
    own = [row for row in rows if row[0] == curve["name"]]
    assert [(float(x), float(y)) for _, x, y, _ in own] == list(zip(curve["x"], curve["y"], strict=True))


def test_pairs_are_judged_beside_their_field_and_hidden_fields_appear(house, page):
    page.goto("/studies/new?type=retraining")
    pairs = page.get_by_label("Pairs (p0, p)")
    pairs.fill("0:0.7, 0.4")
    expect(page.get_by_text("'0.4' is not a pair")).to_be_visible()
    pairs.fill("0:0.7, 0.4:0.9")
    expect(page.locator("#new-estimate")).to_contain_text("Cells")
    page.locator("summary", has_text="Training").click()
    page.locator("summary", has_text="Advanced").click()
    nesterov = page.get_by_role("textbox", name="Nesterov")
    expect(nesterov).to_be_hidden()
    page.get_by_label("Momentum", exact=True).fill("0.5")
    expect(nesterov).to_be_visible()
    expect(page.locator("summary", has_text="Training")).to_contain_text("momentum 0.5")
    expect(page).to_have_url(re.compile("momentum=0.5"))
