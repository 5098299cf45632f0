"""Events: a capped Redis stream that tells open pages what changed. Rows stay the truth."""

import asyncio
import time
from collections.abc import AsyncGenerator
from typing import Any

import redis
import redis.asyncio

from backend.contracts.messages import Event

STREAM = "events"
MAX_EVENTS = 5000
EMPTY = "0-0"  # the id before every event
_RETRY_SECONDS = 1.0
_DOWN_SECONDS = 1.0  # after a failure, so long nothing is tried: a dead broker must not slow a training


class EventBus:
    """Publishes events and follows them.

    Args:
        redis_url: URL for redis-py (`redis://...`, `unix://...`).
    """

    def __init__(self, redis_url: str) -> None:
        self._url = redis_url
        self._client = redis.Redis.from_url(redis_url, socket_connect_timeout=1, socket_timeout=1)
        self._down_until = 0.0

    def publish(self, event: Event) -> bool:
        """Send an event. False, and no error, when the broker does not answer: the rows have the news."""
        if time.monotonic() < self._down_until:
            return False
        fields: Any = {"event": event.model_dump_json(exclude_none=True)}
        try:
            self._client.xadd(STREAM, fields, maxlen=MAX_EVENTS, approximate=True)
        except redis.RedisError:
            self._down_until = time.monotonic() + _DOWN_SECONDS
            return False
        return True

    def ping(self) -> bool:
        """Whether the broker answers."""
        try:
            return bool(self._client.ping())
        except redis.RedisError:
            return False

    async def read(
        self, after_id: str | None = None, block_seconds: float = 10.0
    ) -> AsyncGenerator[tuple[str, Event | None] | None]:
        """Follow events for ever.

        Args:
            after_id: id of the last event seen (Last-Event-ID); None: only what comes from now on.
            block_seconds: longest silence.

        Yields:
            (id, event); (id, None) when events between the last id and this one are lost, because the stream was cut
            or the broker came back empty; or None after each silence, so that the caller can keep its connection
            alive. A broker that is down is a silence: following goes on when it is back.
        """
        client = redis.asyncio.Redis.from_url(self._url, socket_connect_timeout=1)
        last, sure = after_id, False
        try:
            while True:
                batch: list[tuple[str, Event | None]] = []
                try:
                    if not sure:
                        last = last or await _newest(client)
                        batch = await _gap(client, last)
                        sure = True
                    batch = batch or await _next_entries(client, last or EMPTY, block_seconds)
                except redis.RedisError:
                    sure = False
                    await asyncio.sleep(_RETRY_SECONDS)
                if not batch:
                    yield None
                for last, event in batch:
                    yield last, event
        finally:
            await client.aclose()

    async def newest(self) -> str:
        """The id of the newest event. Raises `redis.RedisError` when the broker does not answer."""
        async with redis.asyncio.Redis.from_url(self._url, socket_connect_timeout=1) as client:
            return await _newest(client)

    async def since(self, after_id: str) -> list[tuple[str, Event | None]]:
        """Every event after an id, as `read` would give them. Raises `redis.RedisError` like `newest`."""
        async with redis.asyncio.Redis.from_url(self._url, socket_connect_timeout=1) as client:
            if lost := await _gap(client, after_id):
                return lost
            entries: Any = await client.xrange(STREAM, f"({after_id}", "+")
            return [(entry_id.decode(), Event.model_validate_json(fields[b"event"])) for entry_id, fields in entries]

    def close(self) -> None:
        """Close the connections."""
        self._client.close()


async def _newest(client: Any) -> str:
    entries = await client.xrevrange(STREAM, count=1)
    return entries[0][0].decode() if entries else EMPTY


async def _gap(client: Any, last: str) -> list[tuple[str, Event | None]]:
    """One entry without an event if the stream does not hold `last` any more: what came after it may be lost too."""
    if last == EMPTY or await client.xrange(STREAM, last, last, count=1):
        return []
    return [(await _newest(client), None)]


async def _next_entries(client: Any, last: str, block_seconds: float) -> list[tuple[str, Event | None]]:
    answer = await client.xread({STREAM: last}, count=500, block=max(1, int(block_seconds * 1000)))
    return [
        (entry_id.decode(), Event.model_validate_json(fields[b"event"]))
        for _, entries in _streams(answer)
        for entry_id, fields in entries
    ]


def _streams(answer: Any) -> list[tuple[Any, Any]]:
    # redis-py answers with a list on protocol 2, and with a mapping of lists of batches on protocol 3.
    if isinstance(answer, dict):
        return [(name, [entry for batch in batches for entry in batch]) for name, batches in answer.items()]
    return list(answer or [])
