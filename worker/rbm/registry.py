"""Families of interchangeable methods: metrics, pruning rules, samplers.

A family is a package; a member is one file in it with a module constant `REGISTRATION`. The package is scanned, so a
new member is one new file and nothing else changes.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal

Better = Literal["lower", "higher", "none"]
Needs = Literal["samples", "machine", "judge"]


@dataclass(frozen=True, kw_only=True)
class Registration:
    """One member of a family.

    Attributes:
        name: what programs call it; an identifier.
        label: what people read.
        description: one sentence.
        unit: the unit of its result; write "1" for a pure number.
        source: paper and equation, or where else the definition stands.
        function: the method itself.

    Raises:
        ValueError: if a text is empty or the name is not an identifier.
    """

    name: str
    label: str
    description: str
    unit: str
    source: str
    function: Callable[..., Any]

    def __post_init__(self) -> None:
        for text in self.text_fields():
            if not getattr(self, text).strip():
                raise ValueError(f"registration {self.name!r} has an empty {text}; every {text} must be stated")
        if not self.name.isidentifier():
            raise ValueError(f"registration name {self.name!r} is not an identifier; use letters, digits and _")

    @classmethod
    def text_fields(cls) -> tuple[str, ...]:
        """The fields that must not be empty."""
        return ("name", "label", "description", "unit", "source")

    def describe(self) -> dict[str, Any]:
        """A plain description, for a catalogue."""
        return {text: getattr(self, text) for text in self.text_fields()}


@dataclass(frozen=True, kw_only=True)
class MetricRegistration(Registration):
    """A metric: besides the above its formula, which direction is better and what it is computed from.

    `parts`: labels of the further values that it gives, by name; `part_units`: units of those that have another unit.
    """

    formula: str
    better: Better
    needs: Needs
    parts: Mapping[str, str] = field(default_factory=dict)
    part_units: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def text_fields(cls) -> tuple[str, ...]:
        """The fields that must not be empty."""
        return (*Registration.text_fields(), "formula", "better", "needs")

    def describe(self) -> dict[str, Any]:
        """A plain description, for a catalogue."""
        return super().describe() | {"parts": dict(self.parts), "part_units": dict(self.part_units)}


@dataclass(frozen=True, kw_only=True)
class SamplerRegistration(Registration):
    """A sampler: besides the above the device types that it runs on."""

    devices: tuple[str, ...]


FAMILIES = {
    "metrics": ("worker.rbm.metrics", MetricRegistration),
    "pruning_rules": ("worker.rbm.pruning", Registration),
    "samplers": ("worker.rbm.sampling", SamplerRegistration),
}


def scan(package_name: str, kind: type[Registration] = Registration) -> dict[str, Registration]:
    """The members of a package by name, in alphabetical order.

    Raises:
        ValueError: if a `REGISTRATION` is not of the family's kind or two members share a name.
    """
    package = importlib.import_module(package_name)
    members: dict[str, Registration] = {}
    for module_info in sorted(pkgutil.iter_modules(package.__path__), key=lambda info: info.name):
        module = importlib.import_module(f"{package_name}.{module_info.name}")
        registration = getattr(module, "REGISTRATION", None)
        if registration is None:
            continue
        if not isinstance(registration, kind):
            raise ValueError(f"{module.__name__}.REGISTRATION is no {kind.__name__}; register it as one")
        if registration.name in members:
            raise ValueError(f"two members of {package_name} are called {registration.name!r}; rename one")
        members[registration.name] = registration
    return members


@cache
def family(name: str) -> dict[str, Registration]:
    """The members of a family by name.

    Raises:
        ValueError: if there is no such family.
    """
    if name not in FAMILIES:
        raise ValueError(f"{name!r} is no family; the families are {', '.join(FAMILIES)}")
    package_name, kind = FAMILIES[name]
    return scan(package_name, kind)


def member(family_name: str, name: str) -> Registration:
    """One member of a family.

    Raises:
        ValueError: with the names that exist.
    """
    members = family(family_name)
    if name not in members:
        raise ValueError(f"{name!r} is not one of the {family_name}: {', '.join(members)}")
    return members[name]


def describe(family_name: str) -> list[dict[str, Any]]:
    """Plain descriptions of a family's members, for a catalogue."""
    return [registration.describe() for registration in family(family_name).values()]
