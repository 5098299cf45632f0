"""A study of 1,500 machines that are done, written in bulk: the rows that its jobs would have left."""

import io
import random
from typing import Any

import numpy as np
from sqlalchemy import insert, select, update

from backend.contracts.messages import Study
from backend.contracts.plan import ANALYSIS, EVALUATION, MACHINE
from backend.contracts.states import CellState, JobState, StudyState
from backend.services.laboratory import Laboratory
from backend.storage import tables
from backend.storage.repositories import artifacts, studies
from backend.storage.repositories.jobs import StoredArtifact
from backend.storage.tables import utcnow
from tests import figures, hands

DILUTIONS = (0.0, 0.2, 0.4, 0.6, 0.8)
NUM_REPLICAS = 300
LEVELS = (0.2, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98)
NUM_REPORTS = 20
"""Updates of each training at which the pseudo-log-likelihood was written down."""


def large_study(lab: Laboratory, name: str = "1,500 machines", **changes: Any) -> Study:
    """A dilution sweep whose every cell is done, with as many machines as `changes` leave it."""
    grid = {"initial_dilutions": DILUTIONS, "num_replicas": NUM_REPLICAS, "pruning_grid": LEVELS, **changes}
    study = hands.submit_type(lab, "dilution-sweep", name, judge=figures.JUDGE, **grid)
    samples = _one_sheet(lab)
    with lab.database.write() as session:
        query = select(tables.Cell, tables.StudyCell.axes).join(tables.StudyCell)
        cells = session.execute(query.where(tables.StudyCell.study_id == study.id)).all()
        stored = {cell.id: hands.store(lab, "result", figures.result(session, cell).encode()) for cell, _ in cells
                  if cell.kind == ANALYSIS}  # fmt: skip
        for one in (samples, *stored.values()):
            artifacts.add_artifact(session, one)
        session.execute(insert(tables.Machine), [_machine(cell, study.id, samples) for cell, _ in cells
                                                 if cell.kind == MACHINE])  # fmt: skip
        session.execute(insert(tables.Metric), [row for cell, axes in cells for row in _values(cell, axes)])
        ids = [cell.id for cell, _ in cells]
        for kind, digest in ((EVALUATION, samples.digest), (MACHINE, None)):
            done = {"state": CellState.DONE, "done_at": utcnow(), "artifact_digest": digest}
            own = select(tables.StudyCell.cell_id).where(tables.StudyCell.study_id == study.id)
            session.execute(update(tables.Cell).where(tables.Cell.kind == kind, tables.Cell.id.in_(own)).values(**done))
        for cell_id, one in stored.items():
            session.get_one(tables.Cell, cell_id).state = CellState.DONE
            session.get_one(tables.Cell, cell_id).artifact_digest = one.digest
        filling = select(tables.JobCell.job_id).where(tables.JobCell.cell_id.in_(own))
        done = {"state": JobState.DONE, "fraction": 1.0, "finished_at": utcnow()}
        session.execute(update(tables.Job).where(tables.Job.id.in_(filling)).values(**done))
        studies.set_state(session, study.id, StudyState.DONE, utcnow())
        assert len(ids) == study.progress.cells_total
    figures.record_test_images(lab)
    return study


def _one_sheet(lab: Laboratory) -> StoredArtifact:
    # All evaluations share one sheet of samples: what is measured is how many there are, not what they show.
    packed = np.packbits(np.random.default_rng(1).integers(0, 2, (64, 784), dtype=np.uint8), axis=1)
    text = io.BytesIO()
    np.save(text, packed)
    return hands.store(lab, "samples", text.getvalue())


def _machine(cell: tables.Cell, study_id: str, file: StoredArtifact) -> dict[str, Any]:
    return {
        "key": cell.id,
        "cell_id": cell.id,
        "study_id": study_id,
        "name": f"Machine {cell.id[:6]}",
        "origin": "trained",
        "initial_dilution": cell.parameters["initial_dilution"],
        "num_visible": 784,
        "num_hidden": cell.parameters["training"]["num_hidden"],
        "parameters": cell.parameters,
        "provenance": {},
        "artifact_digest": file.digest,
    }


def _values(cell: tables.Cell, axes: dict[str, Any]) -> list[dict[str, Any]]:
    chance = random.Random(cell.id)
    if cell.kind == MACHINE:
        return [
            {"cell_id": cell.id, "name": name, "update": 10 * at, "value": -200 + 5 * at + chance.gauss(0, 2),
             "num_samples": None, "gibbs_steps": None}
            for at in range(1, NUM_REPORTS + 1)
            for name in ("pseudo_log_likelihood", "pseudo_log_likelihood_test")
        ]  # fmt: skip
    if cell.kind == EVALUATION:
        return [
            {"cell_id": cell.id, "name": name, "update": None, "value": value,
             "num_samples": figures.NUM_SAMPLES, "gibbs_steps": 3}
            for name, value in figures.values(axes, chance).items()
        ]  # fmt: skip
    return []
