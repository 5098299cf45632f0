"""The service and the dashboard start and answer on a machine that has no torch."""

import subprocess
import sys
from pathlib import Path

from backend.settings import Settings
from backend.storage.migrate import migrate

FORBIDDEN = ("torch", "numba", "worker")

PROGRAM = f"""
import sys

class Forbidden:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {FORBIDDEN!r}:
            raise ImportError(name + " is forbidden here")

sys.meta_path.insert(0, Forbidden())
from fastapi.testclient import TestClient
from backend.settings import settings
from lab.web import create_all

with TestClient(create_all(settings()), base_url="http://127.0.0.1") as client:
    assert "Dilution Lab" in client.get("/").text
    assert client.get("/_dash-layout").status_code == 200
    assert len(client.get("/_dash-dependencies").json()) > 10
    for path in ("health", "studies", "study-types", "metrics", "machines", "jobs", "workers"):
        assert client.get("/api/v1/" + path).status_code == 200, path
    study = {{"name": "One", "preset": "Two cores"}}
    assert client.post("/api/v1/studies", json=study).status_code == 202
print("answered")
"""


def test_api_and_dashboard_answer_without_torch(tmp_path: Path) -> None:
    settings = Settings(dilution_lab_home=tmp_path)
    migrate(settings.database)
    environment = {"DILUTION_LAB_HOME": str(tmp_path), "MODELS_STORE": str(tmp_path / "store"), "PATH": "/usr/bin"}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout == "answered\n", done.stderr[-2000:]
