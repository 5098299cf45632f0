"""The web process: `python -m lab.web [all | api | dashboard]`.

`all` serves API and dashboard as one application on one origin; the other two serve one of them alone, behind a proxy.
"""

import sys

import uvicorn
from fastapi import FastAPI

from backend.api.app import create_api
from backend.client import AsyncClient
from backend.settings import Settings, settings
from frontend.app import create_dashboard

GRACE_SECONDS = 2


def _token(own: Settings) -> str | None:
    return own.api_token.get_secret_value() if own.api_token else None


def create_all(own: Settings) -> FastAPI:
    """API and dashboard in one application. The dashboard calls the API over loopback, as any program would."""
    server = create_api()
    create_dashboard(server, AsyncClient(f"http://127.0.0.1:{own.port}", token=_token(own)))
    return server


def create_dashboard_alone(own: Settings) -> FastAPI:
    """The dashboard alone; the API is at `API_URL`."""
    server = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    create_dashboard(server, AsyncClient(own.api_url, token=_token(own)))
    return server


PARTS = {"all": create_all, "api": lambda _: create_api(), "dashboard": create_dashboard_alone}


def main(part: str = "all") -> None:
    """Serve one part, or all, until SIGTERM."""
    if part not in PARTS:
        sys.exit(f"lab.web: {part!r} is not a part: {', '.join(PARTS)}")
    own = settings()
    uvicorn.run(
        PARTS[part](own),
        host=own.host,
        port=own.port,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
