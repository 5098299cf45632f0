"""The explorer in headless Chromium: cold load, slider to mask, frames with 64 chains, memory.

    python -m tests.benchmark.explorer [--url http://127.0.0.1:8050] [--seconds 20] [--loads 7] [--write]

Without `--url` a web process with the starter zoo is started. Cold: a new browser context for each load, so nothing is
cached. Interactive: the mask is painted, the slider works and the first picture of the chains is drawn (the page's own
mark). Slider to mask: from the time stamp of the input event that a real mouse move causes to the end of that event,
when the mask is painted (histogram and hidden units follow before the same frame is shown). Frames: pictures of 64
chains that the page drew, one step each. Memory: JavaScript heap of the page's own thread after a forced collection, at
the start and at the end. `--write` puts the report into docs/benchmarks/.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx
from playwright.sync_api import Browser, BrowserContext, Page

from tests.benchmark.in_browser import TABLE, about, chromium, publish_pages
from tests.web import Web

MOVES = 200
WATCH = """() => {
  window.moves = [];
  const slider = document.getElementById('pruning');
  window.addEventListener('input', (event) => window.moves.push(performance.now() - event.timeStamp));
}"""
FRAMES = """(seconds) => new Promise((done) => {
  const canvas = document.querySelector('.chains');
  let drawn = 0;
  const observer = new MutationObserver(() => { drawn += 1; });
  observer.observe(canvas, { attributeFilter: ['data-steps'] });
  const began = performance.now();
  setTimeout(() => {
    observer.disconnect();
    done(1000 * drawn / (performance.now() - began));
  }, 1000 * seconds);
})"""
BYTES = """() => {
  const until = performance.getEntriesByName('interactive')[0].startTime;
  const all = [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')];
  return all.filter((one) => one.startTime < until).reduce((sum, one) => sum + one.transferSize, 0);
}"""


@contextmanager
def laboratory(url: str | None) -> Iterator[str]:
    """The given laboratory, or one of our own."""
    if url:
        yield url
        return
    with tempfile.TemporaryDirectory() as folder:
        web = Web(Path(folder))
        yield web.url
        web.close()


def opened(context: BrowserContext, address: str) -> Page:
    """A page whose first pictures are drawn."""
    page = context.new_page()
    page.goto(address)
    page.wait_for_selector("html[data-ready=true]", timeout=120_000)
    return page


def cold_load(browser: Browser, address: str) -> tuple[float, int]:
    """Milliseconds until the page is interactive, and the bytes that came until then."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = opened(context, address)
    found = page.evaluate("performance.getEntriesByName('interactive')[0].startTime"), page.evaluate(BYTES)
    context.close()
    return found


def slider_to_mask(page: Page) -> list[float]:
    """Milliseconds of each of many moves of the mouse on the slider."""
    page.evaluate(WATCH)
    box = page.locator("#pruning").bounding_box()
    assert box
    height = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + 0.6 * box["width"], height)
    page.mouse.down()
    for move in range(MOVES):
        share = 0.6 + 0.39 * abs((move % 40) / 20 - 1)
        page.mouse.move(box["x"] + share * box["width"], height)
        page.wait_for_timeout(8)
    page.mouse.up()
    moves: list[float] = page.evaluate("window.moves")
    return moves


def heap(page: Page) -> float:
    """Megabytes of the page's JavaScript heap after a collection."""
    session = page.context.new_cdp_session(page)
    session.send("HeapProfiler.collectGarbage")
    used: float = session.send("Runtime.getHeapUsage")["usedSize"]
    session.detach()
    return used / 1e6


def percentile(values: Sequence[float], share: float) -> float:
    """A value that a share of all values does not exceed."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def report(browser: Browser, url: str, loads: int, seconds: float) -> list[str]:
    """The table's rows."""
    items = httpx.get(f"{url}/api/v1/machines", params={"origin": "zoo"}).json()["items"]
    machines = {one["initial_dilution"]: one["id"] for one in items}
    cold = [cold_load(browser, url) for _ in range(loads)]
    times, sizes = [one[0] for one in cold], [one[1] for one in cold]
    rows = [
        f"| cold load to interactive, {loads} loads: median (least, greatest) | "
        f"{statistics.median(times):,.0f} ms ({min(times):,.0f}, {max(times):,.0f}) | <= 1,000 ms |",
        f"| bytes until interactive, headers included | {max(sizes) / 1000:,.0f} kB | <= 400 kB |",
    ]
    for dilution in (0.8, 0.0):
        context = browser.new_context(viewport={"width": 1280, "height": 900})
        page = opened(context, f"{url}/?m={machines[dilution]}")
        page.wait_for_timeout(2000)
        before = heap(page)
        frames = page.evaluate(FRAMES, seconds)
        step = page.locator(".chains-note").text_content() or ""
        moves = slider_to_mask(page)
        page.wait_for_timeout(2000)
        after = heap(page)
        context.close()
        rows += [
            f"| p0 = {dilution:g}: frames a second, 64 chains, {seconds:g} s | {frames:.1f} "
            f"(a step in its thread: {step.rpartition('takes ')[2].rstrip('.')}) | >= 30 |",
            f"| p0 = {dilution:g}: slider to mask, {len(moves)} moves: p50, p95, greatest | "
            f"{percentile(moves, 0.5):.1f}, {percentile(moves, 0.95):.1f}, {max(moves):.1f} ms | p95 <= 16 ms |",
            f"| p0 = {dilution:g}: heap before and after {seconds:g} s of chains and the moves | "
            f"{before:.1f}, {after:.1f} MB | stable |",
        ]
    return rows


def main() -> None:
    """Measure and print, or write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", help="a running laboratory")
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--loads", type=int, default=7)
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    with laboratory(given.url) as url, chromium() as browser:
        told = about(browser)
        rows = report(browser, url, given.loads, given.seconds)
    publish_pages("The explorer in a browser", told, "explorer", [*TABLE, *rows], "explorer", write=given.write)


if __name__ == "__main__":
    main()
