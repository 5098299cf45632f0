"""A real web process and the laboratory behind it, without a worker: a test's own hands do its work."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx

from backend.contracts.messages import Study
from backend.services.laboratory import open_laboratory
from backend.services.zoo import register_zoo
from backend.settings import Settings
from backend.storage.migrate import migrate
from tests import hands
from tests.laboratory import free_port, wait_until

ZOO = Path(__file__).parents[1] / "models_store" / "zoo"


class Web:
    """The process, its address, and the laboratory behind it."""

    def __init__(self, folder: Path, *, zoo: bool = True, home: Path | None = None) -> None:
        """`home`: the folder of a running broker; without one nothing can be sent to workers."""
        home = home or folder / "home"
        self.url = f"http://127.0.0.1:{(port := free_port())}"
        own = {
            "DILUTION_LAB_HOME": str(home),
            "DATABASE_URL": f"sqlite:///{folder / 'lab.sqlite'}",
            "MODELS_STORE": str(folder / "store"),
        }
        self.environment = {**os.environ, **own, "PORT": str(port)}
        settings = Settings(dilution_lab_home=home, database_url=own["DATABASE_URL"], models_store=own["MODELS_STORE"])
        migrate(settings.database)
        self.lab = open_laboratory(settings)
        if zoo:
            register_zoo(self.lab, ZOO)
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "lab.web"],
            env=self.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            wait_until(self.answers)
        except BaseException:
            self.kill()
            raise

    def answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/api/v1/health", timeout=2).status_code < 600
        except httpx.HTTPError:
            return False

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def close(self) -> None:
        self.kill()
        self.lab.close()

    def done_study(self, name: str, **changes: Any) -> Study:
        """A study whose every cell was filled by hand."""
        study = hands.submit(self.lab, name, **changes)
        hands.work_off(self.lab)
        return study

    def machines(self) -> dict[float, str]:
        """Ids of the zoo's machines by their initial dilution."""
        items = httpx.get(f"{self.url}/api/v1/machines", params={"origin": "zoo"}).json()["items"]
        return {one["initial_dilution"]: one["id"] for one in items}
