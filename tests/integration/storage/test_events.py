import asyncio
import socket
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import redis

from backend.contracts.messages import Event
from backend.storage.events import MAX_EVENTS, STREAM, EventBus
from tests.conftest import Broker

Entry = tuple[str, Event] | None


def event(number: int) -> Event:
    return Event(kind="job", id=str(number), fraction=number / 10)


@pytest.fixture
def bus(broker_url: str) -> Iterator[EventBus]:
    bus = EventBus(broker_url)
    yield bus
    bus.close()


async def take(entries: AsyncIterator[Entry], count: int) -> list[tuple[str, Event]]:
    found: list[tuple[str, Event]] = []
    async for entry in entries:
        if entry is not None:
            found.append(entry)
        if len(found) == count:
            return found
    raise AssertionError("the stream ended")


def run(coroutine: Any) -> Any:
    return asyncio.run(asyncio.wait_for(coroutine, 20))


def test_events_after_an_id_come_in_order_and_only_once(bus: EventBus) -> None:
    for number in range(5):
        assert bus.publish(event(number))

    async def follow() -> None:
        first = await take(bus.read("0-0"), 2)
        rest = await take(bus.read(first[-1][0]), 3)
        assert [one.id for _, one in first + rest] == ["0", "1", "2", "3", "4"]

    run(follow())


def test_without_an_id_only_news_come(bus: EventBus) -> None:
    bus.publish(event(1))

    async def follow() -> None:
        entries = bus.read(block_seconds=0.05)
        assert await anext(entries) is None, "a silence first"
        bus.publish(event(2))
        [(_, news)] = await take(entries, 1)
        assert news == event(2)

    run(follow())


def test_nothing_is_lost_between_two_reads(bus: EventBus) -> None:
    async def follow() -> None:
        entries = bus.read(block_seconds=0.05)
        await anext(entries)
        for number in range(700):  # more than one read brings
            bus.publish(event(number))
        assert [one.id for _, one in await take(entries, 700)] == [str(number) for number in range(700)]

    run(follow())


def test_the_stream_keeps_the_newest(bus: EventBus, broker_url: str) -> None:
    client = redis.Redis.from_url(broker_url)
    with client.pipeline() as pipeline:
        for _ in range(MAX_EVENTS + 500):
            pipeline.xadd(STREAM, {"event": event(0).model_dump_json()})
        pipeline.execute()
    bus.publish(event(1))
    assert MAX_EVENTS <= client.xlen(STREAM) < MAX_EVENTS + 200
    client.close()


def test_a_dead_broker_neither_raises_nor_slows(own_broker: Broker) -> None:
    bus = EventBus(own_broker.url)
    assert bus.publish(event(1))
    own_broker.kill()
    assert not bus.ping()
    start = time.monotonic()
    assert [bus.publish(event(number)) for number in range(1000)] == [False] * 1000
    assert time.monotonic() - start < 1.5
    own_broker.start()
    time.sleep(1.1)
    assert bus.publish(event(2))
    bus.close()


def test_a_broker_that_hangs_slows_a_publisher_once_a_second_at_most() -> None:
    with socket.socket() as deaf:  # takes connections and never answers
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()
        bus = EventBus(f"redis://127.0.0.1:{deaf.getsockname()[1]}")
        start = time.monotonic()
        assert [bus.publish(event(number)) for number in range(100)] == [False] * 100
        assert time.monotonic() - start < 20, "one timeout, not a hundred"
        bus.close()


def test_following_goes_on_when_the_broker_is_back(own_broker: Broker) -> None:
    bus = EventBus(own_broker.url)
    bus.publish(event(1))

    async def follow() -> None:
        entries = bus.read("0-0", block_seconds=0.05)
        await take(entries, 1)
        own_broker.kill()
        assert await anext(entries) is None
        own_broker.start()
        other = EventBus(own_broker.url)
        other.publish(event(2))
        [(_, news)] = await take(entries, 1)
        assert news == event(2)
        other.close()

    run(follow())
    bus.close()
