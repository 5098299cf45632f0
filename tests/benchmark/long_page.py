"""Pages that stay open: memory, nodes and lag over an hour of updates, 20 viewers, and the explorer's chains.

    python -m tests.benchmark.long_page [--events 3600] [--rate 20] [--viewers 20] [--minutes 10] [--write]

An hour of a job that reports each second is fed to the queue and to a study's page in Chromium, compressed in time:
each update is written to the rows and announced as a worker does it, `--rate` of them a second, while further clients
follow the event stream. Memory is taken after a forced collection, after the first tenth of the updates and at the end:
heap of JavaScript, nodes and listeners of the document. Lag of an update: from its row to the first sight of it, or of
a later one, in the page. Then the explorer runs 64 chains for `--minutes`; the memory of its process counts its workers
too. `--write` puts the report into docs/benchmarks/.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil
from playwright.sync_api import Browser, Page

from backend.contracts.messages import Event
from backend.storage.repositories import jobs
from tests import hands
from tests.benchmark.explorer import FRAMES, heap, opened, percentile
from tests.benchmark.in_browser import TABLE, about, chromium, publish_pages
from tests.conftest import started_broker
from tests.web import Web

LEASE_SECONDS = 60.0
ALIVE_EVERY = 2.0  # seconds between two signs of life of the worker
WARM_SHARE = 0.1
LAST_SECONDS = 5.0  # for the last update to arrive
PATIENCE_MS = 300_000
WATCH = """() => {
  window.sights = [];
  window.blocked = 0;
  let last = 0;
  const look = () => {
    const found = [...document.querySelectorAll("#queue-jobs [role='gridcell'][col-id='now'], #study-head")]
      .map((one) => /update (\\d+)/.exec(one.textContent)).find(Boolean);
    const number = found ? Number(found[1]) : 0;
    if (number > last) window.sights.push([(last = number), Date.now() / 1000]);
  };
  new MutationObserver(look).observe(document.body, { subtree: true, childList: true, characterData: true });
  new PerformanceObserver((list) => {
    for (const one of list.getEntries()) window.blocked = Math.max(window.blocked, one.duration);
  }).observe({ type: "longtask" });
}"""


@dataclass
class Watched:
    """A page and what was measured of it."""

    name: str
    page: Page
    memory: list[tuple[float, int, int]] = field(default_factory=list)

    def measure(self) -> None:
        """Heap in MB, nodes and listeners, after a forced collection."""
        session = self.page.context.new_cdp_session(self.page)
        session.send("HeapProfiler.collectGarbage")
        counters = session.send("Memory.getDOMCounters")
        session.detach()
        self.memory.append((heap(self.page), counters["nodes"], counters["jsEventListeners"]))


class Viewers:
    """Clients that follow the event stream, each on a connection of its own."""

    def __init__(self, url: str, count: int) -> None:
        self.seen: list[dict[float, float]] = [{} for _ in range(count)]
        self._url, self._connected = url, 0
        threading.Thread(target=lambda: asyncio.run(self._follow()), daemon=True).start()
        while self._connected < count:
            time.sleep(0.1)

    async def _follow(self) -> None:
        await asyncio.gather(*(self._one(seen) for seen in self.seen))

    async def _one(self, seen: dict[float, float]) -> None:
        async with (
            httpx.AsyncClient(timeout=None) as client,
            client.stream("GET", f"{self._url}/api/v1/events") as stream,
        ):
            self._connected += 1
            async for line in stream.aiter_lines():
                if line.startswith("data: {") and (fraction := json.loads(line[6:]).get("fraction")) is not None:
                    seen[fraction] = time.time()


@contextmanager
def house() -> Iterator[Web]:
    """A laboratory with a broker, and the zoo for the explorer."""
    with started_broker() as broker, tempfile.TemporaryDirectory(prefix="dl-") as folder:
        web = Web(Path(folder), home=broker.home)
        yield web
        web.close()


def feed(web: Web, job_id: str, study_id: str, numbers: range, total: int, rate: float, token: int) -> dict[int, float]:
    """Report and announce these updates of a job; returns when each was in its row."""
    written: dict[int, float] = {}
    began, alive = time.monotonic(), -ALIVE_EVERY
    for number in numbers:
        time.sleep(max(0.0, began + (number - numbers.start) / rate - time.monotonic()))
        fraction = number / total
        with web.lab.database.write() as session:
            jobs.report_progress(session, job_id, token, fraction, stage=f"update {number} of {total}", rate=2e6)
            if time.monotonic() - alive > ALIVE_EVERY:
                jobs.renew(session, job_id, token, LEASE_SECONDS)
        if time.monotonic() - alive > ALIVE_EVERY:
            hands.sign_on(web.lab, rate=2e6, job_id=job_id)
            alive = time.monotonic()
        written[number] = time.time()
        web.lab.events.publish(Event(kind="job", id=job_id, study_id=study_id, state="running", fraction=fraction))
    return written


def lags(written: dict[int, float], sights: Sequence[tuple[int, float]]) -> list[float]:
    """Seconds from each update's row to the first sight of it or of a later one."""
    found, at = [], 0
    for number in sorted(written):
        while at < len(sights) and sights[at][0] < number:
            at += 1
        if at < len(sights):
            found.append(sights[at][1] - written[number])
    return found


