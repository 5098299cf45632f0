"""Read cells and their samples."""

import io

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from backend.contracts.messages import Analysis, Cell, CellSummary, Page
from backend.contracts.parameters import MAX_CELLS
from backend.contracts.plan import ANALYSIS, EVALUATION
from backend.contracts.states import CellState
from backend.services.cursors import check_limit, read_cursor, write_cursor
from backend.services.errors import ArtifactDamaged, NotFound, storage_in_words
from backend.services.laboratory import Laboratory
from backend.services.studies import study_row
from backend.storage import tables
from backend.storage.repositories import artifacts
from backend.storage.repositories import cells as rows

NUM_VISIBLE = 784
RESULT = "result"


def list_cells(
    lab: Laboratory, study_id: str, cursor: str | None = None, limit: int = 50, kind: str | None = None
) -> Page[CellSummary]:
    """One page of a study's cells, in the order of its grid. Raises `NotFound`."""
    check_limit(limit)
    after = read_cursor(cursor, int)[0] if cursor else None
    with storage_in_words(), lab.database.read() as session:
        study_row(session, study_id)
        found = rows.page_of_cells(session, study_id, after, limit + 1, kind)
        shown = found[:limit]
        cells = [cell for _, cell in shown]
        machines = rows.machines_of_cells(session, cells)
        metrics = rows.last_metrics(session, [cell.id for cell in cells])
        items = [
            CellSummary(**_summary(cell, place.axes, machines.get(cell.id), metrics[cell.id])) for place, cell in shown
        ]
        next_cursor = write_cursor(shown[-1][0].position) if len(found) > limit else None
    return Page(items=items, next_cursor=next_cursor)


def show_cell(lab: Laboratory, cell_id: str) -> Cell:
    """One cell with everything that defines it. Raises `NotFound`."""
    with storage_in_words(), lab.database.read() as session:
        cell = _cell(session, cell_id)
        summary = _summary(
            cell,
            rows.any_axes(session, cell_id),
            rows.machines_of_cells(session, [cell]).get(cell_id),
            rows.last_metrics(session, [cell_id])[cell_id],
        )
        return Cell(**summary, parameters=cell.parameters, parent=cell.parent, error=cell.error)


def cell_samples(lab: Laboratory, cell_id: str) -> NDArray[np.uint8]:
    """Samples of an evaluation: 0 and 1, of shape (num_samples, num_visible).

    Raises:
        NotFound: no such cell, or it has no samples (yet).
        ArtifactDamaged: the stored bytes do not match their digest.
    """
    with storage_in_words():
        with lab.database.read() as session:
            cell = _cell(session, cell_id)
        if cell.kind != EVALUATION or cell.artifact_digest is None:
            raise NotFound(f"cell {cell_id} ({cell.kind}, {cell.state}) has no samples: evaluations have, when done")
        data = lab.artifacts.get(cell.artifact_digest)
    try:
        packed = np.load(io.BytesIO(data), allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise ArtifactDamaged(f"the samples of cell {cell_id} cannot be read: {error}") from error
    return np.unpackbits(packed, axis=1, count=NUM_VISIBLE)


def list_analyses(lab: Laboratory, study_id: str) -> list[Analysis]:
    """What is read from a study's cells, in the order of its grid. Raises `NotFound`."""
    with storage_in_words(), lab.database.read() as session:
        study_row(session, study_id)
        found = rows.page_of_cells(session, study_id, None, MAX_CELLS, ANALYSIS)
        titles = rows.job_titles(session, [cell.id for _, cell in found])
    return [
        Analysis(
            cell_id=cell.id,
            analysis=cell.parameters["analysis"],
            title=titles.get(cell.id, cell.parameters["analysis"]),
            state=CellState(cell.state),
            error=cell.error,
            axes=place.axes,
        )
        for place, cell in found
    ]


def cell_result(lab: Laboratory, cell_id: str) -> bytes:
    """The result of an analysis: JSON of a model in `backend.contracts.results`.

    Raises:
        NotFound: no such cell, or it has no such result (yet).
        ArtifactDamaged: the stored bytes do not match their digest.
    """
    kind, data = cell_artifact(lab, cell_id)
    if kind != RESULT:
        raise NotFound(f"cell {cell_id} holds {kind} and no result: fetch its artifact")
    return data


def cell_artifact(lab: Laboratory, cell_id: str) -> tuple[str, bytes]:
    """What a cell holds, and what that is: `samples` (npy), `result` (JSON), `couplings` or `judge` (safetensors).

    Raises:
        NotFound: no such cell, or it holds nothing (yet): a machine is downloaded under its own id.
        ArtifactDamaged: the stored bytes do not match their digest.
    """
    with storage_in_words():
        with lab.database.read() as session:
            cell = _cell(session, cell_id)
            kind = artifacts.kind_of(session, cell.artifact_digest)
        if cell.artifact_digest is None or kind is None:
            raise NotFound(
                f"cell {cell_id} ({cell.kind}, {cell.state}) holds nothing: evaluations and analyses do, when done"
            )
        return kind, lab.artifacts.get(cell.artifact_digest)


def _cell(session: Session, cell_id: str) -> tables.Cell:
    cell = rows.get_cell(session, cell_id)
    if cell is None:
        raise NotFound(f"no cell has the id {cell_id[:80]!r}: see GET /api/v1/studies/<id>/cells")
    return cell


def _summary(
    cell: tables.Cell, axes: dict[str, float | int | str], machine_id: str | None, metrics: dict[str, float]
) -> dict[str, object]:
    return {
        "id": cell.id,
        "kind": cell.kind,
        "state": CellState(cell.state),
        "axes": axes,
        "machine_id": machine_id,
        "has_samples": cell.kind == EVALUATION and cell.artifact_digest is not None,
        "metrics": metrics,
    }
