"""Pages of a laboratory with a study of 1,500 machines in headless Chromium: cold and warm loads, and drawing.

    python -m tests.benchmark.study_page [--loads 5] [--replicas 300] [--write]

A web process of its own, on SQLite, with the starter zoo and one dilution sweep of 5 p0 x 300 replicas whose rows are
written in bulk. Cold: the first load in a new profile on the disk, so nothing is cached in the browser. Second: the
same page again, its files are cached. Warm: the third load, from when on browsers have the compiled scripts too. A load
ends with the first frame in which the page has what it is for (the study's page: its curves). Drawing: from the moment
when the browser has the whole answer that holds the figure to the first frame in which the figure's lines are there.
The curves come with their tab, which is opened from another one: theirs has the making of the tab in it.
`--write` puts the report into docs/benchmarks/.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, Page

from backend.contracts.messages import Study
from tests.benchmark.in_browser import about, chromium, new_profile, publish_pages
from tests.conftest import started_broker
from tests.large import large_study
from tests.web import Web

COLD_TARGET, WARM_TARGET, DRAW_TARGET = 2000, 700, 500
TIMEOUT_MS = 300_000
REST_MS = 2_000
COUNT = "document.querySelectorAll('#{graph} .js-plotly-plot .scatterlayer .js-line').length"
LINES = f"{COUNT} > 2"
# When the browser had the answer with the figure of a graph.
WATCH = """(() => {
  const real = window.fetch;
  window.fetch = async (...given) => {
    const answer = await real(...given);
    const asked = given[1] && given[1].body;
    if (typeof asked === 'string' && asked.includes('HELD'))
      answer.clone().text().then(() => { window.dataAt = performance.now(); });
    return answer;
  };
})();"""


@dataclass(frozen=True)
class Place:
    """A page: its address, and the expression that is true when it has what it is for."""

    name: str
    path: str
    ready: str


def places(study: Study, machine: str) -> list[Place]:
    """Every page."""
    curves = LINES.format(graph="study-curves")
    return [
        Place("studies", "/studies", "document.querySelector('.study-card')"),
        Place("study, 1,500 machines", f"/studies/{study.id}", curves),
        Place("queue", "/queue", "document.querySelector('#page h1') && document.querySelector('#page .ag-root')"),
        Place("machines", "/machines", "document.querySelector('#page .ag-row')"),
        Place("machine", f"/machines/{machine}", "document.querySelector('#page h1')"),
        Place("new study", "/studies/new", "/Cells/.test(document.getElementById('new-estimate')?.innerText ?? '')"),
    ]


@contextmanager
def laboratory(num_replicas: int) -> Iterator[tuple[Web, Study]]:
    """A web process with the large study."""
    with started_broker() as broker, tempfile.TemporaryDirectory() as folder:
        web = Web(Path(folder), home=broker.home)
        try:
            yield web, large_study(web.lab, num_replicas=num_replicas)
        finally:
            web.close()


def ready_at(page: Page, address: str, ready: str) -> float:
    """Milliseconds from the start of the navigation to the first frame in which the page is ready."""
    page.goto(address, wait_until="commit")
    return shown_at(page, ready)


def shown_at(page: Page, ready: str) -> float:
    """Milliseconds since the start of the navigation in the first frame in which an expression is true."""
    found = page.wait_for_function(f"() => ({ready}) && performance.now()", polling="raf", timeout=TIMEOUT_MS)
    at: float = found.json_value()
    return at


def loads(browser: Browser, url: str, place: Place, count: int) -> list[list[float]]:
    """First, second and third loads of a page in new profiles."""
    times: list[list[float]] = [[], [], []]
    for _ in range(count):
        with new_profile(browser) as profile:
            page = profile.new_page()
            for found in times:
                found.append(ready_at(page, url + place.path, place.ready))
                page.wait_for_timeout(REST_MS)  # the page's event stream stays open: the network is never idle
    return times


def drawing(browser: Browser, address: str, graph: str, held: str, click: str | None, count: int) -> list[float]:
    """Milliseconds from the data of a figure, which a callback of `held` brings, to its lines, or to more of them.

    `click`: what is clicked for it when the page is there and rests.
    """
    times = []
    for _ in range(count):
        context = browser.new_context(viewport={"width": 1280, "height": 900})
        page = context.new_page()
        page.add_init_script(WATCH.replace("HELD", held))
        page.goto(address, wait_until="commit")
        lines, before = COUNT.format(graph=graph), 2
        if click:
            page.wait_for_selector(click)
            page.wait_for_timeout(REST_MS)
            before = max(before, page.evaluate(lines))
            page.click(click)
        drawn = shown_at(page, f"window.dataAt && {lines} > {before}")
        times.append(drawn - page.evaluate("window.dataAt"))
        context.close()
    return times


def said(times: Sequence[float]) -> str:
    """Median, least and greatest."""
    return f"{statistics.median(times):,.0f} ({min(times):,.0f}, {max(times):,.0f})"


def report(browser: Browser, web: Web, study: Study, count: int) -> list[str]:
    """The tables."""
    machine = next(iter(web.machines().values()))
    rows = ["| page | cold load, ms | second load, ms | warm load, ms |", "| --- | --- | --- | --- |"]
    for place in places(study, machine):
        rows.append(f"| {place.name} | {' | '.join(map(said, loads(browser, web.url, place, count)))} |")
    own = f"{web.url}/studies/{study.id}"
    figures = {
        "curves, mean and band, with their tab": (
            "?tab=recipe",
            "study-curves",
            "study-panel.children",
            "role=tab[name=Results]",
        ),
        "curves, every replica, switched on": (
            "",
            "study-curves",
            "study-curves.figure",
            "label[for=study-replicas]",
        ),
        "spectra": ("?tab=spectra", "spectra-curves", "spectra-curves.figure", None),
        "training": ("?tab=training", "study-training", "study-training.figure", None),
    }
    rows += ["", "| figure | from data to lines, ms |", "| --- | --- |"]
    rows += [
        f"| {name} | {said(drawing(browser, own + query, *figure, count))} |"
        for name, (query, *figure) in figures.items()
    ]
    return rows


def main() -> None:
    """Measure and print, or write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--loads", type=int, default=5)
    parser.add_argument("--replicas", type=int, default=300)
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    with laboratory(given.replicas) as (web, study), chromium() as browser:
        told = about(browser, "SQLite")
        rows = report(browser, web, study, given.loads)
    note = (
        f"{study.progress.cells_total:,} cells. Median of {given.loads} loads (least, greatest). Targets: cold <= "
        f"{COLD_TARGET:,} ms, warm <= {WARM_TARGET} ms, drawing <= {DRAW_TARGET} ms."
    )
    command = f"study_page --loads {given.loads} --replicas {given.replicas}"
    title = "The pages of a study of 1,500 machines"
    publish_pages(title, told, command, [note, "", *rows], "study-page", write=given.write)


if __name__ == "__main__":
    main()
