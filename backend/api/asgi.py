"""What the ASGI middlewares share."""

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

API_PREFIX = "/api/"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})


def is_api(scope: Scope) -> bool:
    """Whether the request is for the API rather than for a page."""
    return str(scope["path"]).startswith(API_PREFIX)


def is_unsafe(scope: Scope) -> bool:
    """Whether the request may change something."""
    return scope["type"] == "http" and scope["method"] not in SAFE_METHODS


def is_event_stream(scope: Scope) -> bool:
    """Whether the request is for server-sent events."""
    return str(scope["path"]) == "/api/v1/events" or "text/event-stream" in Headers(scope=scope).get("accept", "")


async def refuse(scope: Scope, receive: Receive, send: Send, response: Response) -> None:
    """Answer instead of the application; a WebSocket is closed before it opens (policy violation)."""
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008, "reason": ""})
    else:
        await response(scope, receive, send)
