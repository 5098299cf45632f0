"""A study of evaluations only: it needs machines that stand in another study's grid."""

from sqlalchemy import select

from backend.contracts.plan import EVALUATION, MACHINE, CellPlan
from backend.contracts.states import JobState, StudyState
from backend.services.change_study import cancel_study, delete_study
from backend.services.laboratory import Laboratory
from backend.services.studies import show_study
from backend.storage.database import database_now, exclusive
from backend.storage.repositories import cells, planning
from backend.storage.repositories.planning import JobDraft
from backend.storage.tables import Artifact, Cell, Job, Study
from tests import hands


def submit_evaluations(lab: Laboratory, source_id: str, pruning: float) -> str:
    """A study that judges the machines of another study at one further level."""
    with lab.database.write() as session:
        exclusive(session)
        source = cells.cells_of_study(session, source_id)
        plans = [_plan(cell, pruning) for cell in source.values() if cell.kind == MACHINE]
        study = Study(name="Evaluations", type="dilution-sweep", parameters={}, code_version="0")
        session.add(study)
        session.flush()
        cells.add_cells(session, plans)
        cells.place_in_study(session, study.id, plans)
        known = source | cells.cells_of_study(session, study.id)
        draft = JobDraft("evaluate", "Judge", [plan.id for plan in plans])
        planning.plan_jobs(session, [draft], known, study.id, database_now(session))
        return study.id


def _plan(machine: Cell, pruning: float) -> CellPlan:
    own = {"pruning": pruning, "generation": {"num_samples": 7, "gibbs_steps": 3}}
    axes = {"initial_dilution": machine.parameters["initial_dilution"], "replica": 0, "pruning": pruning}
    return CellPlan(EVALUATION, own, own, machine.dataset_digest, machine.id, axes=axes)


def test_a_training_goes_on_for_a_study_that_only_judges_its_machines(laboratory: Laboratory) -> None:
    source = hands.submit(laboratory, initial_dilutions=[0.0])
    judging = submit_evaluations(laboratory, source.id, 0.3)
    cancel_study(laboratory, source.id)
    assert hands.work_off(laboratory) == 2, "the training and the new evaluations"
    assert show_study(laboratory, judging).state == StudyState.DONE
    assert show_study(laboratory, source.id).state == StudyState.CANCELLED


def test_machines_stay_while_another_studys_cells_descend_from_them(laboratory: Laboratory) -> None:
    source = hands.submit(laboratory, initial_dilutions=[0.0])
    hands.work_off(laboratory)
    judging = submit_evaluations(laboratory, source.id, 0.3)
    delete_study(laboratory, source.id)
    assert hands.work_off(laboratory) == 1
    assert show_study(laboratory, judging).state == StudyState.DONE
    with laboratory.database.read() as session:
        judged = cells.cells_of_study(session, judging).values()
        machines = {cell.parent for cell in judged if cell.parent}
        left = cells.cells_by_id(session, machines)
        assert set(left) == machines
        assert len(cells.machines_of_cells(session, judged)) == len(judged)
    delete_study(laboratory, judging)
    with laboratory.database.read() as session:
        assert session.scalars(select(Cell)).all() == []
        assert session.scalars(select(Artifact)).all() == []


def test_a_training_that_was_kept_for_another_study_ends_with_it(laboratory: Laboratory) -> None:
    source = hands.submit(laboratory, initial_dilutions=[0.0])
    judging = submit_evaluations(laboratory, source.id, 0.3)
    cancel_study(laboratory, source.id)
    cancel_study(laboratory, judging)
    assert hands.work_off(laboratory) == 0
    with laboratory.database.read() as session:
        assert set(session.scalars(select(Job.state))) == {JobState.CANCELLED}
