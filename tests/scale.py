"""A laboratory that has been used for a year: rows of any number, written past the services. Nothing in the store."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import insert, text
from sqlalchemy.orm import Session

from backend.contracts.plan import EVALUATION, MACHINE
from backend.storage.database import Database
from backend.storage.tables import Artifact, Base, Cell, Job, JobCell, JobDependency, Machine, Study, StudyCell

DIGEST = "0" * 64
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
MEASURED = (
    "second_moment_error",
    "adversarial_accuracy_error",
    "adversarial_accuracy_generated",
    "adversarial_accuracy_data",
    "quality",
    "digit_fraction",
    "digit_imbalance",
    "log_likelihood",
    "log_partition",
    "effective_chains",
)
RECORDED = ("pseudo_log_likelihood", "pseudo_log_likelihood_test")
STATES = ("done", "done", "done", "running", "failed", "done", "cancelled", "queued")


@dataclass(frozen=True)
class Shape:
    """How much of a study there is: machines, pruning levels of each, updates at which trainings are recorded."""

    machines: int
    levels: int
    updates: int

    @property
    def cells(self) -> int:
        return self.machines * (1 + self.levels)

    @property
    def metrics(self) -> int:
        return self.machines * (self.updates * len(RECORDED) + self.levels * len(MEASURED))


def fill(database: Database, shapes: Sequence[Shape], *, live: bool = True) -> list[str]:
    """Write one study of each shape with its cells, machines, jobs (one for each cell) and metrics.

    Args:
        live: some studies run, wait or failed, and their last machine is open; else every study is done.

    Returns:
        The ids of the studies.
    """
    ids = []
    with database.write() as session:
        session.execute(insert(Artifact), [{"digest": DIGEST, "kind": "machine", "size_bytes": 1_300_000}])
    for number, shape in enumerate(shapes):
        state = STATES[number % len(STATES)] if live else "done"
        with database.write() as session:
            ids.append(_write_study(session, number, shape, state))
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if connection.dialect.name == "postgresql":  # as its own housekeeping does within a minute
            connection.execute(text("VACUUM ANALYZE"))
    return ids


def _write_study(session: Session, number: int, shape: Shape, state: str) -> str:
    if session.get_bind().dialect.name == "postgresql":  # keys are right by construction: not looked up for each row
        session.execute(text("SET LOCAL session_replication_role = replica"))
    study_id = f"{number:032x}"
    created = BEGAN + timedelta(hours=number)
    study = {"id": study_id, "name": f"Study {number}", "type": "dilution-sweep", "state": state, "code_version": "0"}
    parameters = {"num_replicas": shape.machines, "pruning_grid": [level / 10 for level in range(shape.levels)]}
    session.execute(insert(Study), [{**study, "parameters": parameters, "created_at": created}])
    rows: dict[type[Base], list[dict[str, Any]]] = {}
    for table, row in _rows(study_id, shape, state, created):
        rows.setdefault(table, []).append(row)
    for table in (Cell, StudyCell, Job, JobCell, JobDependency, Machine):
        if rows.get(table):
            session.execute(insert(table.__table__), rows[table])  # type: ignore[arg-type]
    _measure(session, study_id, MACHINE, RECORDED, shape.updates)
    _measure(session, study_id, EVALUATION, MEASURED, None)
    return study_id


def _rows(study_id: str, shape: Shape, state: str, created: datetime) -> Iterator[tuple[type[Base], dict[str, Any]]]:
    position = 0
    for replica in range(shape.machines):
        last = replica == shape.machines - 1
        own = state if last else "done"
        axes = {"machine_class": "trained", "initial_dilution": replica % 5 / 5, "replica": replica // 5}
        machine = f"{int(study_id, 16) + 1:08x}{replica:08x}"
        for level in range(-1, shape.levels):
            cell_id = machine if level < 0 else f"{machine}{level:04x}"
            done = own == "done"
            cell = {
                "id": cell_id,
                "kind": MACHINE if level < 0 else EVALUATION,
                "parameters": {"seed": replica, "judge": None, "pruning": level / 10, "pruning_rule": "magnitude"},
                "dataset_digest": DIGEST,
                "parent": None if level < 0 else machine,
                "work": 1e9,
                "state": {"failed": "failed", "cancelled": "cancelled"}.get(own, "done" if done else "pending"),
                "error": "it broke" if own == "failed" else None,
                "created_at": created,
            }
            here = axes if level < 0 else {**axes, "pruning": level / 10}
            yield Cell, cell
            yield StudyCell, {"study_id": study_id, "cell_id": cell_id, "position": position, "axes": here}
            yield from _job(study_id, cell_id, machine, own, created)
            position += 1
        if own == "done":
            yield Machine, _machine(study_id, machine, axes["initial_dilution"], created)


def _job(
    study_id: str, cell_id: str, machine: str, state: str, created: datetime
) -> Iterator[tuple[type[Base], dict[str, Any]]]:
    trains = cell_id == machine
    live = {"running": "running" if trains else "blocked", "queued": "queued" if trains else "blocked"}
    ended = state not in live
    yield (
        Job,
        {
            "id": f"a{cell_id}",
            "study_id": study_id,
            "kind": "train" if trains else "evaluate",
            "title": f"Train {cell_id}" if trains else f"Evaluate {cell_id}",
            "state": live.get(state, state),
            "work": 1e9,
            "fraction": 1.0 if state == "done" else 0.0,
            "error": "it broke" if state == "failed" else None,
            "created_at": created,
            "finished_at": created + timedelta(minutes=5) if ended else None,
            "sent_at": created,
            # A year: nobody takes it for lost.
            "lease_expires_at": datetime.now(UTC) + timedelta(days=365) if state == "running" and trains else None,
        },
    )
    yield JobCell, {"job_id": f"a{cell_id}", "cell_id": cell_id, "position": 0}
    if not trains:
        yield JobDependency, {"job_id": f"a{cell_id}", "depends_on_id": f"a{machine}"}


def _machine(study_id: str, key: str, initial_dilution: float, created: datetime) -> dict[str, Any]:
    return {
        "id": f"b{key}",
        "key": key,
        "cell_id": key,
        "study_id": study_id,
        "name": f"Machine {key}",
        "origin": "trained",
        "initial_dilution": initial_dilution,
        "num_visible": 784,
        "num_hidden": 400,
        "parameters": {"training": {"num_updates": 12_000, "gibbs_steps": 10}},
        "provenance": {"device": "cpu", "seconds": 600},
        "artifact_digest": DIGEST,
        "created_at": created,
    }


def _measure(session: Session, study_id: str, kind: str, names: Sequence[str], updates: int | None) -> None:
    """Values of all done cells of one kind: made by the database, which is faster than sending them."""
    listed = " UNION ALL ".join(f"SELECT '{name}' AS name, {place} AS place" for place, name in enumerate(names))
    # The generated values only have to differ.
    statement = f"""
        WITH RECURSIVE counted(at) AS (SELECT 1 UNION ALL SELECT at + 1 FROM counted WHERE at < {updates or 1})
        INSERT INTO metrics (cell_id, name, "update", value, low, high, num_samples, gibbs_steps)
        SELECT cells.id, named.name, {"counted.at * 25" if updates else "NULL"},
               0.5 + 0.001 * ((study_cells.position * 7919 + counted.at * 31 + named.place * 17) % 101),
               0.4, 0.7, 1000, 1000
        FROM study_cells
        JOIN cells ON cells.id = study_cells.cell_id AND cells.kind = '{kind}' AND cells.state = 'done'
        CROSS JOIN ({listed}) AS named CROSS JOIN counted
        WHERE study_cells.study_id = '{study_id}'"""
    if updates != 0:
        session.execute(text(statement))
