"""Serves the explorer's files: compressed once, at addresses that carry a hash of their content, cached for ever.

The document itself is at `/` and is asked for anew each time; all else is below `/explorer/<hash>/`.
"""

import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

PAGE = Path(__file__).parent / "page"
DOCUMENT = "explorer.html"
ASSETS = Path(__file__).parent.parent / "assets"
SHARED = ("style.css", "theme.js", "keys.js", "favicon.svg", "icons/sun.svg", "icons/moon.svg", "icons/system.svg")
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".bin": "application/octet-stream",
}
POLICY = (
    "default-src 'self'; img-src 'self' data: blob:; object-src 'none'; base-uri 'self'; form-action 'self'; "
    "frame-ancestors 'self'"
)
FOR_EVER = "public, max-age=31536000, immutable"


@dataclass(frozen=True)
class File:
    """A file as it is sent."""

    kind: str
    plain: bytes
    compressed: bytes
    tag: str


def add_explorer(server: FastAPI) -> None:
    """Put the explorer's routes on `server`, before the dashboard adds its catch-all."""
    server.router.routes.extend(
        [
            Route("/", _document, methods=["GET", "HEAD"]),
            Route("/explorer", _home, methods=["GET", "HEAD"]),
            Route("/explorer/{version}/{name:path}", _file, methods=["GET", "HEAD"]),
        ]
    )


@cache
def files() -> Mapping[str, File]:
    """Every file below `/explorer/<hash>/` by its name: those of the page, and those it shares with the dashboard."""
    own = {path.name: path for path in sorted(PAGE.iterdir()) if path.name != DOCUMENT and path.suffix in TYPES}
    shared = {name: ASSETS / name for name in SHARED}
    return {name: _read(path.read_bytes(), path.suffix) for name, path in {**own, **shared}.items()}


@cache
def base() -> str:
    """The folder of this version: its name changes when any of its files does."""
    digest = hashlib.sha256()
    for name, file in files().items():
        digest.update(f"{name}:{file.tag};".encode())
    return f"/explorer/{digest.hexdigest()[:16]}"


@cache
def document() -> File:
    """The page itself, with the addresses of this version."""
    modules = "\n".join(f'<link rel="modulepreload" href="{base()}/{name}">' for name in files() if _is_module(name))
    text = (PAGE / DOCUMENT).read_text(encoding="utf-8")
    text = text.replace("{base}", base()).replace("{modules}", modules).replace("{version}", _version())
    return _read(text.encode(), ".html")


def _is_module(name: str) -> bool:
    return name.endswith(".js") and name not in SHARED and not name.endswith("-worker.js")


def _version() -> str:
    try:
        return version("dilution-lab")
    except PackageNotFoundError:  # run from a checkout that was never installed
        return "development"


def _read(data: bytes, suffix: str) -> File:
    tag = f'"{hashlib.sha256(data).hexdigest()[:32]}"'
    return File(TYPES[suffix], data, gzip.compress(data, 9, mtime=0), tag)


async def _document(request: Request) -> Response:
    return _answer(request, document(), "no-cache", {"Content-Security-Policy": POLICY})


async def _home(request: Request) -> Response:
    query = f"?{request.url.query}" if request.url.query else ""
    return RedirectResponse(f"/{query}", 308)


async def _file(request: Request) -> Response:
    name = request.path_params["name"]
    if request.path_params["version"] != base().rpartition("/")[2] or name not in files():
        return Response("this file belongs to another version of the page: load the page again\n", 404)
    return _answer(request, files()[name], FOR_EVER, {"Content-Security-Policy": POLICY})


def _answer(request: Request, file: File, caching: str, headers: Mapping[str, str]) -> Response:
    headers = {**headers, "ETag": file.tag, "Cache-Control": caching, "Vary": "Accept-Encoding"}
    if file.tag in {tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")}:
        return Response(status_code=304, headers=headers)
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(file.compressed, headers={**headers, "Content-Encoding": "gzip"}, media_type=file.kind)
    return Response(file.plain, headers=headers, media_type=file.kind)
