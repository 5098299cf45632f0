import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import redis

from backend.contracts.messages import Event
from backend.storage import viewers
from backend.storage.events import STREAM, EventBus
from backend.storage.viewers import Viewers, viewers_of


@pytest.fixture
def bus(broker_url: str) -> Iterator[EventBus]:
    bus = EventBus(broker_url)
    yield bus
    bus.close()


def publish(bus: EventBus, *names: int) -> None:
    for name in names:
        assert bus.publish(Event(kind="job", id=str(name)))


async def take(entries: AsyncIterator[tuple[str, Event | None]], count: int) -> list[str | None]:
    found = [await anext(entries) for _ in range(count)]
    return [event.id if event else None for _, event in found]


def run(coroutine: Any) -> Any:
    return asyncio.run(asyncio.wait_for(coroutine, 20))


def test_who_comes_back_gets_what_was_missed_and_then_the_news_once(bus: EventBus, broker_url: str) -> None:
    """Kills: missed events left out, events between the two seen twice or never."""
    publish(bus, 1, 2, 3)
    first = redis.Redis.from_url(broker_url).xrange(STREAM, count=1)[0][0].decode()

    async def follow() -> None:
        shared = Viewers(bus)
        other = shared.follow(None)
        waiting = asyncio.create_task(take(other, 2))
        await asyncio.sleep(0.3)
        entries = shared.follow(first)
        assert await take(entries, 1) == ["2"]
        publish(bus, 4)
        assert await take(entries, 2) == ["3", "4"]
        publish(bus, 5)
        assert await take(entries, 1) == ["5"]
        assert await waiting == ["4", "5"]
        await entries.aclose()  # type: ignore[attr-defined]
        await other.aclose()  # type: ignore[attr-defined]

    run(follow())


def test_news_that_come_while_the_past_is_read_are_seen_once(bus: EventBus, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kills: no comparison of the queue with what was missed."""
    publish(bus, 1)
    since = bus.since

    async def slow(after_id: str) -> Any:
        publish(bus, 2)
        await asyncio.sleep(0.3)  # the reader has it, and the past will have it too
        return await since(after_id)

    monkeypatch.setattr(bus, "since", slow)

    async def follow() -> None:
        entries = Viewers(bus).follow("0-0")
        assert await take(entries, 2) == ["1", "2"]
        publish(bus, 3)
        assert await take(entries, 1) == ["3"]
        await entries.aclose()  # type: ignore[attr-defined]

    run(follow())


def test_a_viewer_that_does_not_read_is_told_that_it_missed_something(
    bus: EventBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kills: a queue without an end; a viewer that waits for ever; others that wait with it."""
    monkeypatch.setattr(viewers, "MAX_WAITING", 3)

    async def follow() -> None:
        shared = Viewers(bus)
        lazy, eager = shared.follow(None), shared.follow(None)
        first = asyncio.gather(take(lazy, 1), take(eager, 1))
        await asyncio.sleep(0.3)
        publish(bus, 0)
        assert await first == [["0"], ["0"]]
        for number in range(1, 6):
            publish(bus, number)
            assert await take(eager, 1) == [str(number)]
        assert await take(lazy, 2) == [None, "5"]
        await lazy.aclose()  # type: ignore[attr-defined]
        await eager.aclose()  # type: ignore[attr-defined]

    run(follow())


def test_each_loop_has_its_own_reader(bus: EventBus) -> None:
    async def both() -> list[Viewers]:
        return [viewers_of(bus), viewers_of(bus)]

    (one, same), (other, _) = run(both()), run(both())
    assert one is same
    assert one is not other
