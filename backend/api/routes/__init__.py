"""The routes, one file for each noun. The folder is scanned: a new file with a `router` is a new noun."""

import importlib
import pkgutil
from collections.abc import Iterator

from fastapi import APIRouter


def routers() -> Iterator[APIRouter]:
    """The `router` of every module in this folder, by name."""
    for module in sorted(pkgutil.iter_modules(__path__), key=lambda module: module.name):
        router: APIRouter = importlib.import_module(f"{__name__}.{module.name}").router
        yield router
