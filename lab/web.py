"""The web process: `python -m lab.web [all | api | dashboard]`.

`all` serves API and dashboard as one application on one origin; the other two serve one of them alone, behind a proxy.
"""

import gc
import sys

import httpx
import uvicorn
from fastapi import FastAPI

from backend.api.app import create_api
from backend.api.guards import Authentication, OriginGuard
from backend.api.in_process import in_process_transport
from backend.api.security import current_principal, tokens
from backend.client import AsyncClient
from backend.settings import Settings, settings
from frontend.app import create_dashboard

GRACE_SECONDS = 2
COLLECT_AFTER = 50_000
"""New objects between two garbage collections. Python's own 700 doubles the time of an answer of 60,000 values."""


class AsVisitor(httpx.AsyncHTTPTransport):
    """Sends the dashboard's calls with the token of the person whose page makes them."""

    def __init__(self, own: Settings) -> None:
        super().__init__()
        self._secrets = {token.principal: token.secret for token in tokens(own)}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Add the visitor's token, if there are tokens, and send."""
        visitor = current_principal.get()
        if visitor in self._secrets:
            request.headers["Authorization"] = f"Bearer {self._secrets[visitor]}"
        return await super().handle_async_request(request)


def create_all(own: Settings) -> FastAPI:
    """API and dashboard in one application: a page's calls have the rights of the request that makes them."""
    server = create_api()
    create_dashboard(server, AsyncClient(f"http://127.0.0.1:{own.port}", transport=in_process_transport(server)))
    return server


def create_dashboard_alone(own: Settings) -> FastAPI:
    """The dashboard alone, behind the same guards; the API is at `API_URL`."""
    server = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    server.add_middleware(Authentication, settings=own)
    server.add_middleware(OriginGuard, settings=own)
    create_dashboard(server, AsyncClient(own.api_url, transport=AsVisitor(own)))
    return server


PARTS = {"all": create_all, "api": lambda _: create_api(), "dashboard": create_dashboard_alone}


def main(part: str = "all") -> None:
    """Serve one part, or all, until SIGTERM."""
    if part not in PARTS:
        sys.exit(f"lab.web: {part!r} is not a part: {', '.join(PARTS)}")
    own = settings()
    server = PARTS[part](own)
    gc.freeze()  # what is there now stays: it need not be looked through again
    gc.set_threshold(COLLECT_AFTER)
    uvicorn.run(
        server,
        host=own.host,
        port=own.port,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
