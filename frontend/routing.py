"""Addresses to pages. Pages are found by scanning `frontend/pages`; each says its path, layout and callbacks."""

import importlib
import pkgutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from types import ModuleType
from urllib.parse import parse_qsl, urlsplit

from dash.development.base_component import Component

from frontend.theme import Scheme


@dataclass(frozen=True)
class Address:
    """Where the reader is: the named parts of the path, the query, the whole address and the colours of the browser."""

    path: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    href: str | None = None
    scheme: Scheme = "light"


@dataclass(frozen=True)
class Page:
    """A page's title and its content."""

    title: str
    content: Component

    @property
    def document_title(self) -> str:
        """What the browser's tab says."""
        return f"{self.title} · Dilution Lab"


@cache
def pages() -> tuple[ModuleType, ...]:
    """The modules of `frontend/pages` that have a `PATH`, those with fewer placeholders first."""
    package = importlib.import_module("frontend.pages")
    names = [module.name for module in pkgutil.iter_modules(package.__path__)]
    found = [importlib.import_module(f"{package.__name__}.{name}") for name in names]
    return tuple(sorted((page for page in found if hasattr(page, "PATH")), key=lambda page: page.PATH.count("<")))


def find(pathname: str) -> tuple[ModuleType, dict[str, str]] | None:
    """The page of a path and the values of its placeholders; None when there is none."""
    asked = _parts(pathname)
    for page in pages():
        values = _match(_parts(page.PATH), asked)
        if values is not None:
            return page, values
    return None


def query_of(search: str | None) -> dict[str, str]:
    """The query of an address; of a name given twice the last counts."""
    return dict(parse_qsl((search or "").lstrip("?"), keep_blank_values=True))


def origin_of(href: str | None) -> str:
    """Scheme and host of the page's own address."""
    parts = urlsplit(href or "")
    return f"{parts.scheme}://{parts.netloc}" if parts.netloc else "http://127.0.0.1:8050"


def one_of(value: str | None, allowed: Iterable[str], default: str) -> str:
    """What an address asks for if it is allowed, else the default: a link that someone wrote never breaks a page."""
    return next((str(one) for one in allowed if one == value), default)


def _parts(pathname: str) -> list[str]:
    return [part for part in pathname.split("/") if part]


def _match(pattern: list[str], asked: list[str]) -> dict[str, str] | None:
    if len(pattern) != len(asked):
        return None
    values = {}
    for expected, given in zip(pattern, asked, strict=True):
        if expected.startswith("<"):
            values[expected.strip("<>")] = given
        elif expected != given:
            return None
    return values
