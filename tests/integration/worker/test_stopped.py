"""Cancel and stop: obeyed within two seconds, and nothing is lost that should be kept."""

import time

from backend.contracts.states import CellState, JobState, StudyState
from backend.storage.repositories.endings import request_cancel
from backend.storage.tables import utcnow
from tests.integration.worker.plans import LONG, QUICK, plan
from tests.integration.worker.rig import Rig, gone, wait_until
from tests.integration.worker.test_killed import assert_ended_as_if_nothing_had_happened, went_on_from

CANCEL_SECONDS = 2.0
RELEASE_SECONDS = 2.5
GONE_SECONDS = 5.0
INSIDE_AN_UPDATE = 5.0
ENDLESS = {**LONG, "num_updates": 1_000_000}
LONG_UPDATES = {"num_hidden": 400, "gibbs_steps": 1000, "num_updates": 100, "batch_size": 500, "num_chains": 500}


def cancel(rig: Rig, study: str) -> None:
    with rig.lab.database.write() as session:
        request_cancel(session, [job.id for job in rig.jobs(study)], utcnow())


def assert_cancelled_in_time(rig: Rig, study: str) -> None:
    begun = time.monotonic()
    cancel(rig, study)
    job = rig.wait_for(study, "train", JobState.CANCELLED)
    assert time.monotonic() - begun < CANCEL_SECONDS
    assert rig.study(study).state == StudyState.CANCELLED
    assert {cell.state for cell in rig.cells(study, "machine")} == {CellState.CANCELLED}
    assert job.error is None


def test_cancel_stops_a_training_and_the_worker_takes_the_next_job(rig: Rig) -> None:
    """Also one whose updates take minutes."""
    worker = rig.worker(HEARTBEAT_SECONDS="1.0")
    study = rig.submit(plan(ENDLESS))
    rig.wait_for_checkpoint(study)
    assert_cancelled_in_time(rig, study)
    slow = rig.submit(plan(LONG_UPDATES, num_replicas=15))
    rig.wait_for(slow, "train", JobState.RUNNING)
    time.sleep(INSIDE_AN_UPDATE)
    assert_cancelled_in_time(rig, slow)
    after = rig.submit(plan(QUICK, seed=1))
    rig.wait_for_end(after, StudyState.DONE)
    assert worker.process.poll() is None


def test_sigterm_gives_the_job_back_and_another_worker_goes_on(rig: Rig) -> None:
    first = rig.worker()
    study = rig.submit(plan(LONG))
    rig.wait_for_checkpoint(study)
    family = [first.parent, *first.children()]
    first.process.terminate()
    rig.wait_for(study, "train", JobState.QUEUED, RELEASE_SECONDS)
    wait_until(lambda: gone(family), "everything is gone", GONE_SECONDS)
    assert first.process.wait() == 0
    assert rig.worker_rows() == []
    job = rig.job(study, "train")
    assert (job.state, job.attempt, job.worker_id) == (JobState.QUEUED, 0, None)

    rig.worker()
    assert_ended_as_if_nothing_had_happened(rig, study)
    job = rig.job(study, "train")
    assert (job.attempt, job.token) == (1, 2), "a stop is no failed attempt"
    (update,) = went_on_from(rig, job.id)
    assert update > 0


def test_sigterm_stops_even_an_update_that_takes_minutes(rig: Rig) -> None:
    worker = rig.worker()
    study = rig.submit(plan(LONG_UPDATES, num_replicas=15))
    rig.wait_for(study, "train", JobState.RUNNING)
    time.sleep(INSIDE_AN_UPDATE)
    family = [worker.parent, *worker.children()]
    worker.process.terminate()
    job = rig.wait_for(study, "train", JobState.QUEUED, RELEASE_SECONDS)
    wait_until(lambda: gone(family), "everything is gone", GONE_SECONDS)
    assert (job.state, job.attempt) == (JobState.QUEUED, 0)
