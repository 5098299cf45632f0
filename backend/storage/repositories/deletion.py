"""Deleting a study: its rows, and the cells, machines, jobs and artifacts that nothing else uses."""

from collections.abc import Iterable

from sqlalchemy import delete, exists, select, update
from sqlalchemy.orm import Session, aliased

from backend.storage.repositories.artifacts import drop_unreferenced
from backend.storage.repositories.graph import LIVE_JOB_STATES
from backend.storage.tables import Cell, Job, JobCell, Machine, Metric, Study, StudyCell

_PORTION = 5000


def delete_study_rows(session: Session, study_id: str) -> list[str]:
    """Remove a study whose needless jobs were cancelled before. The caller holds `exclusive`.

    Cells and machines that another study contains, or that lead to its cells, stay. A worker that still runs
    a deleted job loses its lease with the row.

    Returns:
        Digests of artifacts that nothing refers to any more: remove their files after the commit.
    """
    doomed = _doomed_cells(session, study_id)
    session.execute(delete(StudyCell).where(StudyCell.study_id == study_id))
    checkpoints = _delete_jobs(session, study_id, doomed)
    digests = checkpoints | _digests(session, doomed)
    for some in _portions(doomed):
        session.execute(delete(Metric).where(Metric.cell_id.in_(some)))
        session.execute(delete(Machine).where(Machine.cell_id.in_(some)))
        session.execute(delete(JobCell).where(JobCell.cell_id.in_(some)))
        session.execute(delete(Cell).where(Cell.id.in_(some)))
    session.execute(delete(Study).where(Study.id == study_id))
    return drop_unreferenced(session, digests)


def _doomed_cells(session: Session, study_id: str) -> set[str]:
    elsewhere = aliased(StudyCell)
    shared = exists().where(elsewhere.cell_id == Cell.id, elsewhere.study_id != study_id)
    busy = exists().where(
        JobCell.cell_id == Cell.id,
        JobCell.job_id == Job.id,
        Job.state.in_(LIVE_JOB_STATES),
        Job.cancel_requested.is_(False),
        Job.study_id.is_not(None),
    )
    placed = select(StudyCell.cell_id).where(StudyCell.study_id == study_id)
    planned = select(JobCell.cell_id).join(Job, Job.id == JobCell.job_id).where(Job.study_id == study_id)
    own = Cell.id.in_(placed) | Cell.id.in_(planned)
    doomed = set(session.scalars(select(Cell.id).where(own, ~shared, ~busy)))
    doomed |= _ancestors_outside_studies(session, doomed)
    doomed -= _ancestors_of_others(session, doomed)
    return doomed | _children_outside_studies(session, doomed)


def _ancestors_of_others(session: Session, doomed: set[str]) -> set[str]:
    """Doomed cells from which a cell that stays in some study descends."""
    query = select(Cell.id, Cell.parent).where(Cell.parent.is_not(None))
    placed = select(StudyCell.cell_id)
    stay = {
        parent
        for cell_id, parent in session.execute(query.where(Cell.id.in_(placed)))
        if cell_id not in doomed and parent in doomed
    }
    kept: set[str] = set()
    while stay:
        kept |= stay
        parents = select(Cell.parent).where(Cell.id.in_(stay), Cell.parent.is_not(None))
        stay = {parent for parent in session.scalars(parents) if parent in doomed} - kept
    return kept


def _ancestors_outside_studies(session: Session, doomed: set[str]) -> set[str]:
    """Trained machines that a study deleted before left behind for these cells."""
    found: set[str] = set()
    level = set(doomed)
    while level:
        parents = select(Cell.parent).where(Cell.id.in_(level), Cell.parent.is_not(None))
        query = select(Cell.id).where(Cell.id.in_(parents), ~exists().where(StudyCell.cell_id == Cell.id))
        level = set(session.scalars(query)) - found
        found |= level
    return found


def _children_outside_studies(session: Session, doomed: set[str]) -> set[str]:
    """Cells that someone asked for outside studies and that start from a doomed machine."""
    query = select(Cell.id, Cell.parent).where(Cell.parent.is_not(None), ~exists().where(StudyCell.cell_id == Cell.id))
    return {cell_id for cell_id, parent in session.execute(query) if parent in doomed}


def _delete_jobs(session: Session, study_id: str, doomed: set[str]) -> set[str]:
    """Delete jobs that have nothing left to fill; hand the study's other jobs to a study that shares them."""
    cells: dict[str, set[str]] = {}
    touched = select(JobCell.job_id, JobCell.cell_id)
    for some in _portions(doomed):
        ids = select(JobCell.job_id).where(JobCell.cell_id.in_(some))
        for job_id, cell_id in session.execute(touched.where(JobCell.job_id.in_(ids))):
            cells.setdefault(job_id, set()).add(cell_id)
    empty = [job_id for job_id, own in cells.items() if own <= doomed]
    # The deleted row is locked first: a worker that records a result right now finishes before, or loses.
    checkpoints = session.execute(delete(Job).where(Job.id.in_(empty)).returning(Job.checkpoint_digest)).scalars()
    found = {digest for digest in checkpoints if digest is not None}
    heir = (
        select(StudyCell.study_id)
        .join(JobCell, JobCell.cell_id == StudyCell.cell_id)
        .where(JobCell.job_id == Job.id)
        .order_by(StudyCell.study_id)
        .limit(1)
        .scalar_subquery()
    )
    session.execute(
        update(Job).where(Job.study_id == study_id).values(study_id=heir).execution_options(synchronize_session=False)
    )
    return found


def _digests(session: Session, cell_ids: set[str]) -> set[str]:
    found: set[str | None] = set()
    for some in _portions(cell_ids):
        found |= set(session.scalars(select(Cell.artifact_digest).where(Cell.id.in_(some))))
        found |= set(session.scalars(select(Machine.artifact_digest).where(Machine.cell_id.in_(some))))
    return {digest for digest in found if digest is not None}


def _portions(ids: Iterable[str]) -> Iterable[list[str]]:
    whole = sorted(ids)
    return (whole[start : start + _PORTION] for start in range(0, len(whole), _PORTION))
