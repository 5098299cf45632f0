"""The table of machines with ten thousand rows in headless Chromium: cold load, filters, order, scrolling.

    python -m tests.benchmark.machines_page [--machines 10000] [--loads 5] [--write]

A web process of its own on SQLite, whose database holds that many machines of 40 studies, their cells and coordinates.
Cold: a new browser context for each load, so nothing is cached; until the first row is painted. Beside it, the time in
which the page's main thread and the web process had a processor: that depends little on what else runs. Filter and
order: from the key or the click to the first row of the answer, the debounce of the field (250 ms) included.
Scrolling: the table is moved by 1,200 pixels on every frame for some seconds; frames a second, the longest gap between
two frames, and how long the last place stays empty after the scrolling ends. API: one page of 100 rows in each order.
`--write` puts the report into docs/benchmarks/.
"""

from __future__ import annotations

import argparse
import datetime
import hashlib
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
from playwright.sync_api import Browser, BrowserContext, Page
from sqlalchemy import insert

from backend.contracts.identity import new_id
from backend.services.laboratory import Laboratory
from backend.storage.repositories.machines import SORT_KEYS
from backend.storage.tables import Artifact, Cell, Machine, Study, StudyCell, utcnow
from tests.benchmark.in_browser import TABLE, about, chromium, publish_pages
from tests.web import Web

STUDIES = 40
PATIENCE_MS = 240_000
CLASSES = ("trained", "retrained", "same_mask", "iterative")
ROW = "#machines-table .ag-center-cols-container .ag-row a.cell-link"
FRAMES = """(seconds) => new Promise((done) => {
  const view = document.querySelector('#machines-table .ag-body-viewport');
  const times = [];
  const end = performance.now() + 1000 * seconds;
  let step = 1200;
  const empty = () => ![...document.querySelectorAll('#machines-table .ag-center-cols-container a.cell-link')]
    .some((one) => { const box = one.getBoundingClientRect(), frame = view.getBoundingClientRect();
                     return box.top >= frame.top && box.bottom <= frame.bottom; });
  function move(now) {
    times.push(now);
    if (view.scrollTop + view.clientHeight >= view.scrollHeight - 1) step = -1200;
    if (view.scrollTop <= 0) step = 1200;
    view.scrollTop += step;
    if (now < end) return requestAnimationFrame(move);
    const stopped = performance.now();
    const settle = () => empty() ? requestAnimationFrame(settle) : done({
      fps: 1000 * (times.length - 1) / (times.at(-1) - times[0]),
      gap: Math.max(...times.slice(1).map((time, at) => time - times[at])),
      filled: performance.now() - stopped });
    settle();
  }
  requestAnimationFrame(move);
})"""


def fill(lab: Laboratory, count: int) -> None:
    """Write `count` machines as studies leave them, without files."""
    now = utcnow()
    studies = [new_id() for _ in range(STUDIES)]
    rows: dict[type, list[dict[str, Any]]] = {one: [] for one in (Study, Artifact, Cell, StudyCell, Machine)}
    for place, study in enumerate(studies):
        about = {"id": study, "name": f"Sweep {place:02d} of dilution", "type": "dilution-sweep", "state": "done"}
        rows[Study].append({**about, "parameters": {}, "code_version": "0"})
    for at in range(count):
        cell = hashlib.sha256(str(at).encode()).hexdigest()
        p0, replica, kind = round(0.1 * (at % 9), 1), at % 15, CLASSES[at % len(CLASSES)]
        p = p0 if kind == "trained" else round(p0 + (1 - p0) / 2, 3)
        study = studies[at % STUDIES]
        axes = {"machine_class": kind, "initial_dilution": p0, "replica": replica, "pruned_to": p}
        parameters = {"initial_dilution": p, "seed": at, "dataset": "mnist", "training": {"gibbs_steps": 1000}}
        rows[Artifact].append({"digest": cell, "kind": "machine", "size_bytes": 200_000 + 37 * (at % 1000)})
        rows[Cell].append({"id": cell, "kind": "machine", "parameters": parameters, "dataset_digest": "0" * 64,
                           "inputs": [], "work": 1.0, "state": "done"})  # fmt: skip
        rows[StudyCell].append({"study_id": study, "cell_id": cell, "position": at, "axes": axes})
        rows[Machine].append({
            "id": f"{at:020x}", "key": cell, "cell_id": cell, "study_id": study, "origin": "trained",
            "name": f"p0 = {p0:g}, {kind}, replica {replica}, machine {at}", "initial_dilution": p, "num_visible": 784,
            "num_hidden": 100 * (1 + at % 5), "parameters": parameters, "provenance": {}, "artifact_digest": cell,
            "created_at": now - datetime.timedelta(seconds=at),
        })  # fmt: skip
    with lab.database.write() as session:
        for table, values in rows.items():
            session.execute(insert(table), values)


