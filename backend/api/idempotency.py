"""Idempotency-Key: a POST that is sent twice is done once, and both get the first answer, for 24 hours."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

import structlog
from anyio.to_thread import run_sync
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backend.api.asgi import is_api
from backend.api.errors import domain_problem, problem_response
from backend.services.errors import DomainError, storage_in_words
from backend.services.laboratory import Laboratory
from backend.storage.repositories import idempotency as rows

HEADER = "Idempotency-Key"
_KEY = re.compile(r"[\x20-\x7e]{1,255}")
_KEPT_HEADERS = ("content-type", "location", "retry-after", "cache-control")


log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class KeyedRequest:
    """A keyed request as the table knows it.

    Attributes:
        key: digest of who asks, the path and the client's key.
        digest: digest of the query and the body.
        path: for the messages.
    """

    key: str
    digest: str
    path: str

    @property
    def new_id(self) -> str:
        """The id of what this request makes: the same however often it is sent, even across a crash."""
        return _digest(self.key, self.digest)[:20]


class Idempotency:
    """Keeps the first answer to each keyed POST of the API, unless it was an error of ours (5xx)."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the request, or answer as the first time."""
        client_key = Headers(scope=scope).get(HEADER) if _may_be_keyed(scope) else None
        if client_key is None:
            await self.app(scope, receive, send)
        elif not _KEY.fullmatch(client_key):
            detail = f"{HEADER} must be 1 to 255 printable ASCII characters"
            await problem_response(400, detail)(scope, receive, send)
        else:
            await self._serve_once(client_key, scope, receive, send)

    async def _serve_once(self, client_key: str, scope: Scope, receive: Receive, send: Send) -> None:
        body = await _whole(receive)
        if body is None:
            return  # the client left in the middle of its request: nothing was asked
        request = _keyed(scope, client_key, body)
        lab: Laboratory = scope["app"].state.lab
        try:
            answer = await run_sync(_take, lab, request)
            if answer is None:
                await self._serve_first(lab, request, scope, _replayed(body, receive), send)
                return
        except DomainError as error:
            answer = domain_problem(error, request.path)
        await answer(scope, receive, send)

    async def _serve_first(
        self, lab: Laboratory, request: KeyedRequest, scope: Scope, receive: Receive, send: Send
    ) -> None:
        kept = _Recorder()
        try:
            await self.app({**scope, "keyed_request": request}, receive, kept)
        finally:
            await run_sync(_settle, lab, request, kept)
        await kept.forward(send)


class _Recorder:
    """Takes the application's answer, so that it is kept before it is sent."""

    def __init__(self) -> None:
        self.start: Message | None = None
        self.body = bytearray()

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.start = message
        elif message["type"] == "http.response.body":
            self.body += message.get("body", b"")

    @property
    def status(self) -> int:
        return int(self.start["status"]) if self.start else 500

    async def forward(self, send: Send) -> None:
        if self.start is not None:
            await send(self.start)
            await send({"type": "http.response.body", "body": bytes(self.body)})


def _may_be_keyed(scope: Scope) -> bool:
    # A session's answer is a secret cookie: it is never kept.
    return (
        scope["type"] == "http"
        and scope["method"] == "POST"
        and is_api(scope)
        and not scope["path"].endswith("/session")
    )


async def _whole(receive: Receive) -> bytes | None:
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message.get("body", b"")
        if not message.get("more_body", False):
            return bytes(body)


def _replayed(body: bytes, receive: Receive) -> Receive:
    given = False

    async def replay() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay


def _keyed(scope: Scope, client_key: str, body: bytes) -> KeyedRequest:
    principal = scope.get("principal")
    who = principal.name if principal else ""
    path = str(scope["path"])
    query = bytes(scope.get("query_string", b"")).decode("latin-1")
    asked = _digest(query, _canonical(body)) if query else _digest(_canonical(body))
    return KeyedRequest(_digest(who, path, client_key), asked, path)


def _canonical(body: bytes) -> str:
    # The same JSON in another spelling is the same request.
    try:
        return json.dumps(json.loads(body), sort_keys=True)
    except (ValueError, RecursionError):
        return hashlib.sha256(body).hexdigest()


def _digest(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _take(lab: Laboratory, request: KeyedRequest) -> Response | None:
    with storage_in_words(), lab.database.write() as session:
        row = rows.take(session, request.key, request.digest)
        if row is None:
            return None
        if row.request_digest != request.digest:
            detail = f"this {HEADER} was used with another body: use a new key for a new request"
            return problem_response(422, detail, instance=request.path)
        if row.status is None:
            detail = "the first request with this key is still in flight: ask again"
            return problem_response(409, detail, headers={"Retry-After": "1"}, instance=request.path)
        return _as_the_first_time(row.status, row.headers or {}, row.body or "")


def _as_the_first_time(status: int, headers: Mapping[str, str], body: str) -> Response:
    response = Response(body, status)
    replayed = MutableHeaders(raw=response.raw_headers)
    for name, value in headers.items():
        replayed[name] = value
    replayed["Idempotency-Replayed"] = "true"
    return response


def _settle(lab: Laboratory, request: KeyedRequest, kept: _Recorder) -> None:
    """Keep the answer, or give the key back when the failure is ours and a repetition may succeed.

    When the database refuses just now, the answer still stands: the key frees itself after two minutes, and what
    the request made has the id `new_id`, so that a repetition finds it.
    """
    try:
        _write(lab, request, kept)
    except DomainError as error:
        log.warning("first answer not kept", path=request.path, reason=str(error))


def _write(lab: Laboratory, request: KeyedRequest, kept: _Recorder) -> None:
    with storage_in_words(), lab.database.write() as session:
        if kept.start is None or kept.status >= 500 or kept.status == 429:
            rows.forget(session, request.key)
            return
        given = Headers(raw=kept.start["headers"])
        headers = {name: given[name] for name in _KEPT_HEADERS if name in given}
        rows.keep(session, request.key, kept.status, headers, kept.body.decode())
