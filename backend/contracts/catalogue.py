"""What the worker can do, read from `catalogue.json`, which `python -m worker.catalogue` writes.

The service and the dashboard learn of metrics, pruning rules, samplers and data sets here, without importing torch.
"""

import json
import re
from functools import cache
from importlib.resources import files
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

CATALOGUE_FILE = "catalogue.json"
_DIGEST = re.compile("[0-9a-f]{64}")


class Entry(BaseModel):
    """Anything with a name that a person may choose or read."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    label: str
    description: str
    source: str


class MetricEntry(Entry):
    """A figure of merit: its unit, its formula, and which direction is better."""

    unit: str
    formula: str
    better: Literal["lower", "higher", "none"]
    needs: Literal["samples", "machine", "judge"]
    parts: dict[str, str] = Field(default_factory=dict, description="Labels of the further values it gives, by name.")
    part_units: dict[str, str] = Field(default_factory=dict, description="Units of parts that differ from its own.")


class DatasetEntry(Entry):
    """A data set: its content digest (part of every cell's identity), its sizes and its licence."""

    digest: str
    num_train: int
    num_test: int
    num_visible: int
    licence: str


class JudgeEntry(Entry):
    """A judge that comes with this version: the SHA-256 of its file is part of the identity of what it judges."""

    digest: str


NO_JUDGE = "none"


class Catalogue(BaseModel):
    """Everything that the worker offers."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    metrics: tuple[MetricEntry, ...]
    pruning_rules: tuple[Entry, ...]
    samplers: tuple[Entry, ...]
    datasets: tuple[DatasetEntry, ...]
    judges: tuple[JudgeEntry, ...]

    def dataset(self, name: str) -> DatasetEntry:
        """The data set of that name. Raises `ValueError` with the allowed names."""
        known("datasets", name)
        return next(entry for entry in self.datasets if entry.name == name)

    def metric_behind(self, name: str) -> tuple[MetricEntry, str] | None:
        """The metric that gives a value, and the value's own name in it: the metric's or that of one of its parts.

        `<name>_test` is the same value of test images. None for a value of another version.
        """
        for own in (name, name.removesuffix("_test")):
            for entry in self.metrics:
                if own == entry.name or own in entry.parts:
                    return entry, own
        return None

    def metric_label(self, name: str) -> str:
        """What readers see for the name of a value; of another version the name itself."""
        behind = self.metric_behind(name)
        if behind is None:
            return name
        entry, own = behind
        label = entry.label if own == entry.name else entry.parts[own]
        return label if own == name else f"{label}, test images"

    def judge_digest(self, name: str) -> str:
        """Digest of a judge: of one that comes with this version, by its name; of one that was trained here, itself.

        The empty text for `none`. Raises `ValueError` with what is allowed.
        """
        if name == NO_JUDGE or _DIGEST.fullmatch(name):
            return "" if name == NO_JUDGE else name
        for entry in self.judges:
            if entry.name == name:
                return entry.digest
        names = ", ".join([*(entry.name for entry in self.judges), NO_JUDGE])
        raise ValueError(
            f"{name!r} is not a judge: give {names}, or the SHA-256 of one that was trained here (64 digits)"
        )


@cache
def catalogue() -> Catalogue:
    """The catalogue that came with this version."""
    text = files(__package__).joinpath(CATALOGUE_FILE).read_text(encoding="utf-8")
    return Catalogue.model_validate(json.loads(text))


def known(kind: str, name: str) -> str:
    """Return `name` if the catalogue has it under `kind` (`metrics`, `datasets`, ...).

    Raises:
        ValueError: with the allowed names.
    """
    names = [entry.name for entry in getattr(catalogue(), kind)]
    if name not in names:
        raise ValueError(f"{name!r} is not one of the {kind.replace('_', ' ')}: {', '.join(names)}")
    return name