@dataclass(frozen=True)
class Load:
    """Milliseconds of one cold load: until the first row, and with a processor in the page and in the server."""

    wall: float
    page: float
    server: float


def opened(browser: Browser, web: Web) -> tuple[BrowserContext, Page, Load]:
    """A page of a browser that has nothing cached, and how long its first row took."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    session = context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})
    before = server_ms(web)
    page.add_init_script(
        "new MutationObserver(() => { if (!window.firstRow && document.querySelector('" + ROW + "'))"
        " requestAnimationFrame(() => { window.firstRow = window.firstRow || performance.now(); }); })"
        ".observe(document, { childList: true, subtree: true });"
    )
    page.goto(f"{web.url}/machines")
    page.wait_for_function("() => window.firstRow")
    spent = {one["name"]: one["value"] for one in session.send("Performance.getMetrics")["metrics"]}
    load = Load(page.evaluate("window.firstRow"), 1000 * spent["TaskDuration"], server_ms(web) - before)
    return context, page, load


def server_ms(web: Web) -> float:
    """Milliseconds for which the web process had a processor."""
    times = psutil.Process(web.process.pid).cpu_times()
    return 1000 * float(times.user + times.system)


def until_row(page: Page, words: str, act: Callable[[], None]) -> float:
    """Milliseconds from an action until the first row has these words."""
    started = time.perf_counter()
    act()
    first = ROW.replace(".ag-row", ".ag-row[row-index='0']")
    script = "([row, words]) => (document.querySelector(row)?.textContent ?? '').includes(words)"
    page.wait_for_function(script, arg=[first, words])
    return 1000 * (time.perf_counter() - started)


def api_rows(url: str, total: int) -> list[str]:
    """One page of 100 rows in each order, at the beginning and far below."""
    found = []
    with httpx.Client(base_url=f"{url}/api/v1", timeout=60) as client:
        for key in SORT_KEYS:
            times = []
            for skip in (0, total // 2, 0, total // 2, 0):
                started = time.perf_counter()
                client.get("/machines", params={"sort": key, "limit": 100, "skip": skip}).raise_for_status()
                times.append(1000 * (time.perf_counter() - started))
            found.append(f"{key} {statistics.median(times):.0f}")
    return [f"| API: 100 rows by each order, median of 5, ms | {', '.join(found)} | |"]


def report(browser: Browser, web: Web, loads: int, total: int) -> list[str]:
    """The table's rows."""
    cold = []
    for _ in range(loads):
        context, _page, load = opened(browser, web)
        cold.append(load)
        context.close()
    times = [one.wall for one in cold]
    context, page, _ = opened(browser, web)
    search = page.get_by_label("Machine or study")
    last = f"machine {total - 1}"
    filtered = until_row(page, last, lambda: search.fill(last))
    cleared = until_row(page, "machine 0", search.clear)
    head = page.locator("#machines-table .ag-header-cell[col-id=first_dilution]")
    head.click()  # ascending: "machine 0" stays the first
    greatest = 8 + 9 * ((total - 9) // 9)  # the last machine with p0 = 0.8
    ordered = until_row(page, f"machine {greatest}", head.click)
    scrolled = page.evaluate(FRAMES, 5)
    context.close()
    return [
        f"| cold load to the first row, {loads} loads: median (least, greatest) | "
        f"{statistics.median(times):,.0f} ms ({min(times):,.0f}, {max(times):,.0f}) | <= 2,000 ms |",
        f"| processor time of a cold load, median: the page's main thread; the web process | "
        f"{statistics.median(one.page for one in cold):,.0f} ms; "
        f"{statistics.median(one.server for one in cold):,.0f} ms | |",
        f"| filter by words, debounce of 250 ms included; and cleared | {filtered:,.0f} ms; {cleared:,.0f} ms | |",
        f"| another order by a click | {ordered:,.0f} ms | |",
        f"| scrolling 1,200 pixels a frame for 5 s | {scrolled['fps']:.0f} frames/s, longest gap {scrolled['gap']:.0f} "
        f"ms, filled {scrolled['filled']:.0f} ms after the end | |",
    ]


def main() -> None:
    """Measure and print, or write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--machines", type=int, default=10_000)
    parser.add_argument("--loads", type=int, default=5)
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        told = about(browser, "SQLite")
        web = Web(Path(folder), zoo=False)
        fill(web.lab, given.machines)
        httpx.get(f"{web.url}/machines", timeout=60).raise_for_status()
        rows = report(browser, web, given.loads, given.machines) + api_rows(web.url, given.machines)
        web.close()
    title = f"The table of machines with {given.machines:,} rows"
    publish_pages(title, told, "machines_page", [*TABLE, *rows], "machines-page", write=given.write)


if __name__ == "__main__":
    main()
