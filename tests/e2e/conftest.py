from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser import ARGUMENTS, find_chromium
from tests.web import Web


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    folder: Path = tmp_path_factory.mktemp("web")
    web = Web(folder)
    yield web
    web.close()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=list(ARGUMENTS))
        yield browser
        browser.close()


@pytest.fixture
def errors() -> list[str]:
    """What went wrong in the page: a test that expects something clears it."""
    return []


@pytest.fixture
def explorer(web: Web, chromium: Browser, errors: list[str]) -> Iterator[Page]:
    """A page that fails its test on errors, warnings and requests to anywhere else."""
    context = chromium.new_context(base_url=web.url, color_scheme="light", viewport={"width": 1280, "height": 900})
    page = context.new_page()
    own = (web.url, "data:", "blob:")
    page.on("console", lambda one: errors.append(one.text) if one.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("request", lambda one: None if one.url.startswith(own) else errors.append(one.url))
    yield page
    context.close()
    assert errors == []
