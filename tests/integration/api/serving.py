"""The API served for a test: on a thread of the test's process, or in a process of its own that can be killed."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import uvicorn
from fastapi import FastAPI

from backend.settings import Settings

START_SECONDS = 90


@contextmanager
def serve(app: FastAPI) -> Iterator[str]:
    """Real uvicorn on a thread; yields its address."""
    # A slow machine may pause between two requests: an idle connection must not be closed under the second.
    config = uvicorn.Config(
        app, host="127.0.0.1", port=0, log_config=None, timeout_graceful_shutdown=1, timeout_keep_alive=120
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    deadline = time.monotonic() + START_SECONDS
    while not server.started:
        assert thread.is_alive(), "the server did not start"
        assert time.monotonic() < deadline, "the server does not start"
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class ApiProcess:
    """`uvicorn backend.api.app:create_api` as its own process."""

    process: subprocess.Popen[bytes]
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def stop(self, number: int = signal.SIGTERM) -> float:
        """Send the signal; returns the seconds until the process was gone."""
        started = time.monotonic()
        self.process.send_signal(number)
        self.process.wait(30)
        return time.monotonic() - started


@contextmanager
def api_process(settings: Settings, port: int | None = None, **environment: str) -> Iterator[ApiProcess]:
    """The API of the settings' laboratory in a process of its own."""
    port = port or free_port()
    own = {
        **os.environ,
        "DILUTION_LAB_HOME": str(settings.dilution_lab_home),
        "DATABASE_URL": settings.database_url,
        "MODELS_STORE": settings.models_store,
        **environment,
    }
    command = [sys.executable, "-m", "uvicorn", "--factory", "backend.api.app:create_api", "--port", str(port)]
    process = subprocess.Popen(command, env=own, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    running = ApiProcess(process, port)
    try:
        wait_for_answer(running)
        yield running
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def wait_for_answer(running: ApiProcess) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        assert running.process.poll() is None, "the API did not start"
        assert time.monotonic() < deadline, "the API does not answer"
        try:
            httpx.get(f"{running.url}/api/v1/health", timeout=5)
        except httpx.TransportError:
            time.sleep(0.05)
        else:
            return


def problem_of(response: httpx.Response, status: int) -> dict[str, Any]:
    """The answer's problem; every error must be one."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = response.json()
    assert problem["status"] == status
    assert problem["title"]
    assert problem["detail"]
    return problem
