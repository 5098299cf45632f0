"""What a job leaves behind: metrics, samples, machines. Called under a claim, by `jobs`."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, delete, insert, or_, select, update
from sqlalchemy.orm import Session

from backend.contracts.states import CellState
from backend.storage.errors import LeaseLost
from backend.storage.repositories.artifacts import StoredArtifact, add_artifact, drop_unreferenced
from backend.storage.repositories.inserting import insert_missing
from backend.storage.tables import Cell, Machine, Metric


@dataclass(frozen=True)
class MetricValue:
    """One finite value of a metric; an undefined metric is left out. `update` belongs to a training.

    `low`, `high`: its 95 % bootstrap interval, where it has one.
    """

    name: str
    value: float
    update: int | None = None
    num_samples: int | None = None
    gibbs_steps: int | None = None
    low: float | None = None
    high: float | None = None

    def __post_init__(self) -> None:
        if not math.isfinite(self.value):
            when = "" if self.update is None else f" at update {self.update}"
            raise ValueError(f"{self.name} is {self.value}{when}: it must be finite, or left out if undefined")


@dataclass(frozen=True)
class MachineRecord:
    """A trained machine: its row, and its stored file."""

    name: str
    artifact: StoredArtifact
    initial_dilution: float
    num_visible: int
    num_hidden: int
    parameters: Mapping[str, Any] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict)


def write_metrics(session: Session, cell_id: str, metrics: Sequence[MetricValue]) -> None:
    """Write values; a value of the same metric at the same update is replaced."""
    if not metrics:
        return
    _lock_cell(session, cell_id)
    for name in {metric.name for metric in metrics}:
        updates = [metric.update for metric in metrics if metric.name == name]
        numbered = [at for at in updates if at is not None]
        same: ColumnElement[bool] = Metric.update.in_(numbered)
        if None in updates:
            same = or_(same, Metric.update.is_(None))
        session.execute(delete(Metric).where(Metric.cell_id == cell_id, Metric.name == name, same))
    rows = [
        {
            "cell_id": cell_id,
            "name": metric.name,
            "update": metric.update,
            "value": metric.value,
            "low": metric.low,
            "high": metric.high,
            "num_samples": metric.num_samples,
            "gibbs_steps": metric.gibbs_steps,
        }
        for metric in metrics
    ]
    session.execute(insert(Metric), rows)
    session.execute(update(Cell).where(Cell.id == cell_id).values(version=Cell.version + 1))


def write_cell(
    session: Session,
    cell_id: str,
    study_id: str | None,
    now: datetime,
    *,
    metrics: Sequence[MetricValue],
    artifact: StoredArtifact | None,
    machine: MachineRecord | None,
) -> None:
    """Record everything that a cell holds and mark it done; a cell that is done stays as it is."""
    if _lock_cell(session, cell_id) == CellState.DONE:
        return
    write_metrics(session, cell_id, metrics)
    if artifact is not None:
        add_artifact(session, artifact)
    if machine is not None:
        _write_machine(session, cell_id, study_id, machine)
    done = {"state": CellState.DONE, "error": None, "done_at": now}
    digest = artifact.digest if artifact is not None else None
    session.execute(
        update(Cell).where(Cell.id == cell_id).values(**done, artifact_digest=digest, version=Cell.version + 1)
    )


def write_failure(session: Session, cell_id: str, reason: str) -> None:
    """Mark a cell as failed; one that is done stays as it is."""
    if _lock_cell(session, cell_id) != CellState.DONE:
        session.execute(update(Cell).where(Cell.id == cell_id).values(state=CellState.FAILED, error=reason))


def _lock_cell(session: Session, cell_id: str) -> str:
    query = select(Cell.state).where(Cell.id == cell_id).with_for_update()
    state = session.execute(query).scalar_one_or_none()
    if state is None:
        raise LeaseLost(f"cell {cell_id} was deleted with its study")
    return state


def drop_checkpoint(session: Session, old: str | None, new: str) -> str | None:
    """Forget a checkpoint that a newer one replaced; its digest if nothing else refers to it."""
    if old is None or old == new:
        return None
    return next(iter(drop_unreferenced(session, [old])), None)


def _write_machine(session: Session, cell_id: str, study_id: str | None, machine: MachineRecord) -> None:
    add_artifact(session, machine.artifact)
    row = {
        "key": cell_id,
        "cell_id": cell_id,
        "study_id": study_id,
        "name": machine.name,
        "origin": "trained",
        "initial_dilution": machine.initial_dilution,
        "num_visible": machine.num_visible,
        "num_hidden": machine.num_hidden,
        "parameters": dict(machine.parameters),
        "provenance": dict(machine.provenance),
        "artifact_digest": machine.artifact.digest,
    }
    insert_missing(session, Machine, [row])
