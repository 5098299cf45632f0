"""The way from a page's callback to the API of the same process, without a socket."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
from starlette.types import ASGIApp, Message, Scope

_MARK = "dilution_lab.in_process"


def is_in_process(scope: Scope) -> bool:
    """Whether the request came through `InProcessTransport`; no client can claim that over the network."""
    return scope.get(_MARK) is True


def in_process_transport(app: ASGIApp) -> "InProcessTransport":
    """A transport for `AsyncClient` into `app`."""
    return InProcessTransport(app)


class InProcessTransport(httpx.AsyncBaseTransport):
    """A transport for `AsyncClient` into `app`: the call has the rights of the request in which it is made.

    Answers stream, so that events arrive as they happen.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Run the application on the request and wait for the head of its answer."""
        exchange = _Exchange(await request.aread())
        # The task copies our context, and with it the principal of the request that we serve.
        exchange.task = asyncio.create_task(self._run(_scope(request), exchange))
        try:
            start = await exchange.messages.get()
        except asyncio.CancelledError:
            exchange.task.cancel()
            raise
        if start is None:
            raise httpx.RemoteProtocolError("the application ended without an answer", request=request)
        return httpx.Response(start["status"], headers=start["headers"], stream=exchange)

    async def _run(self, scope: Scope, exchange: "_Exchange") -> None:
        try:
            await self.app(scope, exchange.receive, exchange.messages.put)
        finally:
            exchange.messages.put_nowait(None)


class _Exchange(httpx.AsyncByteStream):
    def __init__(self, body: bytes) -> None:
        self._body: bytes | None = body
        self._left = asyncio.Event()
        self.messages: asyncio.Queue[Message | None] = asyncio.Queue()
        self.task: asyncio.Task[None] | None = None

    async def receive(self) -> Message:
        if self._body is not None:
            body, self._body = self._body, None
            return {"type": "http.request", "body": body, "more_body": False}
        await self._left.wait()
        return {"type": "http.disconnect"}

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while (message := await self.messages.get()) is not None:
            yield message.get("body", b"")
            if not message.get("more_body", False):
                return

    async def aclose(self) -> None:
        self._left.set()
        if self.task is not None:
            self.task.cancel()
            await asyncio.wait([self.task])


def _scope(request: httpx.Request) -> dict[str, Any]:
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": request.method,
        "scheme": request.url.scheme,
        "path": request.url.path,
        "raw_path": request.url.raw_path.split(b"?")[0],
        "query_string": request.url.query,
        "root_path": "",
        "headers": [(name.lower(), value) for name, value in request.headers.raw],
        "server": (request.url.host, request.url.port),
        "client": ("127.0.0.1", 0),
        "state": {},
        _MARK: True,
    }
