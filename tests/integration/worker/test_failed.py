"""What cannot be done says why, and takes nothing else with it."""

from backend.contracts.states import CellState, JobState, StudyState
from tests.integration.worker.plans import LONG, QUICK, assert_same_machine, plan, uninterrupted
from tests.integration.worker.rig import Rig
from worker.rbm.checkpoint import read_checkpoint, write_checkpoint


def test_a_job_that_cannot_be_done_fails_with_its_reason_and_a_log(rig: Rig) -> None:
    rig.worker()
    study = rig.submit(plan({**QUICK, "algorithm": "cd", "num_chains": 7}))
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


def test_a_diverged_machine_fails_alone(rig: Rig) -> None:
    worker = rig.worker()
    study = rig.submit(plan(LONG))
    rig.wait_for_checkpoint(study)
    worker.kill()
    job = rig.job(study, "train")
    state = read_checkpoint(rig.lab.artifacts.get(job.checkpoint_digest))
    state.machine.vbias[0] = 3e38  # finite, and their sum is not: the next update finds it
    rig.set_job(job.id, checkpoint_digest=rig.lab.artifacts.put(write_checkpoint(state)))
    rig.worker()
    job = rig.wait_for(study, "train", JobState.FAILED)
    diverged, healthy = rig.cells(study, "machine")
    assert "1 of 2 machines diverged" in job.error
    assert str(diverged.parameters["seed"]) in job.error
    assert (diverged.state, healthy.state) == (CellState.FAILED, CellState.DONE)
    (machine,) = rig.machines().values()
    assert machine.key == healthy.id
    assert_same_machine(rig.lab.artifacts.get(machine.artifact_digest), uninterrupted(healthy.parameters))
