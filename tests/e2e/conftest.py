"""A real web process, database and broker behind a real browser."""

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, expect, sync_playwright

from backend.contracts.messages import Study
from tests import figures
from tests.browser import ARGUMENTS, find_chromium
from tests.conftest import started_broker
from tests.web import Web

ProfileOf = Callable[[Web], BrowserContext]

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
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="module")
def browser(playwright: Playwright) -> Iterator[Browser]:
    browser = playwright.chromium.launch(executable_path=find_chromium(), args=list(ARGUMENTS))
    yield browser
    browser.close()


@pytest.fixture(scope="module")
def profile_of(playwright: Playwright, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProfileOf]:
    """For each web process what a browser keeps between pages: its caches. What a page keeps there, its test clears.

    Only a profile on the disk keeps the compiled scripts, and no process waits for a page that never comes.
    """
    kept: dict[str, BrowserContext] = {}

    def of(web: Web) -> BrowserContext:
        if web.url not in kept:
            kept[web.url] = playwright.chromium.launch_persistent_context(
                tmp_path_factory.mktemp("profile"),
                executable_path=find_chromium(),
                args=[*ARGUMENTS, "--disable-features=SpareRendererForSitePerProcess"],
                base_url=web.url,
                color_scheme="light",
                viewport={"width": 1280, "height": 900},
            )
        return kept[web.url]

    yield of
    for context in kept.values():
        context.close()


@pytest.fixture(scope="module")
def sweep(house: Web) -> Study:
    """A dilution sweep, done."""
    return figures.done_study(house.lab, "dilution-sweep", "A sweep", **figures.SWEEP)


@pytest.fixture(scope="module")
def reproduction(house: Web) -> Study:
    """A study of everything, done."""
    figures.record_test_images(house.lab)
    return figures.done_study(house.lab, "reproduce", "Everything", **figures.SWEEP, **figures.PAIRS, seed=3)


@pytest.fixture
def errors() -> list[str]:
    """What the console said, and what left the origin; a test that provokes errors clears it."""
    return []


@pytest.fixture
def page(house: Web, profile_of: ProfileOf, errors: list[str]) -> Iterator[Page]:
    """A page of the laboratory without machines; its server is there, whatever the test before did to it."""
    if house.process.poll() is not None:
        house.start()
    yield from _watched(house, profile_of(house), errors)


@pytest.fixture
def asked(page: Page) -> list[str]:
    """What the page asks of the server's callbacks, question by question."""
    questions: list[str] = []
    page.on("request", lambda one: questions.append(one.post_data or "") if "_dash-update" in one.url else None)
    return questions


@pytest.fixture
def explorer(web: Web, profile_of: ProfileOf, errors: list[str]) -> Iterator[Page]:
    """A page of the laboratory with the zoo."""
    yield from _watched(web, profile_of(web), errors)


def _watched(web: Web, profile: BrowserContext, errors: list[str]) -> Iterator[Page]:
    page = profile.new_page()
    own = (web.url, "data:", "blob:")
    page.on("console", lambda one: errors.append(one.text) if one.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("request", lambda one: None if one.url.startswith(own) else errors.append(one.url))
    yield page
    tools = profile.new_cdp_session(page)
    tools.send("Storage.clearDataForOrigin", {"origin": web.url, "storageTypes": "cookies,local_storage"})
    page.close()
    assert errors == []
