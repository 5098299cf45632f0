"""Answers that many ask for are made once: shared until the database changes, and then made anew."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from anyio.to_thread import run_sync
from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.responses import FileResponse, StreamingResponse

from backend.storage.database import Database

KEPT_SECONDS = 1.0
"""Of what is in no row: whether a worker that gave no sign of life is still alive. It is looked at once a second."""
MOST_ANSWERS = 256
MOST_BYTES = 200_000

Make = Callable[[Request], Coroutine[Any, Any, Response]]


class SharedRoute(APIRoute):
    """A route whose GET answers follow from address, `Accept` and database alone: whoever asks, whenever."""

    def get_route_handler(self) -> Make:
        """The handler, which asks for a shared answer first."""
        make = super().get_route_handler()
        if "GET" not in (self.methods or ()):
            return make

        async def shared(request: Request) -> Response:
            answers: SharedAnswers = request.app.state.answers
            return await answers.get(request, make)

        return shared


@dataclass(eq=False)
class _Place:
    """Where an answer is kept. `lock`: who asks while it is made waits for it instead of making another."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    snapshot: str | None = None
    made_at: float = 0.0
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: bytes = b""

    def is_current(self, snapshot: str, now: float) -> bool:
        return self.snapshot == snapshot and now - self.made_at < KEPT_SECONDS


class SharedAnswers:
    """The last answer to each question, with the name of the snapshot that it was made from, or an older one's.

    The name is read after a request has come and before its answer is made, so nobody gets an answer that is older
    than the question.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._places: OrderedDict[tuple[str, str, str], _Place] = OrderedDict()

    async def get(self, request: Request, make: Make) -> Response:
        """The answer that is there, if nothing changed since, or a new one."""
        place = self._place((request.url.path, request.url.query, request.headers.get("accept", "")))
        async with place.lock:
            now = time.monotonic()
            snapshot = await run_sync(self._database.snapshot.read)
            if snapshot is not None and place.is_current(snapshot, now):
                return _response(place)
            response = await make(request)
            if snapshot is not None and _is_kept(response):
                place.snapshot, place.made_at = snapshot, now
                place.headers, place.body = list(response.raw_headers), bytes(response.body)
            return response

    def _place(self, question: tuple[str, str, str]) -> _Place:
        place = self._places.setdefault(question, _Place())
        self._places.move_to_end(question)
        if len(self._places) > MOST_ANSWERS:
            self._places.popitem(last=False)
        return place


def _is_kept(response: Response) -> bool:
    whole = not isinstance(response, FileResponse | StreamingResponse) and response.background is None
    return whole and response.status_code == 200 and len(response.body) <= MOST_BYTES


def _response(place: _Place) -> Response:
    response = Response(place.body)
    response.raw_headers = list(place.headers)  # what is outside adds its own to them
    return response