def hour_of_updates(browser: Browser, web: Web, events: int, rate: float, viewers: int) -> list[str]:
    """Rows about the queue, a study's page and the streams."""
    study = hands.submit(web.lab, "An hour of updates", training=hands.SMALL["training"] | {"num_updates": events})
    hands.sign_on(web.lab)
    with web.lab.database.read() as session:
        claim_of = jobs.first_in_queue(session, 1)[0]
    claim = hands.must_claim(web.lab, claim_of, LEASE_SECONDS)
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(PATIENCE_MS)
    pages = [Watched("queue", context.new_page()), Watched("study", context.new_page())]
    for one, path in zip(pages, ("/queue", f"/studies/{study.id}"), strict=True):
        one.page.goto(web.url + path)
        one.page.wait_for_selector("#live-mark[data-state=on]", state="attached")
        one.page.wait_for_selector("#study-head .state, #queue-jobs .ag-row")
        one.page.evaluate(WATCH)
    streams = Viewers(web.url, viewers)
    warm = int(WARM_SHARE * events)
    written = feed(web, claim.job_id, study.id, range(1, warm + 1), events, rate, claim.token)
    for one in pages:
        one.measure()
    began = time.monotonic()
    written |= feed(web, claim.job_id, study.id, range(warm + 1, events + 1), events, rate, claim.token)
    fed_at = (events - warm) / (time.monotonic() - began)
    time.sleep(LAST_SECONDS)
    rows = [f"| updates | {events}, {fed_at:.1f} a second | |"]
    for one in pages:
        one.measure()
        rows += rows_of(one, written)
    context.close()
    return rows + stream_rows(streams, written, events)


def rows_of(watched: Watched, written: dict[int, float]) -> list[str]:
    """Memory, lag and blocking of one page."""
    page = watched.page
    found = sorted(lags(written, [tuple(one) for one in page.evaluate("window.sights")]))
    before, after = watched.memory
    return [
        f"| {watched.name}: heap after a tenth and at the end | {before[0]:.1f}, {after[0]:.1f} MB | stable |",
        f"| {watched.name}: nodes, listeners after a tenth and at the end | "
        f"{before[1]:,} and {before[2]:,}, {after[1]:,} and {after[2]:,} | stable |",
        f"| {watched.name}: lag of {len(found):,} updates of {len(written):,}: p50, p95, greatest | "
        f"{percentile(found, 0.5):.2f}, {percentile(found, 0.95):.2f}, {found[-1]:.2f} s | <= 1 s |",
        f"| {watched.name}: longest block of the page's thread | {page.evaluate('window.blocked'):,.0f} ms | |",
    ]


def stream_rows(streams: Viewers, written: dict[int, float], events: int) -> list[str]:
    """What the viewers received, and when."""
    found = sorted(
        seen[number / events] - at for seen in streams.seen for number, at in written.items() if number / events in seen
    )
    return [
        f"| {len(streams.seen)} event streams: events received of those announced | {len(found):,} of "
        f"{len(streams.seen) * len(written):,} | all |",
        f"| {len(streams.seen)} event streams: lag, p50, p95, greatest | {percentile(found, 0.5):.3f}, "
        f"{percentile(found, 0.95):.3f}, {found[-1]:.3f} s | <= 1 s |",
    ]


def resident(browser: Browser) -> float:
    """Megabytes of the memory of all processes that draw pages, workers included."""
    session = browser.new_browser_cdp_session()
    processes: Any = session.send("SystemInfo.getProcessInfo")["processInfo"]
    session.detach()
    return sum(psutil.Process(one["id"]).memory_info().rss for one in processes if one["type"] == "renderer") / 1e6


def explorer_rows(browser: Browser, web: Web, minutes: float) -> list[str]:
    """The explorer with 64 chains: memory and frames at the start and at the end."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = opened(context, web.url)
    page.set_default_timeout(PATIENCE_MS)
    window = min(20.0, 15 * minutes)
    frames = [page.evaluate(FRAMES, window)]
    memory = [(heap(page), resident(browser))]
    for _ in range(5):
        page.wait_for_timeout(60_000 * minutes / 5)
        memory.append((heap(page), resident(browser)))
    frames.append(page.evaluate(FRAMES, window))
    steps = page.locator(".chains").get_attribute("data-steps")
    context.close()
    heaps, whole = (", ".join(f"{one[at]:.1f}" for one in memory) for at in (0, 1))
    return [
        f"| explorer: 64 chains for {minutes:g} min, steps | {int(steps or 0):,} | |",
        f"| explorer: heap at the start and after each fifth | {heaps} MB | stable |",
        f"| explorer: memory of its process, workers included | {whole} MB | stable |",
        f"| explorer: frames a second at the start and at the end | {frames[0]:.1f}, {frames[1]:.1f} | >= 30 |",
    ]


def main() -> None:
    """Measure and print, or write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=3600)
    parser.add_argument("--rate", type=float, default=20.0, help="updates a second")
    parser.add_argument("--viewers", type=int, default=20)
    parser.add_argument("--minutes", type=float, default=10.0, help="of the explorer; 0: leave it out")
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    with house() as web, chromium() as browser:
        told = about(browser)
        rows = hour_of_updates(browser, web, given.events, given.rate, given.viewers)
        rows += explorer_rows(browser, web, given.minutes) if given.minutes else []
    command = (
        f"long_page --events {given.events} --rate {given.rate:g} --viewers {given.viewers} --minutes {given.minutes:g}"
    )
    publish_pages("Pages that stay open", told, command, [*TABLE, *rows], "long-page", write=given.write)


if __name__ == "__main__":
    main()
