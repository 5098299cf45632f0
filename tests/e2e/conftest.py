"""A real web process, database and broker behind a real browser; a test's own hands do the worker's work."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from backend.contracts.messages import Study
from backend.services.laboratory import Laboratory, open_laboratory
from backend.settings import Settings
from backend.storage.database import migrate
from tests import hands
from tests.browser import ARGUMENTS, find_chromium
from tests.conftest import Broker
from tests.laboratory import free_port, wait_until

expect.set_options(timeout=20_000)  # cores are shared: what matters is that it comes


class House:
    """A web process without worker, and the laboratory behind it."""

    def __init__(self, broker: Broker, folder: Path) -> None:
        self.url = f"http://127.0.0.1:{(port := free_port())}"
        own = {
            "DILUTION_LAB_HOME": str(broker.home),
            "DATABASE_URL": f"sqlite:///{folder / 'lab.sqlite'}",
            "MODELS_STORE": str(folder / "store"),
        }
        self.environment = {**os.environ, **own, "PORT": str(port)}
        self.settings = Settings(
            dilution_lab_home=broker.home, database_url=own["DATABASE_URL"], models_store=own["MODELS_STORE"]
        )
        migrate(self.settings.database)
        self.lab: Laboratory = open_laboratory(self.settings)
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "lab.web"],
            env=self.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wait_until(self.answers)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/api/v1/health", timeout=2).status_code < 600
        except httpx.HTTPError:
            return False

    def done_study(self, name: str, **changes: Any) -> Study:
        study = hands.submit(self.lab, name, **changes)
        hands.work_off(self.lab)
        return study


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    with tempfile.TemporaryDirectory(prefix="dl-") as home, tempfile.TemporaryDirectory(prefix="dl-") as folder:
        broker = Broker(Path(home))
        broker.start()
        house = House(broker, Path(folder))
        yield house
        house.kill()
        house.lab.close()
        broker.kill()


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
def page(house: House, browser: Browser, errors: list[str]) -> Iterator[Page]:
    context = browser.new_context(base_url=house.url, color_scheme="light", viewport={"width": 1280, "height": 900})
    page = context.new_page()
    own = (house.url, "data:", "blob:")
    page.on("console", lambda one: errors.append(one.text) if one.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("request", lambda one: errors.append(one.url) if not one.url.startswith(own) else None)
    yield page
    context.close()
    assert errors == []
