"""The way from a page's callback to the API of the same process, without a socket."""

import httpx
from starlette.types import ASGIApp, Receive, Scope, Send

_MARK = "dilution_lab.in_process"


def in_process_transport(app: ASGIApp) -> httpx.ASGITransport:
    """A transport for `AsyncClient` into `app`: the call has the rights of the request that makes it.

    It buffers answers: event streams need a real connection.
    """

    async def marked(scope: Scope, receive: Receive, send: Send) -> None:
        await app({**scope, _MARK: True}, receive, send)

    return httpx.ASGITransport(app=marked)


def is_in_process(scope: Scope) -> bool:
    """Whether the request came through `in_process_transport`; no client can claim that over the network."""
    return scope.get(_MARK) is True
