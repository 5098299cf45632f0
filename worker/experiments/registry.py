"""Find what a folder offers: the experiment of a kind of job, the analysis of a name."""

import importlib
import pkgutil
from collections.abc import Callable
from functools import cache
from typing import Any

from worker.experiments.run import Run

Experiment = Callable[[Run], None]


@cache
def scan(package_name: str, key: str, function: str) -> dict[str, Any]:
    """The functions of that name in a folder's files, under what each file declares as `key`."""
    package = importlib.import_module(package_name)
    modules = (
        importlib.import_module(f"{package_name}.{found.name}") for found in pkgutil.iter_modules(package.__path__)
    )
    return {getattr(module, key): getattr(module, function) for module in modules if hasattr(module, key)}


def experiment(kind: str) -> Experiment:
    """The experiment of that kind of job. Raises `ValueError` with the known kinds."""
    known: dict[str, Experiment] = scan("worker.experiments", "KIND", "run")
    if kind not in known:
        raise ValueError(f"{kind!r} is not a kind of job that this worker knows: {', '.join(sorted(known))}")
    return known[kind]
