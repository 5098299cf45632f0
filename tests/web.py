"""A web process with the starter zoo on its shelf and nothing else: no broker, no worker."""

import os
import subprocess
import sys
from pathlib import Path

import httpx

from backend.services.first_start import register_zoo
from backend.services.laboratory import open_laboratory
from backend.settings import Settings
from backend.storage.database import migrate
from tests.laboratory import free_port, wait_until

ZOO = Path(__file__).parents[1] / "models_store" / "zoo"


class Web:
    """The process, its address, and the laboratory behind it."""

    def __init__(self, folder: Path, *, zoo: bool = True) -> None:
        self.url = f"http://127.0.0.1:{(port := free_port())}"
        own = {
            "DILUTION_LAB_HOME": str(folder / "home"),
            "DATABASE_URL": f"sqlite:///{folder / 'lab.sqlite'}",
            "MODELS_STORE": str(folder / "store"),
        }
        self.environment = {**os.environ, **own, "PORT": str(port)}
        settings = Settings(
            dilution_lab_home=folder / "home", database_url=own["DATABASE_URL"], models_store=own["MODELS_STORE"]
        )
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
        wait_until(self.answers)

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

    def machines(self) -> dict[float, str]:
        """Ids of the zoo's machines by their initial dilution."""
        items = httpx.get(f"{self.url}/api/v1/machines", params={"origin": "zoo"}).json()["items"]
        return {one["initial_dilution"]: one["id"] for one in items}
