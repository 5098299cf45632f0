"""The edge of every request: its id, one line in the log, and a problem when something unexpected is raised."""

import secrets
import time

import structlog
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backend.api.asgi import is_api
from backend.api.errors import unexpected_problem

CLIENT_LEFT = 499

log = structlog.get_logger(__name__)


class RequestEdge:
    """Logs method, path, status and duration (never a header, a query or a body) and catches what nobody caught."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id = secrets.token_hex(8)
        status = 0
        started = time.perf_counter()

        async def tagged(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)["X-Request-Id"] = request_id
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                await self.app(scope, receive, tagged)
            except Exception:  # the edge: nothing outside would draw it as a problem
                log.exception("request failed", method=scope["method"], path=scope["path"])
                if status:
                    raise
                await unexpected_problem(scope["path"])(scope, receive, tagged)
            finally:
                _write(scope, status or CLIENT_LEFT, time.perf_counter() - started)


def _write(scope: Scope, status: int, seconds: float) -> None:
    level = log.info if is_api(scope) or status >= 400 else log.debug
    level("request", method=scope["method"], path=scope["path"], status=status, wall_seconds=round(seconds, 4))
