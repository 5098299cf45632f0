"""What cannot be done says why, and takes nothing else with it: one worker meets everything that can be wrong."""

import re
from dataclasses import dataclass

import pytest

from backend.contracts.states import CellState, JobState, StudyState
from backend.services.studies import show_study
from tests.integration.worker.plans import QUICK, assert_same_machine, plan, uninterrupted
from tests.integration.worker.rig import Rig


@dataclass(frozen=True)
class Ward:
    """A worker, and the studies that it found when it started."""

    rig: Rig
    refused: str
    unknown: str
    half_diverged: str
    diverged: str


@pytest.fixture(scope="module")
def ward(quiet_rig: Rig) -> Ward:
    ward = Ward(quiet_rig, *(quiet_rig.submit(plan(QUICK, seed=seed)) for seed in range(4)))
    for cell in quiet_rig.cells(ward.refused, "machine"):
        training = {**cell.parameters["training"], "algorithm": "cd", "num_chains": 7}
        quiet_rig.set_cell(cell.id, parameters={**cell.parameters, "training": training})
    quiet_rig.set_job(quiet_rig.job(ward.unknown, "train").id, kind="juggle")
    quiet_rig.put_checkpoint(ward.half_diverged, update=9, spoilt=[0])
    quiet_rig.put_checkpoint(ward.diverged, update=9, spoilt=[0, 1])
    quiet_rig.worker()
    return ward


def test_a_job_that_cannot_be_done_fails_with_its_reason_and_a_log(ward: Ward) -> None:
    rig, study = ward.rig, ward.refused
    job = rig.wait_for(study, "train", JobState.FAILED)
    assert "num_chains is 7" in job.error
    assert "\n" not in job.error
    assert any("Traceback" in line.message for line in rig.log(job.id) if line.level == "error")
    assert rig.study(study).state == StudyState.FAILED
    dependant = rig.job(study, "evaluate")
    assert dependant.state == JobState.FAILED
    assert "Train p0 = 0.4" in dependant.error


def test_an_unknown_kind_of_job_fails_with_the_known_ones(ward: Ward) -> None:
    job = ward.rig.wait_for(ward.unknown, "juggle", JobState.FAILED)
    assert "'juggle' is not a kind of job" in job.error
    assert "evaluate, train" in job.error


def test_a_lost_machine_fails_its_evaluation_with_the_reason(ward: Ward) -> None:
    """Kills: a worker that does not go on after a failure, too."""
    rig = ward.rig
    study = rig.submit(plan(QUICK, seed=4))
    rig.wait_for_end(study, StudyState.DONE)
    machines = rig.machines()
    for cell in rig.cells(study, "machine"):
        rig.lab.artifacts.delete(machines[cell.id].artifact_digest)
    other = rig.submit(plan(QUICK, seed=4, generation={"num_samples": 5, "gibbs_steps": 3}))
    job = rig.wait_for(other, "evaluate", JobState.FAILED)
    assert "no bytes are stored" in job.error
    assert {cell.state for cell in rig.cells(other, "evaluation")} == {CellState.FAILED}


def test_a_diverged_machine_fails_alone(ward: Ward) -> None:
    """Kills: one diverged replica that takes its batch, or the evaluations of the others, with it."""
    rig, study = ward.rig, ward.half_diverged
    rig.wait_for_end(study, StudyState.FAILED)
    diverged, healthy = rig.cells(study, "machine")
    assert (diverged.state, healthy.state) == (CellState.FAILED, CellState.DONE)
    assert re.search(rf"seed {diverged.parameters['seed']} diverged at update [\d,]+ of ", diverged.error or "")
    assert rig.job(study, "train").state == rig.job(study, "evaluate").state == JobState.DONE
    states = {cell.parent: cell.state for cell in rig.cells(study, "evaluation")}
    assert states == {diverged.id: CellState.FAILED, healthy.id: CellState.DONE}
    assert show_study(rig.lab, study).message == diverged.error
    machines = rig.machines()
    assert diverged.id not in machines
    stored = rig.lab.artifacts.get(machines[healthy.id].artifact_digest)
    assert_same_machine(stored, uninterrupted(healthy.parameters))


def test_when_every_machine_diverges_the_job_fails(ward: Ward) -> None:
    rig = ward.rig
    job = rig.wait_for(ward.diverged, "train", JobState.FAILED)
    assert "every machine diverged; the first: the machine with p0 = " in job.error
    assert not rig.machines().keys() & {cell.id for cell in rig.cells(ward.diverged, "machine")}
