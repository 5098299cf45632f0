"""The whole laboratory as `make run` starts it: it answers, survives what dies, stops without leaving anything."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil
import pytest

from backend.client import Client

DEADLINE_SECONDS = 60


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Laboratory:
    """A laboratory in a home folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        self.environment = {
            **os.environ,
            "DILUTION_LAB_HOME": str(folder / "home"),
            "MODELS_STORE": str(folder / "store"),
            "PORT": str(self.port),
            "LEASE_SECONDS": "5",
            "NUMBA_NUM_THREADS": "1",
        }
        self.url = f"http://127.0.0.1:{self.port}"

    def command(self) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "lab.up"],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    @contextmanager
    def up(self) -> Iterator[subprocess.Popen[str]]:
        launcher = self.command()
        try:
            wait_until(self.healthy, launcher)
            yield launcher
        finally:
            launcher.send_signal(signal.SIGINT)
            launcher.wait(DEADLINE_SECONDS)

    def healthy(self) -> bool:
        try:
            return bool(httpx.get(f"{self.url}/api/v1/health", timeout=2).json()["ok"])
        except httpx.HTTPError:
            return False

    def processes(self) -> list[psutil.Process]:
        """Every process that carries this laboratory's home in its environment."""
        return [process for process in psutil.process_iter() if self._is_ours(process)]

    def _is_ours(self, process: psutil.Process) -> bool:
        try:
            return (
                process.status() != psutil.STATUS_ZOMBIE
                and process.environ().get("DILUTION_LAB_HOME") == self.environment["DILUTION_LAB_HOME"]
            )
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            return False

    def children(self, module: str) -> list[psutil.Process]:
        return [process for process in self.processes() if module in process.cmdline()]


def wait_until(condition, launcher: subprocess.Popen[str] | None = None) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert launcher is None or launcher.poll() is None, f"ended early: {launcher.stdout.read()}"
        assert time.monotonic() < deadline, "took too long"
        time.sleep(0.1)


@pytest.fixture
def laboratory(tmp_path: Path) -> Laboratory:
    return Laboratory(tmp_path)


def test_first_start_shows_zoo_and_demo_and_the_second_finds_them_again(laboratory: Laboratory) -> None:
    with laboratory.up() as launcher, Client(laboratory.url) as client:
        assert {machine.name for machine in client.machines() if machine.origin == "zoo"} == {
            f"Paper's schedule, p0 = {p0}" for p0 in ("0", "0.2", "0.4", "0.6", "0.8")
        }
        (demo,) = client.studies()
        assert httpx.get(laboratory.url).text.count("Dilution Lab") >= 1
        client.delete_study(demo.id)
    assert launcher.returncode == 0
    assert laboratory.processes() == []

    with laboratory.up(), Client(laboratory.url) as client:
        assert len([machine for machine in client.machines() if machine.origin == "zoo"]) == 5
        assert client.studies() == [], "the demo study comes on the first start only"


@pytest.mark.parametrize("module", ["worker", "lab.web"])
def test_what_is_killed_is_started_again(laboratory: Laboratory, module: str) -> None:
    with laboratory.up() as launcher:
        victims = {process.pid for process in laboratory.children(module)}
        for pid in victims:
            os.kill(pid, signal.SIGKILL)
        wait_until(lambda: {process.pid for process in laboratory.children(module)} - victims, launcher)
        wait_until(laboratory.healthy, launcher)


def test_a_killed_launcher_leaves_no_process(laboratory: Laboratory) -> None:
    with laboratory.up() as launcher:
        assert len(laboratory.processes()) >= 4
        launcher.kill()
        launcher.wait()
        wait_until(lambda: laboratory.processes() == [])


def test_a_second_laboratory_in_the_same_home_is_one_clear_line(laboratory: Laboratory) -> None:
    with laboratory.up():
        laboratory.environment["PORT"] = str(free_port())
        second = laboratory.command()
        output, _ = second.communicate(timeout=DEADLINE_SECONDS)
    assert second.returncode == 1
    assert output.count("\n") == 1
    assert "a laboratory already runs in" in output


def test_a_taken_port_is_one_clear_line(laboratory: Laboratory) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", laboratory.port))
        taken.listen()
        launcher = laboratory.command()
        output, _ = launcher.communicate(timeout=DEADLINE_SECONDS)
    assert launcher.returncode == 1
    assert output.count("\n") == 1
    assert f"port {laboratory.port} on 127.0.0.1 cannot be used (Address already in use)" in output


@pytest.mark.parametrize(
    ("variable", "value", "says"),
    [
        ("PORT", "eighty", "PORT"),
        ("HOST", "0.0.0.0", "token"),
        ("DATABASE_URL", "postgresql+psycopg://nobody@127.0.0.1:1/nothing", "database"),
        ("LEASE_SECONDS", "-1", "LEASE_SECONDS"),
    ],
)
def test_a_wrong_setting_is_one_clear_line(laboratory: Laboratory, variable: str, value: str, says: str) -> None:
    laboratory.environment[variable] = value
    launcher = laboratory.command()
    output, _ = launcher.communicate(timeout=DEADLINE_SECONDS)
    assert launcher.returncode == 1
    assert output.strip().count("\n") == 0, output
    assert output.startswith("dilution-lab: ")
    assert says in output
