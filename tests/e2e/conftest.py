"""A real web process, database and broker behind a real browser."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.browser import ARGUMENTS, find_chromium
from tests.conftest import started_broker
from tests.web import Web

expect.set_options(timeout=30_000)  # cores are shared: what matters is that it comes


@pytest.fixture(scope="module")
def house() -> Iterator[Web]:
    """A laboratory with a broker and nothing in it."""
    with started_broker() as broker, tempfile.TemporaryDirectory(prefix="dl-") as folder:
        web = Web(Path(folder), zoo=False, home=broker.home)
        yield web
        web.close()


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    """A laboratory with the starter zoo on its shelf, and no broker."""
    web = Web(tmp_path_factory.mktemp("web"))
    yield web
    web.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=list(ARGUMENTS))
        yield browser
        browser.close()


@pytest.fixture
def errors() -> list[str]:
    """What the console said, and what left the origin; a test that provokes errors clears it."""
    return []


@pytest.fixture
def page(house: Web, browser: Browser, errors: list[str]) -> Iterator[Page]:
    """A page of the laboratory without machines; its server is there, whatever the test before did to it."""
    if house.process.poll() is not None:
        house.start()
    yield from _watched(house, browser, errors)


@pytest.fixture
def explorer(web: Web, browser: Browser, errors: list[str]) -> Iterator[Page]:
    """A page of the laboratory with the zoo."""
    yield from _watched(web, browser, errors)


def _watched(web: Web, browser: Browser, errors: list[str]) -> Iterator[Page]:
    context = browser.new_context(base_url=web.url, color_scheme="light", viewport={"width": 1280, "height": 900})
    page = context.new_page()
    own = (web.url, "data:", "blob:")
    page.on("console", lambda one: errors.append(one.text) if one.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("request", lambda one: None if one.url.startswith(own) else errors.append(one.url))
    yield page
    context.close()
    assert errors == []
