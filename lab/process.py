"""A child process that is started, watched, started again when it dies, and never left behind."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

PR_SET_PDEATHSIG = 1
MAX_LOG_BYTES = 10_000_000
RESTARTS_PER_MINUTE = 5


def die_with_parent() -> None:
    """On Linux: this process gets SIGTERM when its parent ends, however it ends."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


@dataclass
class Process:
    """A command with its log.

    Attributes:
        name: what it is called on the terminal; its log is `<name>.log`.
        command: program and arguments.
        environment: the whole environment of the child.
        log_folder: where its output goes.
    """

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    log_folder: Path
    _child: subprocess.Popen[bytes] | None = None
    _starts: list[float] = field(default_factory=list)

    @property
    def log(self) -> Path:
        """The file that takes its output."""
        return self.log_folder / f"{self.name}.log"

    @property
    def running(self) -> bool:
        """Whether the process is there."""
        return self._child is not None and self._child.poll() is None

    @property
    def exit_status(self) -> int | None:
        """The exit status of the last run, None while it runs."""
        return self._child.poll() if self._child else None

    def start(self) -> None:
        """Start it in a session of its own, so that Ctrl-C reaches the launcher alone."""
        if self.log.exists() and self.log.stat().st_size > MAX_LOG_BYTES:
            self.log.replace(self.log.with_suffix(".old.log"))
        with self.log.open("ab") as output:
            self._child = subprocess.Popen(  # noqa: S603 - the command is ours
                self.command,
                env=dict(self.environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=die_with_parent,  # noqa: PLW1509 - started from the main thread, before any other
            )
        self._starts.append(time.monotonic())

    def may_restart(self) -> bool:
        """Whether it has not died too often: at most five starts in a minute."""
        recent = [at for at in self._starts if time.monotonic() - at < 60]
        return len(recent) < RESTARTS_PER_MINUTE

    def ask_to_stop(self) -> None:
        """SIGTERM to the process: it may put its work in order."""
        if self._child and self.running:
            self._child.terminate()

    def wait(self, deadline: float) -> None:
        """Wait until `deadline` (monotonic seconds), then end it and whatever it started."""
        if self._child is None:
            return
        with suppress(subprocess.TimeoutExpired):
            self._child.wait(max(0.0, deadline - time.monotonic()))
        with suppress(ProcessLookupError):
            os.killpg(self._child.pid, signal.SIGKILL)
        self._child.wait()

    def last_lines(self, count: int = 8) -> str:
        """The end of its log."""
        if not self.log.exists():
            return ""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-count:])
