"""The thread that sweeps the laboratory once a second while the application runs."""

import threading

import structlog

from backend.services.laboratory import Laboratory
from backend.services.sweep import sweep

INTERVAL_SECONDS = 1.0
QUIET_SECONDS = 60.0  # the same failure, second after second, is logged once a minute
STOP_SECONDS = 5.0

log = structlog.get_logger(__name__)


class Sweeper:
    """Sweeps until it is stopped; an error is logged and the next second tries again."""

    def __init__(self, lab: Laboratory, interval_seconds: float = INTERVAL_SECONDS) -> None:
        self._lab = lab
        self._interval = interval_seconds
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sweeper", daemon=True)
        self._last_reason = ""
        self._quiet = 0.0

    def start(self) -> None:
        """Start sweeping."""
        self._thread.start()

    def stop(self) -> None:
        """Stop after the sweep that is under way, or after a few seconds without it."""
        self._stopping.set()
        self._thread.join(STOP_SECONDS)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                sweep(self._lab)
                self._last_reason = ""
            except Exception as error:  # the edge of the thread: the loop must outlive every error
                self._report(error)
            self._stopping.wait(self._interval)

    def _report(self, error: Exception) -> None:
        reason = f"{type(error).__name__}: {error}"
        self._quiet -= self._interval
        if reason != self._last_reason or self._quiet <= 0:
            log.error("sweep failed", reason=reason, exc_info=error)
            self._last_reason, self._quiet = reason, QUIET_SECONDS
