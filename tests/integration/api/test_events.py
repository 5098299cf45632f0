"""Server-sent events as a browser and a program meet them."""

import asyncio
import signal
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, contextmanager
from itertools import islice

import httpx
import pytest
import redis

from backend.api.app import create_api
from backend.api.in_process import in_process_transport
from backend.client import AsyncClient, Client, ReceivedEvent
from backend.client.events import StreamParser
from backend.contracts.messages import Event
from backend.services.laboratory import Laboratory, open_laboratory
from backend.settings import Settings
from backend.storage.events import STREAM
from tests.conftest import Broker
from tests.hands import submit
from tests.integration.api.conftest import Live
from tests.integration.api.serving import api_process, serve

SILENCE_SECONDS = 10  # shorter than a heartbeat: a test that waits for nothing fails


def announce(lab: Laboratory, *names: str) -> None:
    lab.announce(*(Event(kind="job", id=name) for name in names))


@contextmanager
def listening(url: str, last_event_id: str = "") -> Iterator[Iterator[ReceivedEvent]]:
    headers = {"Last-Event-ID": last_event_id} if last_event_id else {}
    with httpx.stream("GET", f"{url}/api/v1/events", headers=headers, timeout=SILENCE_SECONDS) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        assert "no-store" in response.headers["cache-control"]
        lines = response.iter_lines()
        assert next(lines).startswith(":"), "a first line at once, so that the client knows that it is connected"
        time.sleep(0.3)  # the stream is read from its end on: let it find the end
        yield _events(lines)


def _events(lines: Iterator[str]) -> Iterator[ReceivedEvent]:
    parser = StreamParser()
    for line in lines:
        yield from parser.feed(line)


def names(events: Iterator[ReceivedEvent], count: int) -> list[str | None]:
    return [one.event.id if one.event else None for one in islice(events, count)]


def test_a_change_arrives_within_a_second(live: Live) -> None:
    with listening(live.url) as events:
        started = time.monotonic()
        study = submit(live.lab)
        first = next(events)
        assert time.monotonic() - started < 1.0
        assert first.event is not None
        assert (first.event.kind, first.event.id, first.event.state) == ("study", study.id, "queued")


def test_a_client_that_comes_back_misses_nothing_and_sees_nothing_twice(live: Live) -> None:
    with listening(live.url) as events:
        announce(live.lab, "a", "b", "c")
        seen = list(islice(events, 2))
    announce(live.lab, "d")
    with listening(live.url, seen[-1].id) as events:
        announce(live.lab, "e")
        assert names(events, 3) == ["c", "d", "e"]


def test_a_page_may_give_the_id_in_its_address(live: Live) -> None:
    announce(live.lab, "a", "b")
    first, _ = redis.Redis.from_url(live.lab.settings.redis).xrange(STREAM)
    with Client(live.url) as client:
        stream = client._http.stream("GET", "/api/v1/events", params={"after": first[0].decode()})
        with stream as response:
            assert names(_events(response.iter_lines()), 1) == ["b"]


@pytest.mark.parametrize("lost", ["1-1", "99999999999999-0", "not an id"])
def test_an_id_that_is_gone_is_answered_by_a_reset(live: Live, lost: str) -> None:
    announce(live.lab, "a", "b")
    with listening(live.url, lost) as events:
        assert names(events, 1) == [None]
        announce(live.lab, "c")
        assert names(events, 1) == ["c"], "what is older than the reset is fetched, not replayed"


@pytest.fixture
def fragile(own_broker: Broker, sqlite_url: str, tmp_path: object) -> Iterator[Live]:
    """A served laboratory whose broker may be hurt."""
    settings = Settings(dilution_lab_home=own_broker.home, database_url=sqlite_url, models_store=str(tmp_path))
    lab = open_laboratory(settings)
    with serve(create_api(lab)) as url, httpx.Client(base_url=f"{url}/api/v1") as http:
        yield Live(lab, url, http)
    lab.close()


def test_a_stream_outlives_its_broker(fragile: Live, own_broker: Broker) -> None:
    with listening(fragile.url) as events:
        announce(fragile.lab, "before")
        assert names(events, 1) == ["before"]
        own_broker.kill()
        time.sleep(1.5)
        own_broker.start()
        time.sleep(1.2)
        announce(fragile.lab, "after")
        assert names(events, 1) == ["after"]


