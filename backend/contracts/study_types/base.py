"""What every study type declares, and the scan that finds them."""

import importlib
import pkgutil
from abc import ABC, abstractmethod
from collections.abc import Mapping
from functools import cache
from typing import Any, ClassVar

from backend.contracts.parameters import Parameters
from backend.contracts.plan import StudyPlan


class StudyType(ABC):
    """A question that can be asked of machines: its parameters, its presets and its grid.

    Attributes:
        name: the word in the API.
        title: what a person reads.
        description: one or two sentences: what the study shows.
        parameters: the pydantic model that validates the request and makes the form.
        presets: named parameter sets, most useful first.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    description: ClassVar[str]
    parameters: ClassVar[type[Parameters]]
    presets: ClassVar[Mapping[str, Mapping[str, Any]]]

    @classmethod
    @abstractmethod
    def plan(cls, parameters: Any) -> StudyPlan:
        """Unroll validated parameters into cells and jobs."""


@cache
def study_types() -> Mapping[str, type[StudyType]]:
    """All study types by name, found by scanning this folder."""
    package = importlib.import_module(__package__)
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{__package__}.{module.name}")
    return {kind.name: kind for kind in sorted(StudyType.__subclasses__(), key=lambda kind: kind.name)}


def study_type(name: str) -> type[StudyType]:
    """The study type of that name. Raises `ValueError` with the allowed names."""
    types = study_types()
    if name not in types:
        raise ValueError(f"{name!r} is not a study type: {', '.join(types)}")
    return types[name]
