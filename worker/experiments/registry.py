"""Find the experiment of a kind of job."""

import importlib
import pkgutil
from collections.abc import Callable
from functools import cache

from worker.experiments.run import Run

Experiment = Callable[[Run], None]


@cache
def experiments() -> dict[str, Experiment]:
    """Experiments by kind: the files of this folder that declare `KIND` and `run`."""
    package = importlib.import_module(__package__)
    modules = (
        importlib.import_module(f"{__package__}.{found.name}") for found in pkgutil.iter_modules(package.__path__)
    )
    return {module.KIND: module.run for module in modules if hasattr(module, "KIND")}


def experiment(kind: str) -> Experiment:
    """The experiment of that kind. Raises `ValueError` with the known kinds."""
    known = experiments()
    if kind not in known:
        raise ValueError(f"{kind!r} is not a kind of job that this worker knows: {', '.join(sorted(known))}")
    return known[kind]
