"""Read machines, download them, and ask for their samples at any pruning level."""

from datetime import datetime

from sqlalchemy.orm import Session

from backend.contracts.catalogue import catalogue
from backend.contracts.cells import evaluation_cell
from backend.contracts.identity import derive_seed
from backend.contracts.messages import Event, FieldProblem, Machine, Page, SamplesAnswer, SamplesRequest
from backend.contracts.plan import CellPlan
from backend.contracts.states import CellState, JobState
from backend.services.cursors import check_limit, read_cursor, write_cursor
from backend.services.errors import InvalidRequest, NotFound, storage_in_words
from backend.services.laboratory import Laboratory
from backend.storage import tables
from backend.storage.database import database_now, exclusive
from backend.storage.repositories import artifacts
from backend.storage.repositories import cells as cell_rows
from backend.storage.repositories import machines as rows
from backend.storage.repositories.planning import JobDraft, jobs_filling, plan_jobs
from backend.storage.repositories.reaper import jobs_to_send


def list_machines(
    lab: Laboratory,
    cursor: str | None = None,
    limit: int = 50,
    origin: str | None = None,
    study_id: str | None = None,
) -> Page[Machine]:
    """One page of machines, newest first."""
    check_limit(limit)
    after = read_cursor(cursor, datetime, str) if cursor else None
    with storage_in_words(), lab.database.read() as session:
        found = rows.page_of_machines(session, after, limit + 1, origin=origin, study_id=study_id)
        shown = found[:limit]
        sizes = artifacts.sizes(session, {machine.artifact_digest for machine in shown})
        next_cursor = write_cursor(shown[-1].created_at, shown[-1].id) if len(found) > limit else None
        return Page(items=[_message(machine, sizes) for machine in shown], next_cursor=next_cursor)


def show_machine(lab: Laboratory, machine_id: str) -> Machine:
    """One machine. Raises `NotFound`."""
    with storage_in_words(), lab.database.read() as session:
        machine = _row(session, machine_id)
        return _message(machine, artifacts.sizes(session, {machine.artifact_digest}))


def machine_bytes(lab: Laboratory, machine_id: str) -> bytes:
    """The machine's safetensors file, verified against its digest.

    Raises:
        NotFound: no such machine.
        ArtifactDamaged: the stored bytes are missing or do not match.
    """
    with storage_in_words():
        with lab.database.read() as session:
            digest = _row(session, machine_id).artifact_digest
        return lab.artifacts.get(digest)


def request_samples(lab: Laboratory, machine_id: str, request: SamplesRequest) -> SamplesAnswer:
    """Find or order samples of a machine, pruned to any level. Asking again gives the same samples.

    Raises:
        NotFound: no such machine.
        InvalidRequest: a pruning level below the machine's own dilution.
    """
    with storage_in_words(), lab.database.write() as session:
        exclusive(session)
        machine = _row(session, machine_id)
        plan = _evaluation(machine, request)
        cell_rows.add_cells(session, [plan])
        cells = cell_rows.cells_by_id(session, [plan.id])
        title = f"Samples of {machine.name} at p = {plan.parameters['pruning']:g}"
        plan_jobs(session, [JobDraft("evaluate", title, [plan.id])], cells, None, database_now(session))
        job_id = jobs_filling(session, [plan.id]).get(plan.id)
        state = cell_rows.cells_by_id(session, [plan.id])[plan.id].state
        ready = jobs_to_send(session)
    lab.send(ready)
    if job_id is not None:
        lab.announce(Event(kind="job", id=job_id, state=JobState.QUEUED))
    return SamplesAnswer(cell_id=plan.id, job_id=job_id, state=CellState(state))


def _evaluation(machine: tables.Machine, request: SamplesRequest) -> CellPlan:
    pruning = machine.initial_dilution if request.pruning is None else request.pruning
    if pruning < machine.initial_dilution:
        detail = (
            f"p = {pruning:g} is below the machine's own dilution p0 = {machine.initial_dilution:g}: pruning cannot "
            f"bring weights back; {machine.initial_dilution:g} to 1 are allowed"
        )
        raise InvalidRequest([FieldProblem(pointer="/pruning", detail=detail)])
    dataset = catalogue().dataset(machine.parameters.get("dataset", "mnist"))
    return evaluation_cell(
        dataset=dataset.name,
        dataset_digest=dataset.digest,
        machine_key=machine.key,
        machine_seed=machine.parameters.get("seed", derive_seed("machine", machine.key)),
        pruning=pruning,
        pruning_rule=request.pruning_rule,
        generation=request.generation,
        judge=catalogue().judge_digest(request.judge),
        axes={},
    )


def _row(session: Session, machine_id: str) -> tables.Machine:
    machine = rows.get_machine(session, machine_id)
    if machine is None:
        raise NotFound(f"no machine has the id {machine_id[:80]!r}: see GET /api/v1/machines")
    return machine


def _message(machine: tables.Machine, sizes: dict[str, int]) -> Machine:
    return Machine(
        id=machine.id,
        name=machine.name,
        origin=machine.origin,
        initial_dilution=machine.initial_dilution,
        num_visible=machine.num_visible,
        num_hidden=machine.num_hidden,
        parameters=machine.parameters,
        provenance=machine.provenance,
        digest=machine.artifact_digest,
        size_bytes=sizes.get(machine.artifact_digest, 0),
        study_id=machine.study_id,
        cell_id=machine.cell_id,
        created_at=machine.created_at,
    )
