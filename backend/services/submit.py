"""Submit a study, or say what it would cost."""

from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any

from pydantic import ValidationError
from sqlalchemy.orm import Session

from backend.contracts.cells import work_of
from backend.contracts.identity import new_id
from backend.contracts.messages import Estimate, Event, FieldProblem, Study, StudyCreate, StudyTypeInfo
from backend.contracts.parameters import Parameters
from backend.contracts.plan import CellPlan, StudyPlan
from backend.contracts.sizes import bytes_of
from backend.contracts.states import StudyState
from backend.contracts.study_types import StudyType, study_type, study_types
from backend.services.errors import InvalidRequest, field_problems, storage_in_words
from backend.services.estimates import Crew, seconds_of
from backend.services.laboratory import Laboratory
from backend.services.studies import show_study
from backend.storage import tables
from backend.storage.database import Database, database_now, exclusive
from backend.storage.repositories import cells as cell_rows
from backend.storage.repositories import milestones
from backend.storage.repositories import studies as study_rows
from backend.storage.repositories.planning import JobDraft, plan_jobs
from backend.storage.repositories.reaper import jobs_to_send


def submit_study(lab: Laboratory, request: StudyCreate, study_id: str | None = None) -> Study:
    """Validate everything, write study, cells and jobs in one transaction, then wake workers.

    Cells that are done already, or that another live job fills, are shared.

    Args:
        study_id: id of the new study, for a caller that may ask twice: a study that has it is the answer.

    Raises:
        InvalidRequest: a problem for each field that is refused.
        StorageUnavailable: nothing was written.
    """
    kind, parameters = validated(request)
    plan = kind.plan(parameters)
    with storage_in_words(), lab.database.write() as session:
        exclusive(session)
        study_id = study_id or new_id()
        if study_rows.get_study(session, study_id) is None:
            _write(session, study_id, request.name, kind=kind, parameters=parameters, plan=plan)
        ready = jobs_to_send(session)
    lab.send(ready)
    lab.announce(Event(kind="study", id=study_id, study_id=study_id, state=StudyState.QUEUED))
    return show_study(lab, study_id)


def submit_once(lab: Laboratory, request: StudyCreate, milestone: str) -> Study | None:
    """Submit a study the first time that a milestone is asked for; None afterwards, for ever."""
    kind, parameters = validated(request)
    plan = kind.plan(parameters)
    with storage_in_words(), lab.database.write() as session:
        exclusive(session)
        if milestones.reached(session, milestone):
            return None
        milestones.reach(session, milestone)
        study_id = new_id()
        _write(session, study_id, request.name, kind=kind, parameters=parameters, plan=plan)
        ready = jobs_to_send(session)
    lab.send(ready)
    return show_study(lab, study_id)


def drafts(plan: StudyPlan) -> list[JobDraft]:
    """The jobs of a plan as the storage takes them."""
    return [JobDraft(job.kind, job.title, job.cells) for job in plan.jobs]


def estimate_study(lab: Laboratory, request: StudyCreate) -> Estimate:
    """What the study would cost: cells, jobs, work, and time at the speed last measured here.

    Raises:
        InvalidRequest: a problem for each field that is refused.
    """
    kind, parameters = validated(request)
    plan = kind.plan(parameters)
    with storage_in_words():
        done, crew = _known(lab.database, plan.cells)
    missing = [cell for cell in plan.cells if cell.id not in done]
    missing_ids = {cell.id for cell in missing}
    work = sum(map(work_of, missing))
    jobs = sum(not missing_ids.isdisjoint(job.cells) for job in plan.jobs)
    return Estimate(
        cells=len(plan.cells),
        cells_already_done=len(plan.cells) - len(missing),
        jobs=jobs,
        work=work,
        seconds=seconds_of(work, jobs, crew),
        size_bytes=sum(map(bytes_of, missing)),
    )


def list_study_types() -> list[StudyTypeInfo]:
    """Every study type with the JSON Schema of its parameters and its presets, defaults filled in."""
    return [
        StudyTypeInfo(
            name=kind.name,
            title=kind.title,
            description=kind.description,
            parameters_schema=kind.parameters.model_json_schema(),
            presets={
                name: kind.parameters.model_validate(preset).model_dump(mode="json")
                for name, preset in kind.presets.items()
            },
        )
        for kind in study_types().values()
    ]


def validated(request: StudyCreate) -> tuple[type[StudyType], Parameters]:
    """The study type and its parameters: the given ones laid over the preset.

    Raises:
        InvalidRequest: unknown type or preset, or parameters that are refused.
    """
    if not request.name.isprintable():
        detail = "the name has control characters, such as a line break: use letters, digits and signs"
        raise InvalidRequest([FieldProblem(pointer="/name", detail=detail)])
    try:
        kind = study_type(request.type)
    except ValueError as error:
        raise InvalidRequest([FieldProblem(pointer="/type", detail=str(error))]) from error
    if request.preset is not None and request.preset not in kind.presets:
        detail = f"{request.preset!r} is not a preset of {kind.name}: {', '.join(kind.presets)}"
        raise InvalidRequest([FieldProblem(pointer="/preset", detail=detail)])
    preset = kind.presets[request.preset] if request.preset is not None else {}
    try:
        return kind, kind.parameters.model_validate(laid_over(preset, request.parameters))
    except ValidationError as error:
        raise InvalidRequest(field_problems(error, "/parameters")) from error


def laid_over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """`above` laid over `below`, group by group."""
    whole = dict(below)
    for name, value in above.items():
        own = whole.get(name)
        both = isinstance(value, Mapping) and isinstance(own, Mapping)
        whole[name] = laid_over(own, value) if both else value  # type: ignore[arg-type]
    return whole


def _write(
    session: Session, study_id: str, name: str, *, kind: type[StudyType], parameters: Parameters, plan: StudyPlan
) -> None:
    now = database_now(session)
    study = tables.Study(
        id=study_id,
        name=name.strip(),
        type=kind.name,
        parameters=parameters.model_dump(mode="json"),
        code_version=version("dilution-lab"),
        created_at=now,
    )
    session.add(study)
    session.flush()
    cell_rows.add_cells(session, plan.cells)
    cell_rows.place_in_study(session, study.id, plan.cells)
    plan_jobs(session, drafts(plan), cell_rows.cells_of_study(session, study.id), study.id, now)
    study_rows.refresh_studies(session, [study.id], now)


def _known(database: Database, cells: Sequence[CellPlan]) -> tuple[set[str], Crew]:
    with database.read() as session:
        return cell_rows.done_among(session, [cell.id for cell in cells]), Crew.of(session)
