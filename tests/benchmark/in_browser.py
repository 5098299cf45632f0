"""What the benchmarks in a browser share: Chromium, and the frame of their reports."""

from __future__ import annotations

import datetime
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from playwright.sync_api import Browser, BrowserContext, sync_playwright

from tests.benchmark.gibbs_step import hardware, publish
from tests.browser import ARGUMENTS, find_chromium

TABLE = ("| what | measured | target |", "| --- | --- | --- |")


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser without a screen."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=list(ARGUMENTS))
        yield browser
        browser.close()


@contextmanager
def new_profile(browser: Browser) -> Iterator[BrowserContext]:
    """A new profile on the disk, as a person's is: it keeps files, and the compiled code of scripts that it met before.

    A context without one keeps no compiled code.
    """
    with tempfile.TemporaryDirectory() as folder:
        context = browser.browser_type.launch_persistent_context(
            folder, executable_path=find_chromium(), args=list(ARGUMENTS), viewport={"width": 1280, "height": 900}
        )
        yield context
        context.close()


def about(browser: Browser, database: str = "") -> str:
    """Date, hardware, load before the run, and browser."""
    ending = f", {database}" if database else ""
    today = datetime.date.today().isoformat()
    return f"{today}. {hardware()}. Headless Chromium {browser.version}, software rendering{ending}."


def publish_pages(title: str, about: str, command: str, lines: Sequence[str], name: str, *, write: bool) -> None:
    """Print a report of pages; if asked to, write it. `command`: what makes it, after `python -m tests.benchmark.`."""
    head = [f"# {title}", "", about, "", f"    python -m tests.benchmark.{command} --write", ""]
    publish("\n".join([*head, *lines]) + "\n", name, write=write)
