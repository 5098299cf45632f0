"""Two workers, duplicates, and a worker that wakes up after its lease was given away."""

import time
from signal import SIGCONT

from backend.contracts.states import JobState, StudyState
from tests.integration.worker.plans import LONG, QUICK, plan
from tests.integration.worker.rig import LEASE_SECONDS, Rig, wait_until
from tests.integration.worker.test_killed import assert_ended_as_if_nothing_had_happened, went_on_from


def test_two_workers_and_duplicate_messages_run_each_job_once(any_rig: Rig) -> None:
    rig = any_rig
    rig.worker()
    rig.worker()
    studies = [rig.submit(plan(QUICK, seed=seed)) for seed in range(3)]
    for _ in range(4):
        for study in studies:
            for job in rig.jobs(study):
                rig.lab.queue.send(job.id)
    for study in studies:
        rig.wait_for_end(study, StudyState.DONE)
    jobs = [job for study in studies for job in rig.jobs(study)]
    assert [(job.attempt, job.token) for job in jobs] == [(1, 1)] * 9
    assert len({job.worker_id for job in jobs}) == 2, "both workers worked"
    wait_until(lambda: rig.queued_messages() == 0, "duplicates are read and dropped")
    assert [(job.state, job.token) for study in studies for job in rig.jobs(study)] == [(JobState.DONE, 1)] * 9


def test_a_paused_worker_writes_nothing_after_its_lease_was_given_away(any_rig: Rig) -> None:
    rig = any_rig
    paused = rig.worker()
    study = rig.submit(plan(LONG))
    before = rig.wait_for_checkpoint(study)
    rig.pause(paused)
    time.sleep(LEASE_SECONDS / 2)
    paused.signal_all(SIGCONT)
    rig.wait_for_checkpoint(study, beside=before)
    assert rig.job(study, "train").token == 1, "a short pause harms nothing"
    rig.pause(paused)
    frozen = rig.job(study, "train")
    other = rig.worker()
    wait_until(lambda: rig.job(study, "train").token == frozen.token + 1, "the job is given to the other worker")
    wait_until(lambda: rig.job(study, "train").state == JobState.RUNNING, "the other worker runs it")
    first_half = rig.job(study, "train").checkpoint_digest
    rig.wait_for_checkpoint(study, beside=first_half)
    with rig.nobody_sweeps():
        rig.pause(other)  # so that every change from now on is the first worker's
        seen = _rows(rig, study)
        paused.signal_all(SIGCONT)
        wait_until(lambda: "job given up, its lease decides" in paused.log.read_text(), "it notices")
        assert _rows(rig, study) == seen
        other.signal_all(SIGCONT)
    assert_ended_as_if_nothing_had_happened(rig, study)
    job = rig.job(study, "train")
    assert "was lost while it ran this job" in " ".join(line.message for line in rig.log(job.id))
    assert len(went_on_from(rig, job.id)) >= 1


def _rows(rig: Rig, study: str) -> tuple[object, ...]:
    """Everything that the job of a training may change, its lease left out: the other worker's may run out."""
    job = rig.job(study, "train")
    metrics = [
        (metric.id, metric.update, metric.value)
        for cell in rig.cells(study, "machine")
        for metric in rig.metrics(cell.id, "pseudo_log_likelihood")
    ]
    cells = [(cell.id, cell.state) for cell in rig.cells(study, "machine")]
    return job.checkpoint_digest, job.fraction, metrics, cells, len(rig.machines())
