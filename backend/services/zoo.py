"""The starter zoo: trained machines that come with the laboratory, and what was measured of them."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import TypeAdapter, ValidationError
from sqlalchemy.orm import Session

from backend.contracts.catalogue import NO_JUDGE
from backend.contracts.messages import MachineCurve, SamplesRequest
from backend.contracts.plan import CellPlan
from backend.services.errors import ArtifactDamaged, storage_in_words
from backend.services.laboratory import Laboratory
from backend.services.order import samples_plan
from backend.storage import tables
from backend.storage.database import database_now, exclusive
from backend.storage.repositories import cells as cell_rows
from backend.storage.repositories.artifacts import StoredArtifact, add_artifact
from backend.storage.repositories.machines import add_machine, machine_with_file
from backend.storage.repositories.references import record_references
from backend.storage.repositories.results import MetricValue, write_cell

CURVES = TypeAdapter(list[MachineCurve])


class Level(NamedTuple):
    """Samples of a machine: how it was pruned, who judged them, and how they were drawn."""

    pruning_rule: str
    pruning: float
    judge: str | None
    num_samples: int | None
    gibbs_steps: int | None


def register_zoo(lab: Laboratory, folder: Path) -> None:
    """Put the machines of `zoo.json` on the shelf, with their measured curves; those that are there stay as they are.

    Raises:
        ArtifactDamaged: a file is missing or not the one that `zoo.json` describes.
    """
    for entry in json.loads((folder / "zoo.json").read_text(encoding="utf-8")):
        data = _read(folder, entry["file"], entry["sha256"])
        curves = _curves(folder, entry["curves"]) if "curves" in entry else []
        with storage_in_words():
            lab.artifacts.put(data)
            with lab.database.write() as session:
                exclusive(session)
                _register(session, entry, len(data))
                _record(session, entry["sha256"], curves)


def _read(folder: Path, name: str, expected: str) -> bytes:
    data = _bytes(folder, name)
    digest = hashlib.sha256(data).hexdigest()
    if digest != expected:
        raise ArtifactDamaged(f"{name} of the starter zoo has SHA-256 {digest}, expected {expected}: restore it")
    return data


def _curves(folder: Path, name: str) -> list[MachineCurve]:
    try:
        return CURVES.validate_json(_bytes(folder, name))
    except ValidationError as error:
        raise ArtifactDamaged(f"{name} of the starter zoo is not what its machine page gives: restore it") from error


def _bytes(folder: Path, name: str) -> bytes:
    try:
        return (folder / name).read_bytes()
    except OSError as error:
        raise ArtifactDamaged(f"{name} of the starter zoo cannot be read: {error}") from error


def _register(session: Session, entry: dict[str, Any], size_bytes: int) -> None:
    digest = entry["sha256"]
    add_artifact(session, StoredArtifact(digest, "machine", size_bytes))
    add_machine(
        session,
        key=digest,
        name=entry["name"],
        origin="zoo",
        initial_dilution=entry["initial_dilution"],
        num_visible=entry["num_visible"],
        num_hidden=entry["num_hidden"],
        parameters={
            "dataset": "mnist",
            "initial_dilution": entry["initial_dilution"],
            "training": entry["training"],
        },
        provenance={"description": entry["description"], **entry["provenance"]},
        artifact_digest=digest,
    )


def _record(session: Session, digest: str, curves: Sequence[MachineCurve]) -> None:
    """Fill the cells that would be ordered for these values; those that exist stay as they are."""
    machine = machine_with_file(session, digest) if curves else None
    if machine is None:
        return
    values = _by_level(curves)
    plans = {level: _plan(machine, level) for level in values}
    known = cell_rows.cells_by_id(session, [plan.id for plan in plans.values()])
    new = {level: plan for level, plan in plans.items() if plan.id not in known}
    cell_rows.add_cells(session, list(new.values()))
    now = database_now(session)
    for level, plan in new.items():
        write_cell(session, plan.id, None, now, metrics=values[level], artifact=None, machine=None)
    (dataset_digest,) = {plan.dataset_digest for plan in plans.values()}
    for curve in curves:
        _record_reference(session, dataset_digest, curve)


def _by_level(curves: Sequence[MachineCurve]) -> dict[Level, list[MetricValue]]:
    """The values of all metrics that were measured of the same samples."""
    found: dict[Level, list[MetricValue]] = defaultdict(list)
    for curve in curves:
        setting = {"num_samples": curve.num_samples, "gibbs_steps": curve.gibbs_steps}
        for point in curve.points:
            level = Level(curve.pruning_rule, point.x, curve.judge, curve.num_samples, curve.gibbs_steps)
            found[level].append(MetricValue(curve.metric, point.value, low=point.low, high=point.high, **setting))
    return found


def _plan(machine: tables.Machine, level: Level) -> CellPlan:
    asked = {
        "pruning": level.pruning,
        "pruning_rule": level.pruning_rule,
        "judge": level.judge or NO_JUDGE,
        "generation": {"num_samples": level.num_samples, "gibbs_steps": level.gibbs_steps},
    }
    return samples_plan(machine, SamplesRequest.model_validate(asked))


def _record_reference(session: Session, dataset_digest: str, curve: MachineCurve) -> None:
    line = curve.reference
    if line is not None and curve.num_samples is not None:
        value = MetricValue(line.metric, line.value, low=line.low, high=line.high)
        record_references(session, dataset_digest, curve.judge or "", curve.num_samples, [value])
