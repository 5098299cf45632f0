"""Jobs for open cells: what is done stays, what a live job fills is shared, the rest becomes new jobs."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from backend.contracts.identity import new_id
from backend.contracts.states import CellState, JobState
from backend.storage.repositories.graph import will_fill
from backend.storage.tables import Cell, Job, JobCell, JobDependency


@dataclass(frozen=True)
class JobDraft:
    """A job to be: which cells it would fill, in order. Cells that need no work are left out of it."""

    kind: str
    title: str
    cells: Sequence[str]


@dataclass(frozen=True)
class _NewJob:
    id: str
    kind: str
    title: str
    cells: list[str]
    needs: set[str]


def plan_jobs(
    session: Session,
    drafts: Sequence[JobDraft],
    cells: Mapping[str, Cell],
    study_id: str | None,
    now: datetime,
) -> list[str]:
    """Write the jobs that open cells still need. The caller holds `exclusive`.

    Args:
        drafts: every job that would fill the cells if none existed.
        cells: all cells of the drafts, and the cells that are their parents and inputs.
        study_id: the study that asks; None outside studies.

    Returns:
        Ids of the new jobs.
    """
    filling = jobs_filling(session, cells)
    jobs = _open_jobs(drafts, cells, filling)
    producers = filling | {cell: job.id for job in jobs for cell in job.cells}
    for job in jobs:
        job.needs.update(_producers_of_needs(job, cells, producers))
    _write(session, jobs, cells, study_id, now)
    return [job.id for job in jobs]


def jobs_filling(session: Session, cell_ids: Collection[str]) -> dict[str, str]:
    """For each of these cells that a live job will fill: the id of that job."""
    query = select(JobCell.cell_id, Job.id).join(Job, Job.id == JobCell.job_id).where(will_fill())
    return {cell: job for cell, job in session.execute(query) if cell in cell_ids}


def _open_jobs(drafts: Sequence[JobDraft], cells: Mapping[str, Cell], filling: Mapping[str, str]) -> list[_NewJob]:
    jobs = []
    for draft in drafts:
        missing = [cell for cell in draft.cells if cells[cell].state != CellState.DONE and cell not in filling]
        if missing:
            jobs.append(_NewJob(new_id(), draft.kind, draft.title, missing, set()))
    return jobs


def _producers_of_needs(job: _NewJob, cells: Mapping[str, Cell], producers: Mapping[str, str]) -> set[str]:
    needs = {needed for cell in job.cells for needed in needs_of(cells[cell])}
    return {producers[needed] for needed in needs if needed in producers} - {job.id}


def needs_of(cell: Cell) -> set[str]:
    """Ids of the cells that must be filled before this one: its parent and its inputs."""
    return set(cell.inputs) | ({cell.parent} if cell.parent is not None else set())


def _write(
    session: Session, jobs: Sequence[_NewJob], cells: Mapping[str, Cell], study_id: str | None, now: datetime
) -> None:
    if not jobs:
        return
    session.execute(
        insert(Job),
        [
            {
                "id": job.id,
                "study_id": study_id,
                "kind": job.kind,
                "title": job.title,
                "state": JobState.BLOCKED if job.needs else JobState.QUEUED,
                "work": sum(cells[cell].work for cell in job.cells),
                # The queue is ordered by time: microseconds keep the order of the plan.
                "created_at": now + timedelta(microseconds=position),
            }
            for position, job in enumerate(jobs)
        ],
    )
    filled = [
        {"job_id": job.id, "cell_id": cell, "position": position}
        for job in jobs
        for position, cell in enumerate(job.cells)
    ]
    session.execute(insert(JobCell), filled)
    needs = [{"job_id": job.id, "depends_on_id": needed} for job in jobs for needed in sorted(job.needs)]
    if needs:
        session.execute(insert(JobDependency), needs)
    reopened = [job.id for job in jobs]
    session.execute(
        update(Cell)
        .where(Cell.id.in_(select(JobCell.cell_id).where(JobCell.job_id.in_(reopened))))
        .values(state=CellState.PENDING, error=None)
        .execution_options(synchronize_session=False)
    )
