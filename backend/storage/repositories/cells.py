"""Cells: rows, places in studies, and what they hold."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import and_, func, or_, select, update
from sqlalchemy.orm import Session

from backend.contracts.cells import work_of
from backend.contracts.plan import CellPlan
from backend.contracts.states import CellState
from backend.storage.repositories.inserting import insert_missing
from backend.storage.tables import Cell, Job, JobCell, Machine, Metric, StudyCell

_IDS_PER_QUERY = 5000  # both databases bound the number of parameters of a statement


def add_cells(session: Session, plans: Sequence[CellPlan]) -> None:
    """Write the cells that do not exist yet."""
    rows = [
        {
            "id": plan.id,
            "kind": plan.kind,
            "parameters": dict(plan.parameters),
            "dataset_digest": plan.dataset_digest,
            "parent": plan.parent,
            "inputs": list(plan.inputs),
            "work": work_of(plan),
        }
        for plan in plans
    ]
    insert_missing(session, Cell, rows)


def reopen_without_samples(session: Session, cell_id: str) -> None:
    """Let an evaluation that has its values but no samples be computed; its values stay until they are written anew."""
    bare = (Cell.id == cell_id, Cell.state == CellState.DONE, Cell.artifact_digest.is_(None))
    session.execute(update(Cell).where(*bare).values(state=CellState.PENDING, done_at=None))


def place_in_study(session: Session, study_id: str, plans: Sequence[CellPlan]) -> None:
    """Give cells their places in a study's grid, in order."""
    rows = [
        {"study_id": study_id, "cell_id": plan.id, "position": position, "axes": dict(plan.axes)}
        for position, plan in enumerate(plans)
    ]
    insert_missing(session, StudyCell, rows)


def get_cell(session: Session, cell_id: str) -> Cell | None:
    """One cell."""
    return session.get(Cell, cell_id)


def cells_of_study(session: Session, study_id: str) -> dict[str, Cell]:
    """All cells of a study by id, parents before children."""
    query = (
        select(Cell)
        .join(StudyCell, StudyCell.cell_id == Cell.id)
        .where(StudyCell.study_id == study_id)
        .order_by(StudyCell.position)
        .execution_options(populate_existing=True)
    )
    return {cell.id: cell for cell in session.scalars(query)}


def cells_by_id(session: Session, cell_ids: Collection[str]) -> dict[str, Cell]:
    """The cells that exist among these ids."""
    found: dict[str, Cell] = {}
    for some in _portions(cell_ids):
        query = select(Cell).where(Cell.id.in_(some)).execution_options(populate_existing=True)
        found |= {cell.id: cell for cell in session.scalars(query)}
    return found


@dataclass(frozen=True)
class InputCell:
    """A cell that an analysis reads.

    Attributes:
        axes: its coordinates in the study.
        artifact: digest of what it holds: a machine's file, an evaluation's samples, an analysis' result.
        metrics: its values by metric; of a training, those at its last update.
    """

    id: str
    kind: str
    state: str
    parameters: dict[str, Any]
    parent: str | None
    axes: dict[str, Any]
    artifact: str | None
    metrics: dict[str, float]


def inputs_of(session: Session, cell_id: str, study_id: str | None) -> list[InputCell]:
    """The cells that an analysis reads, in its own order, with their coordinates in a study."""
    analysis = session.get_one(Cell, cell_id)
    cells = cells_by_id(session, analysis.inputs)
    axes = _axes_of(session, analysis.inputs, study_id)
    metrics = {
        cell: values for some in _portions(analysis.inputs) for cell, values in last_metrics(session, some).items()
    }
    machines = _machine_files(session, analysis.inputs)
    return [
        InputCell(
            cell.id, cell.kind, cell.state, cell.parameters, cell.parent,
            axes.get(cell.id, {}), machines.get(cell.id, cell.artifact_digest), metrics[cell.id],
        )
        for cell in (cells[one] for one in analysis.inputs)
    ]  # fmt: skip


