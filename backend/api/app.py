"""The application: guards outside, routes inside, one sweep a second beside them."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from importlib.metadata import version
from pathlib import Path

from anyio.to_thread import run_sync
from fastapi import APIRouter, FastAPI
from fastapi.responses import FileResponse
from starlette.middleware import Middleware
from starlette.routing import Route

from backend.api.conditional import ConditionalGet
from backend.api.deps import PREFIX
from backend.api.edge import RequestEdge
from backend.api.errors import register_error_handlers
from backend.api.guards import LOGIN_PATH, Authentication, OriginGuard
from backend.api.idempotency import Idempotency
from backend.api.limits import BodyLimit, RateLimit
from backend.api.openapi import PROBLEMS, document
from backend.api.routes import routers
from backend.api.security import check_binding, is_loopback, tokens
from backend.api.shared_answers import SharedAnswers
from backend.api.sweeper import Sweeper
from backend.api.unknown import UnknownPath
from backend.logging import configure_logging
from backend.services.laboratory import Laboratory, open_laboratory
from backend.settings import Settings
from backend.settings import settings as settings_of_this_process

ASSETS = Path(__file__).parent / "assets"


def create_api(lab: Laboratory | None = None, settings: Settings | None = None) -> FastAPI:
    """The API under /api/v1, ready for a dashboard to be added.

    Args:
        lab: a laboratory that the caller opened and closes; else one is opened for the life of the application.
        settings: of the laboratory to open; else from the environment.

    Raises:
        BindingRefused: the address is open to other computers and no token is set.
    """
    own = lab.settings if lab else settings or settings_of_this_process()
    check_binding(own)
    if lab is None:
        configure_logging()
    app = FastAPI(
        title="Dilution Lab",
        version=version("dilution-lab"),
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/openapi.json",
        lifespan=_lifespan(lab, own),
        middleware=_middlewares(own),
        redirect_slashes=False,
    )
    app.openapi = lambda: document(app)  # type: ignore[method-assign]
    register_error_handlers(app)
    app.include_router(_versioned(), responses=PROBLEMS)
    _add_pages(app)
    app.router.routes.append(Route("/api/{path:path}", UnknownPath(app), include_in_schema=False))
    return app


def _middlewares(settings: Settings) -> list[Middleware]:
    # One person alone on one computer is not limited.
    limited = bool(tokens(settings)) or not is_loopback(settings.host)
    rate_limit = [Middleware(RateLimit)] if limited else []
    return [
        Middleware(RequestEdge),
        Middleware(OriginGuard, settings=settings),
        Middleware(Authentication, settings=settings),
        *rate_limit,
        Middleware(BodyLimit),
        Middleware(Idempotency),
        Middleware(ConditionalGet),
    ]


def _versioned() -> APIRouter:
    versioned = APIRouter(prefix=PREFIX)
    for router in routers():
        versioned.include_router(router)
    return versioned


def _add_pages(app: FastAPI) -> None:
    @app.get("/api/docs", include_in_schema=False)
    def api_docs() -> FileResponse:
        return FileResponse(ASSETS / "docs.html")

    @app.get(LOGIN_PATH, include_in_schema=False)
    def login() -> FileResponse:
        return FileResponse(ASSETS / "login.html")


def _lifespan(given: Laboratory | None, settings: Settings) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        lab = given if given is not None else await run_sync(open_laboratory, settings)
        app.state.lab = lab
        app.state.answers = SharedAnswers(lab.database)
        sweeper = Sweeper(lab)
        sweeper.start()
        try:
            yield
        finally:
            await run_sync(sweeper.stop)
            if given is None:
                await run_sync(lab.close)

    return lifespan
