"""ETag on every answer that is read, and 304 when the client has it already."""

import hashlib

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backend.api.asgi import is_api

_KEPT_ON_304 = ("cache-control", "content-location", "date", "etag", "expires", "vary", "link")


class ConditionalGet:
    """Holds back each whole 200 answer to a GET of the API, tags it by its content, and sends it or 304."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the request."""
        if scope["type"] == "http" and scope["method"] == "GET" and is_api(scope):
            asked = Headers(scope=scope).get("if-none-match", "")
            await self.app(scope, receive, _Tagged(send, asked))
        else:
            await self.app(scope, receive, send)


class _Tagged:
    def __init__(self, send: Send, if_none_match: str) -> None:
        self._send = send
        self._asked = _tags(if_none_match)
        self._start: Message | None = None
        self._body = bytearray()

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start" and _is_taggable(message):
            self._start = message
        elif self._start is None:
            await self._send(message)
        elif message["type"] == "http.response.body":
            self._body += message.get("body", b"")
            if not message.get("more_body", False):
                await self._finish(self._start)

    async def _finish(self, start: Message) -> None:
        headers = MutableHeaders(scope=start)
        if "ETag" not in headers:  # the route did not know a cheaper one
            headers["ETag"] = f'"{hashlib.sha256(self._body).hexdigest()[:32]}"'
        headers.setdefault("Cache-Control", "private, no-cache")
        if _is_known(headers["ETag"], self._asked):
            kept = [(name, value) for name, value in start["headers"] if name.decode().lower() in _KEPT_ON_304]
            await self._send({**start, "status": 304, "headers": kept})
            await self._send({"type": "http.response.body", "body": b""})
            return
        await self._send(start)
        await self._send({"type": "http.response.body", "body": bytes(self._body)})


def has_already(if_none_match: str, tag: str) -> bool:
    """Whether a client that sends this `If-None-Match` has the answer with this tag: it need not be made.

    Args:
        tag: the tag with its quotes.
    """
    return _is_known(tag, _tags(if_none_match))


def _tags(if_none_match: str) -> set[str]:
    return {tag.strip().removeprefix("W/") for tag in if_none_match.split(",")} - {""}


def _is_known(tag: str, asked: set[str]) -> bool:
    return tag in asked or "*" in asked


def _is_taggable(start: Message) -> bool:
    kind = Headers(raw=start["headers"]).get("content-type", "")
    return start["status"] == 200 and not kind.startswith("text/event-stream")