def _axes_of(session: Session, cell_ids: Collection[str], study_id: str | None) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for some in _portions(cell_ids):
        query = select(StudyCell.cell_id, StudyCell.axes).where(StudyCell.cell_id.in_(some))
        found |= dict(session.execute(query.where(StudyCell.study_id == study_id)).all())
    return found


def _machine_files(session: Session, cell_ids: Collection[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for some in _portions(cell_ids):
        found |= dict(session.execute(select(Machine.key, Machine.artifact_digest).where(Machine.key.in_(some))).all())
    return found


def done_among(session: Session, cell_ids: Collection[str]) -> set[str]:
    """Which of these cells are done."""
    found: set[str] = set()
    for some in _portions(cell_ids):
        found |= set(session.scalars(select(Cell.id).where(Cell.id.in_(some), Cell.state == CellState.DONE)))
    return found


def open_among(session: Session, cell_ids: Collection[str]) -> set[str]:
    """Which of these cells exist and are not done."""
    found: set[str] = set()
    for some in _portions(cell_ids):
        found |= set(session.scalars(select(Cell.id).where(Cell.id.in_(some), Cell.state != CellState.DONE)))
    return found


def page_of_cells(
    session: Session, study_id: str, after: int | None, limit: int, kind: str | None = None
) -> list[tuple[StudyCell, Cell]]:
    """Cells of a study with their places, in the order of its grid, after a position."""
    query = (
        select(StudyCell, Cell)
        .join(Cell, Cell.id == StudyCell.cell_id)
        .where(StudyCell.study_id == study_id)
        .order_by(StudyCell.position)
        .limit(limit)
    )
    if after is not None:
        query = query.where(StudyCell.position > after)
    if kind is not None:
        query = query.where(Cell.kind == kind)
    return [(place, cell) for place, cell in session.execute(query)]


def job_titles(session: Session, cell_ids: Collection[str]) -> dict[str, str]:
    """For each cell the title of the newest job that was to fill it."""
    found: dict[str, str] = {}
    for some in _portions(cell_ids):
        query = select(JobCell.cell_id, Job.title).join(Job, Job.id == JobCell.job_id).where(JobCell.cell_id.in_(some))
        found |= dict(session.execute(query.order_by(Job.created_at, Job.id)).all())
    return found


def any_axes(session: Session, cell_id: str) -> dict[str, Any]:
    """A cell's coordinates in the first study that contains it; none outside studies."""
    query = select(StudyCell.axes).where(StudyCell.cell_id == cell_id).order_by(StudyCell.study_id).limit(1)
    return session.scalars(query).first() or {}


def machines_of_cells(session: Session, cells: Collection[Cell]) -> dict[str, str]:
    """For each cell the id of its machine: the one it trained, or the one that it judges."""
    keys = {cell.id: cell.parent or cell.id for cell in cells}
    query = select(Machine.key, Machine.id).where(Machine.key.in_(set(keys.values())))
    ids = dict(session.execute(query).all())
    return {cell_id: ids[key] for cell_id, key in keys.items() if key in ids}


def last_metrics(session: Session, cell_ids: Collection[str]) -> dict[str, dict[str, float]]:
    """For each cell its metrics; of a training, the values at its last update."""
    last = (
        select(Metric.cell_id, Metric.name, func.max(Metric.update).label("at"))
        .where(Metric.cell_id.in_(cell_ids))
        .group_by(Metric.cell_id, Metric.name)
        .subquery()
    )
    own = and_(Metric.cell_id == last.c.cell_id, Metric.name == last.c.name)
    query = select(Metric.cell_id, Metric.name, Metric.value).join(
        last, and_(own, or_(Metric.update.is_(None), Metric.update == last.c.at))
    )
    query = query.where(Metric.cell_id.in_(cell_ids))  # or PostgreSQL reads the values of all cells
    found: dict[str, dict[str, float]] = {cell_id: {} for cell_id in cell_ids}
    for cell_id, name, value in session.execute(query):
        found[cell_id][name] = value
    return found


def _portions(ids: Collection[str]) -> Iterator[list[str]]:
    whole = list(ids)
    for start in range(0, len(whole), _IDS_PER_QUERY):
        yield whole[start : start + _IDS_PER_QUERY]
