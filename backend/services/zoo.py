"""The starter zoo: trained machines that come with the laboratory, and what was measured of them."""

import hashlib
import json
from collections import defaultdict
from pathlib import Path
from typing import Any

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


def _record(session: Session, digest: str, curves: list[MachineCurve]) -> None:
    """Fill the cells that would be ordered for these values; those that exist stay as they are."""
    machine = machine_with_file(session, digest)
    if machine is None:
        return
    plans: dict[str, CellPlan] = {}
    metrics: dict[str, list[MetricValue]] = defaultdict(list)
    for curve in curves:
        for point in curve.points:
            plan = _plan(machine, curve, point.x)
            plans[plan.id] = plan
            metrics[plan.id].append(
                MetricValue(
                    curve.metric,
                    point.value,
                    num_samples=curve.num_samples,
                    gibbs_steps=curve.gibbs_steps,
                    low=point.low,
                    high=point.high,
                )
            )
        _record_reference(session, _plan(machine, curve, 1.0).dataset_digest, curve)
    new = plans.keys() - cell_rows.cells_by_id(session, plans).keys()
    cell_rows.add_cells(session, [plans[cell_id] for cell_id in new])
    now = database_now(session)
    for cell_id in new:
        write_cell(session, cell_id, None, now, metrics=metrics[cell_id], artifact=None, machine=None)


def _plan(machine: tables.Machine, curve: MachineCurve, pruning: float) -> CellPlan:
    asked = {
        "pruning": pruning,
        "pruning_rule": curve.pruning_rule,
        "judge": curve.judge or NO_JUDGE,
        "generation": {"num_samples": curve.num_samples, "gibbs_steps": curve.gibbs_steps},
    }
    return samples_plan(machine, SamplesRequest.model_validate(asked))


def _record_reference(session: Session, dataset_digest: str, curve: MachineCurve) -> None:
    line = curve.reference
    if line is not None and curve.num_samples is not None:
        value = MetricValue(line.metric, line.value, low=line.low, high=line.high)
        record_references(session, dataset_digest, curve.judge or "", curve.num_samples, [value])
