"""Cancel, retry and delete studies. Each may be asked twice."""

from collections.abc import Collection

from backend.contracts.messages import Event, Study
from backend.contracts.plan import StudyPlan
from backend.contracts.states import FINAL_STUDY_STATES, StudyState
from backend.contracts.study_types import study_type
from backend.services.errors import Conflict, storage_in_words
from backend.services.laboratory import Laboratory
from backend.services.studies import show_study, study_row
from backend.services.submit import drafts
from backend.storage import tables
from backend.storage.database import database_now, exclusive
from backend.storage.repositories import cells as cell_rows
from backend.storage.repositories import studies as study_rows
from backend.storage.repositories.deletion import delete_study_rows
from backend.storage.repositories.endings import request_cancel
from backend.storage.repositories.graph import jobs_only_for
from backend.storage.repositories.planning import plan_jobs
from backend.storage.repositories.reaper import jobs_to_send


def cancel_study(lab: Laboratory, study_id: str) -> Study:
    """Cancel the study's jobs, except those that another live study needs. Running ones stop within two seconds.

    A study that ended stays as it is. Raises `NotFound`.
    """
    with storage_in_words(), lab.database.write() as session:
        exclusive(session)
        now = database_now(session)
        study = study_row(session, study_id, "it may have been deleted")
        if study.state not in FINAL_STUDY_STATES:
            request_cancel(session, sorted(jobs_only_for(session, study_id)), now)
            study_rows.set_state(session, study_id, StudyState.CANCELLED, now)
    lab.announce(Event(kind="study", id=study_id, study_id=study_id, state=StudyState.CANCELLED))
    return show_study(lab, study_id)


def retry_study(lab: Laboratory, study_id: str) -> Study:
    """Plan new jobs for the cells that are missing or failed; what is done stays.

    Raises:
        NotFound: no such study.
        Conflict: this version would plan another grid.
    """
    with storage_in_words(), lab.database.write() as session:
        exclusive(session)
        now = database_now(session)
        study = study_row(session, study_id, "it may have been deleted")
        if study.state != StudyState.DONE:
            cells = cell_rows.cells_of_study(session, study_id)
            plan_jobs(session, drafts(_same_plan(study, cells)), cells, study_id, now)
            if study.state in FINAL_STUDY_STATES:
                study_rows.set_state(session, study_id, StudyState.QUEUED, now)
            study_rows.refresh_studies(session, [study_id], now)
        ready = jobs_to_send(session)
    lab.send(ready)
    lab.announce(Event(kind="study", id=study_id, study_id=study_id, state=StudyState.QUEUED))
    return show_study(lab, study_id)


def _same_plan(study: tables.Study, cells: Collection[str]) -> StudyPlan:
    try:
        kind = study_type(study.type)
        plan = kind.plan(kind.parameters.model_validate(study.parameters))
    except ValueError as error:
        raise Conflict(f"this version cannot plan the study again ({error}): submit it anew") from error
    if {cell.id for cell in plan.cells} != set(cells):
        raise Conflict("this version plans another grid for these parameters: submit the study anew")
    return plan


def delete_study(lab: Laboratory, study_id: str) -> None:
    """Remove the study with the cells and machines that nothing else uses. Deleting it again changes nothing."""
    with storage_in_words(), lab.database.write() as session:
        exclusive(session)
        if study_rows.get_study(session, study_id) is None:
            return
        now = database_now(session)
        request_cancel(session, sorted(jobs_only_for(session, study_id)), now)
        digests = delete_study_rows(session, study_id)
    lab.remove_files(digests)
    lab.announce(Event(kind="study", id=study_id, study_id=study_id, state="deleted"))
