"""Middlewares that stand before every request, pages and WebSockets included (pure ASGI: streams stay streams)."""

from http.cookies import CookieError, SimpleCookie
from urllib.parse import quote

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backend.api import security
from backend.api.asgi import is_api, is_event_stream, is_unsafe, refuse
from backend.api.errors import problem_response
from backend.api.in_process import is_in_process
from backend.settings import Settings

LOGIN_PATH = "/login"
PUBLIC_PATHS = frozenset({LOGIN_PATH, "/api/v1/session", "/api/v1/health"})
_CONNECTIONS = frozenset({"http", "websocket"})


class OriginGuard:
    """Refuses foreign Host names (DNS rebinding) and requests that another site's page makes."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self.app = app
        self.settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the request or refuse it."""
        if scope["type"] not in _CONNECTIONS:
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if not security.allowed_host(self.settings, host):
            name = security.host_name(host)[:80]
            detail = f"Host {name!r} is not served here: use a loopback name, or add it to ALLOWED_HOSTS"
            await refuse(scope, receive, send, problem_response(421, detail))
        elif _needs_own_page(scope) and not security.same_origin(
            host, headers.get("origin"), headers.get("sec-fetch-site")
        ):
            detail = "the request comes from another site's page: only this laboratory's own pages may do this"
            await refuse(scope, receive, send, problem_response(403, detail))
        else:
            await self.app(scope, receive, _with_security_headers(send))


def _needs_own_page(scope: Scope) -> bool:
    return scope["type"] == "websocket" or is_unsafe(scope) or is_event_stream(scope)


def _with_security_headers(send: Send) -> Send:
    async def wrapped(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers.setdefault("X-Content-Type-Options", "nosniff")
            headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
            headers.setdefault("Content-Security-Policy", "frame-ancestors 'self'")
            headers.setdefault("Referrer-Policy", "same-origin")
        await send(message)

    return wrapped


class Authentication:
    """Asks for a token when there are tokens: as bearer, or in the session cookie of a page."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self.app = app
        self.tokens = security.tokens(settings)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the request as its principal, or refuse it."""
        if scope["type"] not in _CONNECTIONS:
            await self.app(scope, receive, send)
            return
        principal = self.principal(scope)
        needed = needed_scope(scope)
        if needed is None or (principal and principal.scope >= needed):
            await self._serve(scope, receive, send, principal)
        elif principal:
            detail = f"{scope['method']} needs the scope {needed.word}; this token has {principal.scope.word}"
            await refuse(scope, receive, send, problem_response(403, detail))
        elif _wants_page(scope):
            target = quote(str(scope["path"]), safe="/")
            await RedirectResponse(f"{LOGIN_PATH}?next={target}", 303)(scope, receive, send)
        else:
            detail = "a token is needed: send it as `Authorization: Bearer ...`, or log in at /login"
            headers = {"WWW-Authenticate": 'Bearer realm="Dilution Lab"'}
            await refuse(scope, receive, send, problem_response(401, detail, headers=headers))

    def principal(self, scope: Scope) -> security.Principal | None:
        """Who asks."""
        if not self.tokens:
            return security.LOCAL_USER
        if is_in_process(scope):
            return security.current_principal.get()
        headers = Headers(scope=scope)
        scheme, _, secret = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            return security.principal_of(self.tokens, secret.strip())
        return security.principal_of_session(self.tokens, session_cookie(headers))

    async def _serve(self, scope: Scope, receive: Receive, send: Send, principal: security.Principal | None) -> None:
        scope["principal"] = principal
        reset = security.current_principal.set(principal)
        try:
            await self.app(scope, receive, send)
        finally:
            security.current_principal.reset(reset)


def needed_scope(scope: Scope) -> security.Scope | None:
    """What a request needs: a page's own callbacks only read, their API calls are checked on their own."""
    if scope["path"] in PUBLIC_PATHS:
        return None
    if not is_unsafe(scope) or not is_api(scope):
        return security.Scope.READ
    return security.Scope.ADMIN if scope["method"] == "DELETE" else security.Scope.SUBMIT


def session_cookie(headers: Headers) -> str:
    """The session cookie's value, or nothing."""
    try:
        morsel = SimpleCookie(headers.get("cookie", "")).get(security.SESSION_COOKIE)
    except CookieError:
        return ""
    return morsel.value if morsel else ""


def _wants_page(scope: Scope) -> bool:
    if scope["type"] != "http" or scope["method"] != "GET" or is_api(scope):
        return False
    return any(name == b"accept" and b"text/html" in value for name, value in scope["headers"])
