"""A whole laboratory, started as `make run` starts it, in a home folder of its own."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil

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


def wait_until(condition: Callable[[], bool], launcher: subprocess.Popen[str] | None = None) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert launcher is None or launcher.poll() is None, f"ended early: {launcher.stdout.read()}"
        assert time.monotonic() < deadline, "took too long"
        time.sleep(0.1)
