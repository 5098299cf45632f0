"""How much one request may carry and how often one client may change things."""

import time
from collections import OrderedDict
from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backend.api.asgi import is_api, is_unsafe
from backend.api.errors import problem_response
from backend.contracts.machine_files import MAX_FILE_BYTES

API_BODY_BYTES = 1_000_000
PAGE_BODY_BYTES = 10_000_000  # a page's callbacks carry the state of the page
BURST = 120
PER_SECOND = 10.0
IMPORT_PATH = "/api/v1/machines"
_MAX_CLIENTS = 10_000


class BodyLimit:
    """Refuses a body that is too large: by its declared length before a byte is read, else while it comes."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the request or answer 413."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        limit = body_limit(scope)
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            _check_declared(scope, limit)
            await self.app(scope, _counted(receive, limit), watched)
        except HTTPException as error:
            if started or error.status_code != 413:
                raise
            headers = {"Connection": "close"}  # the rest of the body stays unread
            await problem_response(413, error.detail, headers=headers)(scope, receive, send)


def body_limit(scope: Scope) -> int:
    """How many bytes the body of a request may have."""
    if scope["path"] == IMPORT_PATH:
        return MAX_FILE_BYTES
    return API_BODY_BYTES if is_api(scope) else PAGE_BODY_BYTES


def _check_declared(scope: Scope, limit: int) -> None:
    declared = Headers(scope=scope).get("content-length", "0")
    if declared.isdecimal() and int(declared) > limit:
        raise HTTPException(413, _too_large(limit))


def _counted(receive: Receive, limit: int) -> Receive:
    seen = 0

    async def wrapped() -> Message:
        nonlocal seen
        message = await receive()
        if message["type"] == "http.request":
            seen += len(message.get("body", b""))
            if seen > limit:
                raise HTTPException(413, _too_large(limit))
        return message

    return wrapped


def _too_large(limit: int) -> str:
    return f"the body is larger than the {limit:,} bytes that are allowed here"


@dataclass
class _Bucket:
    tokens: float
    filled_at: float


class RateLimit:
    """A token bucket for each client on requests that change things: a burst, then so many a second.

    Counted by principal, or by address before a login, in this process.
    """

    def __init__(self, app: ASGIApp, burst: int = BURST, per_second: float = PER_SECOND) -> None:
        self.app = app
        self.burst = burst
        self.per_second = per_second
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the request or answer 429."""
        wait = self.wait_seconds(_client(scope), time.monotonic()) if is_unsafe(scope) and is_api(scope) else 0.0
        if wait <= 0.0:
            await self.app(scope, receive, send)
            return
        seconds = int(wait) + 1
        detail = f"too many requests: {self.per_second:g} a second are allowed; try again in {seconds} s"
        headers = {"Retry-After": str(seconds)}
        await problem_response(429, detail, headers=headers)(scope, receive, send)

    def wait_seconds(self, client: str, now: float) -> float:
        """Take one request from the client's bucket: 0, or how long until there is one."""
        bucket = self._buckets.pop(client, None) or _Bucket(self.burst, now)
        filled = min(self.burst, bucket.tokens + (now - bucket.filled_at) * self.per_second)
        allowed = filled >= 1.0
        self._buckets[client] = _Bucket(filled - allowed, now)
        while len(self._buckets) > _MAX_CLIENTS:
            self._buckets.popitem(last=False)
        return 0.0 if allowed else (1.0 - filled) / self.per_second


def _client(scope: Scope) -> str:
    principal = scope.get("principal")
    if principal is not None:
        return f"principal {principal.name}"
    return f"address {(scope.get('client') or ('unknown', 0))[0]}"
