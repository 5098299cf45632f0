"""Server-sent events: what changes, as it changes."""

import re
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated

from fastapi import APIRouter, Header, Query
from sse_starlette.event import ServerSentEvent
from sse_starlette.sse import EventSourceResponse

from backend.api.deps import Lab
from backend.services.laboratory import Laboratory
from backend.storage.viewers import viewers_of

router = APIRouter(tags=["house"])

HEARTBEAT_SECONDS = 15
RECONNECT_MILLISECONDS = 1000
_STREAM_ID = re.compile(r"\d{1,19}-\d{1,19}")
_DOCUMENTED = {
    200: {
        "description": "A stream: `id`, and `data` with an Event. `event: reset` says that events were lost.",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    }
}


@router.get("/events", summary="Events", response_class=EventSourceResponse, responses=_DOCUMENTED)  # type: ignore[arg-type]
async def events(
    lab: Lab,
    last_event_id: Annotated[str, Header(description="Continue after this event.", max_length=64)] = "",
    after: Annotated[str, Query(description="The same, for the first connection of a page.", max_length=64)] = "",
) -> EventSourceResponse:
    """Continue after the last event seen, or begin with the next one.

    A comment every 15 seconds keeps the connection alive. An event only says what to fetch: rows are the truth.
    """
    stream = follow(lab, last_event_id or after or None)
    return EventSourceResponse(stream, ping=HEARTBEAT_SECONDS, sep="\n", send_timeout=HEARTBEAT_SECONDS * 2)


async def follow(lab: Laboratory, after_id: str | None) -> AsyncGenerator[ServerSentEvent]:
    """The events of the laboratory in the form of the stream."""
    yield ServerSentEvent(comment="the laboratory listens", retry=RECONNECT_MILLISECONDS)
    if after_id is not None and not _STREAM_ID.fullmatch(after_id):
        yield reset("")
        after_id = None
    async with aclosing(viewers_of(lab.events).follow(after_id)) as found:
        async for event_id, event in found:
            if event is None:
                yield reset(event_id)
            else:
                yield ServerSentEvent(event.model_dump_json(exclude_none=True), id=event_id)


def reset(event_id: str) -> ServerSentEvent:
    """Tell the client that it has missed events and must fetch what it shows again."""
    return ServerSentEvent("{}", event="reset", id=event_id)
