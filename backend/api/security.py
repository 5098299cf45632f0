"""Who may do what: tokens, scopes, sessions, and which addresses and Host names are served."""

import hashlib
import hmac
import ipaddress
import time
from contextvars import ContextVar
from dataclasses import dataclass
from enum import IntEnum
from typing import Literal
from urllib.parse import urlsplit

from backend.settings import Settings

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
SHORTEST_SECRET = 16
SESSION_COOKIE = "dilution_lab_session"
SESSION_SECONDS = 7 * 24 * 3600
ENVIRONMENT_HINT = "make one with: python -c 'import secrets; print(secrets.token_urlsafe(32))'"


class BindingRefused(ValueError):
    """The address is not loopback and no token protects it."""


class Scope(IntEnum):
    """What a token allows; each includes the ones below it."""

    READ = 1
    SUBMIT = 2
    ADMIN = 3

    @property
    def word(self) -> Literal["read", "submit", "admin"]:
        """The scope's name in API_TOKENS and in answers."""
        words: tuple[Literal["read", "submit", "admin"], ...] = ("read", "submit", "admin")
        return words[self - 1]


@dataclass(frozen=True)
class Principal:
    """Who asks, and what they may do."""

    name: str
    scope: Scope


@dataclass(frozen=True, repr=False)
class Token:
    """A secret and the principal that it proves. It has no repr, so that no log can show the secret."""

    principal: Principal
    secret: str


LOCAL_USER = Principal("local", Scope.ADMIN)  # nothing but this computer can connect, and no token is asked
current_principal: ContextVar[Principal | None] = ContextVar("current_principal", default=None)


def check_binding(settings: Settings) -> None:
    """Refuse to serve any address but loopback without a token.

    Raises:
        BindingRefused: with what to do.
        ValueError: a token that is malformed or too short.
    """
    if tokens(settings) or is_loopback(settings.host):
        return
    raise BindingRefused(
        f"HOST={settings.host} is open to other computers, and no token is set. Set API_TOKEN (at least "
        f"{SHORTEST_SECRET} characters; {ENVIRONMENT_HINT}), or leave HOST at 127.0.0.1"
    )


def is_loopback(host: str) -> bool:
    """Whether only this computer can reach that address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def tokens(settings: Settings) -> tuple[Token, ...]:
    """Every token of the settings: API_TOKEN (all rights), then API_TOKENS.

    Raises:
        ValueError: one is malformed or too short; the message does not contain it.
    """
    found = []
    if settings.api_token and settings.api_token.get_secret_value():
        found.append(_token("API_TOKEN", "admin", Scope.ADMIN, settings.api_token.get_secret_value()))
    listed = settings.api_tokens.get_secret_value() if settings.api_tokens else ""
    for position, entry in enumerate(filter(None, map(str.strip, listed.split(","))), start=1):
        where = f"token {position} of API_TOKENS"
        name, scope, secret = _three_parts(where, entry)
        if scope.upper() not in Scope.__members__:
            raise ValueError(f"{where} has an unknown scope: read, submit and admin are allowed")
        found.append(_token(where, name, Scope[scope.upper()], secret))
    return tuple(found)


def _three_parts(where: str, entry: str) -> tuple[str, str, str]:
    name, first, rest = entry.partition(":")
    scope, second, secret = rest.partition(":")
    if not (name and first and second):
        raise ValueError(f"{where} is not of the form name:scope:secret")
    return name, scope, secret


def _token(where: str, name: str, scope: Scope, secret: str) -> Token:
    if len(secret) < SHORTEST_SECRET:
        raise ValueError(f"{where} is shorter than {SHORTEST_SECRET} characters; {ENVIRONMENT_HINT}")
    return Token(Principal(name, scope), secret)


def principal_of(known: tuple[Token, ...], secret: str) -> Principal | None:
    """The principal whose secret this is. Takes the same time wherever the secrets differ."""
    found = None
    for token in known:
        if hmac.compare_digest(token.secret.encode(), secret.encode()):
            found = token.principal
    return found


def new_session(known: tuple[Token, ...], secret: str) -> str | None:
    """A cookie value that proves the token's principal for a week; None when the secret is not known.

    It is signed with the token itself: it ends when the token is changed, and the server stores nothing.
    """
    token = next((t for t in known if hmac.compare_digest(t.secret.encode(), secret.encode())), None)
    if token is None:
        return None
    expires = str(int(time.time()) + SESSION_SECONDS)
    return f"{expires}.{_signature(token, expires)}"


def principal_of_session(known: tuple[Token, ...], cookie: str) -> Principal | None:
    """The principal of a session cookie, if it is genuine and not over."""
    expires, _, signature = cookie.partition(".")
    if not expires.isdecimal() or int(expires) < time.time():
        return None
    matching = (t for t in known if hmac.compare_digest(_signature(t, expires).encode(), signature.encode()))
    return next((token.principal for token in matching), None)


def _signature(token: Token, expires: str) -> str:
    text = f"session {expires} {token.principal.name} {token.principal.scope.word}"
    return hmac.new(token.secret.encode(), text.encode(), hashlib.sha256).hexdigest()


def allowed_host(settings: Settings, host_header: str) -> bool:
    """Whether a Host header names this laboratory: loopback, the bound address, or one of ALLOWED_HOSTS.

    Bound to every address, IP literals are accepted too: a page that abuses DNS (rebinding) has a name.
    """
    name = host_name(host_header)
    allowed = {one.strip().lower() for one in settings.allowed_hosts.split(",") if one.strip()}
    if name in LOOPBACK_NAMES or name in allowed or name == settings.host.lower():
        return True
    return settings.host in {"0.0.0.0", "::"} and _is_ip(name)  # noqa: S104 - compared, not bound


def host_name(netloc: str) -> str:
    """The name in `name:port` or `[address]:port`, in small letters; empty when there is none."""
    try:
        return (urlsplit(f"//{netloc}").hostname or "").rstrip(".")
    except ValueError:
        return ""


def _is_ip(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def same_origin(host_header: str, origin: str | None, fetch_site: str | None) -> bool:
    """Whether a request was made by our own page, or by a program that is no browser.

    Source: Fetch Metadata (W3C): browsers send Sec-Fetch-Site, and Origin with every unsafe request. `same-site`
    is not enough: any other port of this computer is the same site.
    """
    if fetch_site is not None and fetch_site not in {"same-origin", "none"}:
        return False
    return origin is None or urlsplit(origin).netloc.lower() == host_header.lower()
