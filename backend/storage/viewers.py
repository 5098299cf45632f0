"""One reader of the broker's stream for all open pages of a process.

Each page for itself would hold a connection to the broker, and every event would be fetched and read once for each.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from weakref import WeakKeyDictionary

import redis
import structlog

from backend.contracts.messages import Event
from backend.storage.events import EMPTY, EventBus

MAX_WAITING = 1000
RETRY_SECONDS = 1.0

Entry = tuple[str, Event | None]
log = structlog.get_logger(__name__)


class Viewers:
    """Hands the events of one bus on to everybody who follows them, within one event loop."""

    def __init__(self, bus: EventBus) -> None:
        self._bus = bus
        self._waiting: set[asyncio.Queue[Entry]] = set()
        self._reader: asyncio.Task[None] | None = None
        self._ready = asyncio.Event()

    async def follow(self, after_id: str | None) -> AsyncGenerator[Entry]:
        """Events for ever: those after an id that are still kept, then what comes.

        Yields:
            (id, event); or (id, None) when events are lost: the stream was cut, the broker came back empty, or the
            viewer took too long.
        """
        queue: asyncio.Queue[Entry] = asyncio.Queue(MAX_WAITING)
        self._join(queue)
        try:
            seen = EMPTY
            if after_id is not None:
                await self._ready.wait()  # from here on the queue misses nothing
                seen = after_id
                for entry in await self._missed(after_id):
                    seen = entry[0]
                    yield entry
            while True:
                event_id, event = await queue.get()
                if event is None:
                    seen = EMPTY  # the broker may count anew
                elif _order(event_id) <= _order(seen):
                    continue  # it was among those that were missed
                yield event_id, event
        finally:
            self._leave(queue)

    def _join(self, queue: asyncio.Queue[Entry]) -> None:
        self._waiting.add(queue)
        if self._reader is None:
            self._reader = asyncio.create_task(self._read_for_ever())

    def _leave(self, queue: asyncio.Queue[Entry]) -> None:
        self._waiting.discard(queue)
        if not self._waiting and self._reader is not None:
            self._reader.cancel()
            self._reader = None
            self._ready.clear()

    async def _read_for_ever(self) -> None:
        while True:
            try:
                start = await self._bus.newest()
                self._ready.set()
                async with contextlib.aclosing(self._bus.read(start)) as entries:
                    async for entry in entries:
                        if entry is not None:
                            self._hand_on(entry)
            except redis.RedisError:
                await asyncio.sleep(RETRY_SECONDS)
            except Exception as error:  # the edge of the task: nobody else would hear of it
                log.error("events cannot be read", reason=str(error), exc_info=error)
                self._hand_on((EMPTY, None))
                await asyncio.sleep(RETRY_SECONDS)

    def _hand_on(self, entry: Entry) -> None:
        for queue in self._waiting:
            if queue.full():  # a page that does not read: it fetches everything when it does
                while not queue.empty():
                    queue.get_nowait()
                queue.put_nowait((entry[0], None))
            else:
                queue.put_nowait(entry)

    async def _missed(self, after_id: str) -> list[Entry]:
        while True:
            try:
                return await self._bus.since(after_id)
            except redis.RedisError:
                await asyncio.sleep(RETRY_SECONDS)


_viewers: WeakKeyDictionary[asyncio.AbstractEventLoop, WeakKeyDictionary[EventBus, Viewers]] = WeakKeyDictionary()


def viewers_of(bus: EventBus) -> Viewers:
    """The viewers of a bus in the running event loop."""
    here = _viewers.setdefault(asyncio.get_running_loop(), WeakKeyDictionary())
    if bus not in here:
        here[bus] = Viewers(bus)
    return here[bus]


def _order(event_id: str) -> tuple[int, int]:
    milliseconds, _, number = event_id.partition("-")
    return int(milliseconds), int(number)
