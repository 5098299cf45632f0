"""Read studies: state, progress, and a plain sentence when there is something to know."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from backend.contracts.messages import Page, Progress, Study
from backend.contracts.states import CellState, JobState, StudyState
from backend.services.cursors import check_limit, read_cursor, write_cursor
from backend.services.errors import NotFound, storage_in_words
from backend.services.estimates import Crew, as_range, study_seconds
from backend.services.laboratory import Laboratory
from backend.storage import tables
from backend.storage.repositories import studies as rows
from backend.storage.repositories.studies import CellTally, LiveShare

NO_WORKER = "queued: no worker is running. Start one with: make worker"
NOT_SENT = "queued: the broker has not taken it yet; it is offered again every second"


def show_study(lab: Laboratory, study_id: str) -> Study:
    """One study. Raises `NotFound`."""
    with storage_in_words(), lab.database.read() as session:
        return _messages(session, [study_row(session, study_id)])[0]


def study_row(session: Session, study_id: str, advice: str = "see GET /api/v1/studies") -> tables.Study:
    """The row of a study. Raises `NotFound`."""
    study = rows.get_study(session, study_id)
    if study is None:
        raise NotFound(f"no study has the id {study_id[:80]!r}: {advice}")
    return study


def list_studies(
    lab: Laboratory, cursor: str | None = None, limit: int = 50, state: StudyState | None = None
) -> Page[Study]:
    """One page of studies, newest first."""
    check_limit(limit)
    after = read_cursor(cursor, datetime, str) if cursor else None
    with storage_in_words(), lab.database.read() as session:
        found = rows.page_of_studies(session, after, limit + 1, state)
        shown = found[:limit]
        more = len(found) > limit
        next_cursor = write_cursor(shown[-1].created_at, shown[-1].id) if more else None
        return Page(items=_messages(session, shown), next_cursor=next_cursor)


def _messages(session: Session, studies: Sequence[tables.Study]) -> list[Study]:
    # What is done stays done: its cells need not be looked at, nor the jobs that others still run.
    done = [study.id for study in studies if study.state == StudyState.DONE]
    others = [study.id for study in studies if study.state != StudyState.DONE]
    failed = [study.id for study in studies if study.state == StudyState.FAILED]
    whole = rows.num_cells(session, done) if done else {}
    tallies: dict[str, dict[str, CellTally]]
    tallies = {study_id: {CellState.DONE: CellTally(cells, float(cells))} for study_id, cells in whole.items()}
    tallies |= rows.tallies(session, others) if others else {}
    shares = rows.live_shares(session, others) if others else {}
    errors = rows.first_cell_errors(session, failed) | rows.last_errors(session, failed) if failed else {}
    crew = Crew.of(session)
    return [
        Study(
            id=study.id,
            name=study.name,
            type=study.type,
            parameters=study.parameters,
            state=StudyState(study.state),
            message=_message(study, shares.get(study.id, []), crew, errors.get(study.id)),
            progress=_progress(tallies.get(study.id, {}), shares.get(study.id, []), crew),
            code_version=study.code_version,
            created_at=study.created_at,
            started_at=study.started_at,
            finished_at=study.finished_at,
        )
        for study in studies
    ]


def _message(study: tables.Study, shares: Sequence[LiveShare], crew: Crew, error: str | None) -> str | None:
    if study.state == StudyState.FAILED:
        return error or "some of its cells failed: see its jobs, then retry"
    if study.state == StudyState.CANCELLED:
        return "stopping" if any(share.job.cancel_requested for share in shares) else None
    if not shares:
        return None
    if crew.alive == 0:
        return NO_WORKER
    running = [share.job for share in shares if share.job.state == JobState.RUNNING]
    if running:
        stage = f": {running[0].stage}" if running[0].stage else ""
        return f"{running[0].title}{stage}"
    queued = [share.job for share in shares if share.job.state == JobState.QUEUED]
    return NOT_SENT if queued and all(job.sent_at is None for job in queued) else "queued: other jobs are first"


def _progress(tally: Mapping[str, CellTally], shares: Sequence[LiveShare], crew: Crew) -> Progress:
    total = sum(one.work for one in tally.values())
    done = tally.get(CellState.DONE, CellTally())
    underway = sum(map(_underway, shares))
    low, high = as_range(study_seconds(shares, crew))
    return Progress(
        cells_total=sum(one.cells for one in tally.values()),
        cells_done=done.cells,
        cells_failed=tally.get(CellState.FAILED, CellTally()).cells,
        fraction=min(1.0, (done.work + underway) / total) if total else 1.0,
        eta_low_seconds=low,
        eta_high_seconds=high,
    )


def _underway(share: LiveShare) -> float:
    """The study's part of the work that a running job has done on cells that are still open."""
    job = share.job
    if job.state != JobState.RUNNING or share.job_pending_work == 0:
        return 0.0
    closed = job.work - share.job_pending_work
    on_open_cells = max(0.0, job.work * job.fraction - closed)
    return min(1.0, on_open_cells / share.job_pending_work) * share.pending_work