def test_a_broker_that_comes_back_empty_is_a_reset(fragile: Live, own_broker: Broker) -> None:
    with listening(fragile.url) as events:
        announce(fragile.lab, "before")
        assert names(events, 1) == ["before"]
        own_broker.kill()
        for file in own_broker.socket.parent.glob("appendonlydir/*"):
            file.unlink()
        own_broker.start()
        assert names(events, 1) == [None]
        time.sleep(1.2)
        announce(fragile.lab, "after")
        assert names(events, 1) == ["after"]


def test_a_stream_opens_while_the_broker_is_down(fragile: Live, own_broker: Broker) -> None:
    own_broker.kill()
    with listening(fragile.url) as events:
        own_broker.start()
        time.sleep(2.5)
        announce(fragile.lab, "after")
        assert names(events, 1) == ["after"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_open_streams_do_not_hold_up_a_shutdown(laboratory: Laboratory, number: int) -> None:
    with api_process(laboratory.settings) as api, listening(api.url), listening(api.url):
        assert api.stop(number) < 10


def test_the_client_follows_across_a_restart(laboratory: Laboratory) -> None:
    with api_process(laboratory.settings) as api, Client(api.url) as client:
        events = client.events()
        deadline = threading.Timer(120, client.close)  # it would come back for ever
        deadline.start()
        threading.Timer(1.0, announce, (laboratory, "a")).start()
        first = next(events)
        assert first.event is not None
        assert first.event.id == "a"
        api.stop(signal.SIGKILL)
        announce(laboratory, "b")
        with api_process(laboratory.settings, port=api.port):
            assert names(events, 1) == ["b"]
        deadline.cancel()


def test_inside_the_process_events_stream_too(live: Live) -> None:
    app = create_api(live.lab)
    app.state.lab = live.lab
    announce(live.lab, "a")

    async def first() -> ReceivedEvent:
        async with AsyncClient("http://127.0.0.1", transport=in_process_transport(app)) as client:
            return await anext(client.events("0-0"))

    received = asyncio.run(asyncio.wait_for(first(), 10))
    assert received.event is not None
    assert received.event.id == "a"


NUM_VIEWERS = 200


def test_two_hundred_viewers_share_one_reader(live: Live) -> None:
    """Kills: a connection to the broker or to the database, or a thread, for each open page; a page left out."""
    broker = redis.Redis.from_url(live.lab.settings.redis)
    idle = len(broker.client_list())

    async def watch() -> tuple[list[str], int, int]:
        async with AsyncExitStack() as stack:
            limits = httpx.Limits(max_connections=None)
            http = await stack.enter_async_context(httpx.AsyncClient(base_url=live.url, limits=limits, timeout=60))
            threads = threading.active_count()
            lines = []
            for _ in range(NUM_VIEWERS):
                response = await stack.enter_async_context(http.stream("GET", "/api/v1/events"))
                lines.append(response.aiter_lines())
                assert (await anext(lines[-1])).startswith(":")
            await asyncio.sleep(0.5)
            held = len(broker.client_list()) - idle
            live.lab.announce(Event(kind="job", id="seen by all"))
            seen = await asyncio.gather(*map(_first_data, lines))
            return seen, held, threading.active_count() - threads

    seen, held, more_threads = asyncio.run(asyncio.wait_for(watch(), 120))
    assert seen == ['data: {"kind":"job","id":"seen by all"}'] * NUM_VIEWERS
    assert held <= 1
    assert more_threads <= 2
    pool = live.lab.database.engine.pool
    assert pool.checkedout() == 0  # type: ignore[attr-defined]
    deadline = time.monotonic() + 20
    while len(broker.client_list()) > idle + 1:  # the publisher's own connection stays
        assert time.monotonic() < deadline, "the reader goes on when nobody looks"
        time.sleep(0.1)


async def _first_data(lines: AsyncIterator[str]) -> str:
    async for line in lines:
        if line.startswith("data"):
            return line
    raise AssertionError("the stream ended")
