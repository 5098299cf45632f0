"""Writes that a job makes while it computes: in their order, in a thread of their own."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor


class Background:
    """One thread for the writes of a run. What a write raises is raised by the next call here."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="writes")
        self._open: list[Future[None]] = []

    @property
    def busy(self) -> bool:
        """Whether a write is waiting or under way."""
        return any(not write.done() for write in self._open)

    def do(self, write: Callable[[], None]) -> None:
        """Have something written, soon, after what was asked for before."""
        self.check()
        self._open.append(self._thread.submit(write))

    def check(self) -> None:
        """Raise what a write that has ended raised; the first one, where there are several."""
        ended = [write for write in self._open if write.done()]
        self._open = [write for write in self._open if write not in ended]
        for write in ended:
            write.result()

    def wait(self) -> None:
        """Wait until everything is written. Raises what a write raised, after all have ended."""
        asked, self._open = self._open, []
        for write in asked:
            write.exception()
        for write in asked:
            write.result()

    def close(self) -> None:
        """Wait for the writes, whatever becomes of them, and end the thread."""
        self._thread.shutdown()
