"""What cannot be done says why, and takes nothing else with it."""

import re

from backend.contracts.states import CellState, JobState, StudyState
from backend.services.studies import show_study
from tests.integration.worker.plans import LONG, QUICK, assert_same_machine, plan, uninterrupted
from tests.integration.worker.rig import Rig
from worker.rbm.checkpoint import read_checkpoint, write_checkpoint


def test_a_job_that_cannot_be_done_fails_with_its_reason_and_a_log(rig: Rig) -> None:
    study = rig.submit(plan(QUICK))
    for cell in rig.cells(study, "machine"):
        training = {**cell.parameters["training"], "algorithm": "cd", "num_chains": 7}
        rig.set_cell(cell.id, parameters={**cell.parameters, "training": training})
    rig.worker()
    job = rig.wait_for(study, "train", JobState.FAILED)
    assert "num_chains is 7" in job.error
    assert "\n" not in job.error
    assert any("Traceback" in line.message for line in rig.log(job.id) if line.level == "error")
    assert rig.study(study).state == StudyState.FAILED
    dependant = rig.job(study, "evaluate")
    assert dependant.state == JobState.FAILED
    assert "Train p0 = 0.4" in dependant.error

    after = rig.submit(plan(QUICK, seed=1))
    rig.wait_for_end(after, StudyState.DONE)


def test_an_unknown_kind_of_job_fails_with_the_known_ones(rig: Rig) -> None:
    study = rig.submit(plan(QUICK))
    rig.set_job(rig.job(study, "train").id, kind="juggle")
    rig.worker()
    job = rig.wait_for(study, "juggle", JobState.FAILED)
    assert "'juggle' is not a kind of job" in job.error
    assert "evaluate, train" in job.error


def test_a_lost_machine_fails_its_evaluation_with_the_reason(rig: Rig) -> None:
    rig.worker()
    study = rig.submit(plan(QUICK))
    rig.wait_for_end(study, StudyState.DONE)
    for machine in rig.machines().values():
        rig.lab.artifacts.delete(machine.artifact_digest)
    other = rig.submit(plan(QUICK, generation={"num_samples": 5, "gibbs_steps": 3}))
    job = rig.wait_for(other, "evaluate", JobState.FAILED)
    assert "no bytes are stored" in job.error
    assert {cell.state for cell in rig.cells(other, "evaluation")} == {CellState.FAILED}


def diverging(rig: Rig, replicas: list[int]) -> str:
    """A study whose training is caught in the middle, and whose machines there are spoilt."""
    worker = rig.worker()
    study = rig.submit(plan(LONG))
    rig.wait_for_checkpoint(study)
    worker.kill()
    job = rig.job(study, "train")
    state = read_checkpoint(rig.lab.artifacts.get(job.checkpoint_digest))
    state.machine.vbias[replicas] = 1e6  # finite, and no machine that learns
    rig.set_job(job.id, checkpoint_digest=rig.lab.artifacts.put(write_checkpoint(state)))
    rig.worker()
    return study


def test_a_diverged_machine_fails_alone(rig: Rig) -> None:
    """Kills: one diverged replica that takes its batch, or the evaluations of the others, with it."""
    study = diverging(rig, [0])
    rig.wait_for_end(study, StudyState.FAILED)
    diverged, healthy = rig.cells(study, "machine")
    assert (diverged.state, healthy.state) == (CellState.FAILED, CellState.DONE)
    assert re.search(rf"seed {diverged.parameters['seed']} diverged at update [\d,]+ of ", diverged.error or "")
    assert rig.job(study, "train").state == rig.job(study, "evaluate").state == JobState.DONE
    states = {cell.parent: cell.state for cell in rig.cells(study, "evaluation")}
    assert states == {diverged.id: CellState.FAILED, healthy.id: CellState.DONE}
    assert show_study(rig.lab, study).message == diverged.error
    (machine,) = rig.machines().values()
    assert machine.key == healthy.id
    assert_same_machine(rig.lab.artifacts.get(machine.artifact_digest), uninterrupted(healthy.parameters))


def test_when_every_machine_diverges_the_job_fails(rig: Rig) -> None:
    study = diverging(rig, [0, 1])
    job = rig.wait_for(study, "train", JobState.FAILED)
    assert "every machine diverged; the first: the machine with p0 = " in job.error
    assert rig.machines() == {}
