"""Order cells of a machine outside any study: samples or couplings at any pruning level.

Asking again gives the same cell: what was computed once is not computed again. Of what comes measured with the starter
zoo the samples were not kept: whoever asks for them has that level computed.
"""

from typing import Any

from backend.contracts.catalogue import catalogue
from backend.contracts.cells import analysis_cell, evaluation_cell
from backend.contracts.identity import derive_seed
from backend.contracts.messages import CellAnswer, CouplingsRequest, Event, FieldProblem, SamplesRequest
from backend.contracts.plan import EVALUATION, CellPlan
from backend.contracts.states import CellState, JobState
from backend.contracts.study_types.representation import COUPLINGS_WORK
from backend.services.errors import InvalidRequest, storage_in_words
from backend.services.laboratory import Laboratory
from backend.services.machines import machine_row
from backend.storage import tables
from backend.storage.database import database_now, exclusive
from backend.storage.repositories import cells as cell_rows
from backend.storage.repositories.planning import JobDraft, jobs_filling, plan_jobs
from backend.storage.repositories.reaper import jobs_to_send


def order_samples(lab: Laboratory, machine_id: str, request: SamplesRequest) -> CellAnswer:
    """Find or order samples of a machine, pruned to any level.

    Raises:
        NotFound: no such machine.
        InvalidRequest: a pruning level below the machine's own dilution.
    """
    with lab.database.read() as session:
        machine = machine_row(session, machine_id)
    plan = samples_plan(machine, request)
    return _order(lab, plan, "evaluate", f"Samples of {machine.name} at p = {plan.parameters['pruning']:g}")


def samples_plan(machine: tables.Machine, request: SamplesRequest) -> CellPlan:
    """The cell that holds such samples, and what they measure. Raises `InvalidRequest` as `order_samples` does."""
    dataset = catalogue().dataset(_dataset(machine))
    return evaluation_cell(
        dataset=dataset.name,
        dataset_digest=dataset.digest,
        machine_key=machine.key,
        machine_seed=machine.parameters.get("seed", derive_seed("machine", machine.key)),
        pruning=_level(machine, request.pruning),
        pruning_rule=request.pruning_rule,
        generation=request.generation,
        num_hidden=machine.num_hidden,
        judge=catalogue().judge_digest(request.judge),
        axes={},
    )


def order_couplings(lab: Laboratory, machine_id: str, request: CouplingsRequest) -> CellAnswer:
    """Find or order the effective fields and couplings of a machine, pruned to any level.

    Raises:
        NotFound: no such machine.
        InvalidRequest: a pruning level below the machine's own dilution, or a triple of units that it does not have.
    """
    with lab.database.read() as session:
        machine = machine_row(session, machine_id)
    level = _level(machine, request.pruning)
    _check_triples(machine, request.triples)
    dataset = catalogue().dataset(_dataset(machine))
    parameters: dict[str, Any] = {}
    if level > machine.initial_dilution:
        parameters = {"pruning": level, "pruning_rule": request.pruning_rule}
    if request.triples:
        parameters["triples"] = [list(triple) for triple in request.triples]
    plan = analysis_cell(
        "couplings",
        dataset=dataset.name,
        dataset_digest=dataset.digest,
        parameters=parameters,
        parent=machine.key,
        work=COUPLINGS_WORK,
    )
    return _order(lab, plan, "analyse", f"Couplings of {machine.name} at p = {level:g}")


def _order(lab: Laboratory, plan: CellPlan, kind: str, title: str) -> CellAnswer:
    with storage_in_words(), lab.database.write() as session:
        exclusive(session)
        cell_rows.add_cells(session, [plan])
        if plan.kind == EVALUATION:
            cell_rows.reopen_without_samples(session, plan.id)
        cells = cell_rows.cells_by_id(session, [plan.id])
        plan_jobs(session, [JobDraft(kind, title, [plan.id])], cells, None, database_now(session))
        job_id = jobs_filling(session, [plan.id]).get(plan.id)
        state = cell_rows.cells_by_id(session, [plan.id])[plan.id].state
        ready = jobs_to_send(session)
    lab.send(ready)
    if job_id is not None:
        lab.announce(Event(kind="job", id=job_id, state=JobState.QUEUED))
    return CellAnswer(cell_id=plan.id, job_id=job_id, state=CellState(state))


def _dataset(machine: tables.Machine) -> str:
    return str(machine.parameters.get("dataset", "mnist"))


def _level(machine: tables.Machine, pruning: float | None) -> float:
    """The level that is meant: the machine's own dilution if none is given."""
    level = machine.initial_dilution if pruning is None else pruning
    if level < machine.initial_dilution:
        detail = (
            f"p = {level:g} is below the machine's own dilution p0 = {machine.initial_dilution:g}: pruning cannot "
            f"bring weights back; {machine.initial_dilution:g} to 1 are allowed"
        )
        raise InvalidRequest([FieldProblem(pointer="/pruning", detail=detail)])
    return level


def _check_triples(machine: tables.Machine, triples: list[tuple[int, int, int]]) -> None:
    for place, triple in enumerate(triples):
        if len(set(triple)) < 3 or max(triple) >= machine.num_visible:
            detail = f"{list(triple)} is not three different visible units: 0 to {machine.num_visible - 1} are allowed"
            raise InvalidRequest([FieldProblem(pointer=f"/triples/{place}", detail=detail)])
