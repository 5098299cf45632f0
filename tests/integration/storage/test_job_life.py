"""Claims, fencing, the reaper and the endings of jobs, on both databases."""

import threading
import time
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from backend.contracts.states import CellState, JobState, StudyState
from backend.services.jobs import job_log, list_jobs, show_job
from backend.services.laboratory import Laboratory
from backend.services.studies import show_study
from backend.storage.database import database_now
from backend.storage.errors import LeaseLost
from backend.storage.repositories import jobs, reaper
from backend.storage.repositories.jobs import Claim, MetricValue, StoredArtifact
from backend.storage.tables import Artifact, Cell, Job, JobCell, Metric
from tests import hands


def queue(lab: Laboratory) -> list[str]:
    with lab.database.read() as session:
        return jobs.first_in_queue(session, 100)


def row(lab: Laboratory, job_id: str) -> Job:
    with lab.database.read() as session:
        return session.get_one(Job, job_id)


def reap(lab: Laboratory) -> list[str]:
    with lab.database.write() as session:
        return reaper.reap(session)


def expire(lab: Laboratory, job_id: str, seconds: float = 0.05) -> None:
    """Let the lease of a claim run out."""
    with lab.database.write() as session:
        claim = session.get_one(Job, job_id)
        assert jobs.renew(session, job_id, claim.token, seconds) is not None
    time.sleep(seconds * 1.5)


def cell_states(lab: Laboratory, job_id: str) -> set[str]:
    with lab.database.read() as session:
        query = select(Cell.state).join(JobCell, JobCell.cell_id == Cell.id).where(JobCell.job_id == job_id)
        return set(session.scalars(query))


def titles(lab: Laboratory, study_id: str) -> dict[str, str]:
    return {job.title: job.id for job in list_jobs(lab, study_id=study_id).items}


def test_one_of_two_workers_gets_the_job(laboratory: Laboratory) -> None:
    hands.submit(laboratory)
    job_id = queue(laboratory)[0]
    start = threading.Barrier(8)
    claims: list[Claim | None] = []

    def try_it(number: int) -> None:
        start.wait()
        claims.append(hands.claim(laboratory, job_id, worker_id=f"worker {number}"))

    threads = [threading.Thread(target=try_it, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    winners = [claim for claim in claims if claim is not None]
    assert len(claims) == 8
    assert len(winners) == 1
    assert (winners[0].token, winners[0].attempt) == (1, 1)
    assert row(laboratory, job_id).attempt == 1


def test_a_claim_carries_cells_in_order_with_the_files_of_their_machines(laboratory: Laboratory) -> None:
    study = hands.submit(laboratory, initial_dilutions=[0.0])
    train = hands.must_claim(laboratory, queue(laboratory)[0])
    assert train.kind == "train"
    assert train.study_id == study.id
    assert [cell.kind for cell in train.cells] == ["machine", "machine"]
    assert [cell.parent for cell in train.cells] == [None, None]
    ready = hands.finish(laboratory, train)
    judge = hands.must_claim(laboratory, ready[0])
    assert [cell.parameters["pruning"] for cell in judge.cells] == [0.0, 0.5, 0.9, 0.0, 0.5, 0.9]
    assert {cell.parent for cell in judge.cells} == {cell.id for cell in train.cells}
    files = {laboratory.artifacts.get(str(cell.parent_artifact)) for cell in judge.cells}
    assert files == {hands.machine_bytes(cell.id) for cell in train.cells}


def test_only_queued_jobs_can_be_claimed(laboratory: Laboratory) -> None:
    study = hands.submit(laboratory, initial_dilutions=[0.0])
    by_title = titles(laboratory, study.id)
    assert hands.claim(laboratory, by_title["Prune and judge p0 = 0"]) is None, "blocked"
    train = hands.must_claim(laboratory, by_title["Train p0 = 0"])
    assert hands.claim(laboratory, train.job_id) is None, "running"
    hands.finish(laboratory, train)
    assert hands.claim(laboratory, train.job_id) is None, "done"
    assert hands.claim(laboratory, "nothing") is None


def test_a_job_becomes_ready_with_its_last_dependency(laboratory: Laboratory) -> None:
    """Two studies of one machine each; a third that contains both waits for both."""
    hands.submit(laboratory, initial_dilutions=[0.0])
    hands.submit(laboratory, initial_dilutions=[0.0], pruning_grid=[0.7])
    first = queue(laboratory)
    assert len(first) == 1, "the training is shared"
    ready = hands.finish(laboratory, hands.must_claim(laboratory, first[0]))
    assert len(ready) == 3
    assert {row(laboratory, job_id).state for job_id in ready} == {JobState.QUEUED}


def test_a_job_with_two_dependencies_waits_for_both(laboratory: Laboratory) -> None:
    """Kills: a job that is released by the first of its dependencies."""
    study = hands.submit(laboratory)
    by_title = titles(laboratory, study.id)
    spectra = by_title["Spectra of the weights"]
    hands.finish(laboratory, hands.must_claim(laboratory, by_title["Train p0 = 0"]))
    assert row(laboratory, spectra).state == JobState.BLOCKED
    hands.finish(laboratory, hands.must_claim(laboratory, by_title["Train p0 = 0.4"]))
    assert row(laboratory, spectra).state == JobState.QUEUED


def test_every_write_of_an_old_token_is_refused(laboratory: Laboratory) -> None:
    hands.submit(laboratory)
    job_id = queue(laboratory)[0]
    old = hands.must_claim(laboratory, job_id)
    expire(laboratory, job_id)
    assert reap(laboratory) == [job_id]
    new = hands.must_claim(laboratory, job_id)
    assert (new.token, new.attempt) == (2, 2)
    cell = old.cells[0].id
    artifact = StoredArtifact("a" * 64, "checkpoint", 1)
    calls = {
        "report_progress": (0.5,),
        "record_checkpoint": (artifact,),
        "record_metrics": (cell, [MetricValue("m", 1.0, update=1)]),
        "complete_cell": (cell,),
        "complete": (),
        "fail": ("no",),
        "cancelled": (),
        "release": (),
    }
    for name, arguments in calls.items():
        with pytest.raises(LeaseLost), laboratory.database.write() as session:
            getattr(jobs, name)(session, job_id, old.token, *arguments)
    with laboratory.database.write() as session:
        assert jobs.renew(session, job_id, old.token, 10) is None
        assert jobs.renew(session, job_id, new.token, 10) == jobs.Renewal(cancel_requested=False)
    assert row(laboratory, job_id).state == JobState.RUNNING
    with laboratory.database.read() as session:
        assert session.scalars(select(Metric)).all() == []
        assert session.scalars(select(Artifact)).all() == []


def test_a_token_of_a_job_that_waits_again_is_refused(laboratory: Laboratory) -> None:
    hands.submit(laboratory)
    old = hands.must_claim(laboratory, queue(laboratory)[0])
    expire(laboratory, old.job_id)
    reap(laboratory)
    with pytest.raises(LeaseLost):
        hands.fill(laboratory, old, old.cells[0])


def test_renewing_keeps_a_lease(laboratory: Laboratory) -> None:
    hands.submit(laboratory)
    claim = hands.must_claim(laboratory, queue(laboratory)[0], lease=0.1)
    with laboratory.database.write() as session:
        jobs.renew(session, claim.job_id, claim.token, 30)
    time.sleep(0.15)
    assert reap(laboratory) == []


def test_the_reaper_returns_a_lost_job_with_its_checkpoint(laboratory: Laboratory) -> None:
    study = hands.submit(laboratory)
    claim = hands.must_claim(laboratory, queue(laboratory)[0])
    checkpoint = hands.store(laboratory, "checkpoint", b"halfway")
    with laboratory.database.write() as session:
        jobs.record_checkpoint(session, claim.job_id, claim.token, checkpoint)
        jobs.report_progress(session, claim.job_id, claim.token, 0.5, stage="training", rate=10.0)
    expire(laboratory, claim.job_id)
    assert reap(laboratory) == [claim.job_id]
    job = row(laboratory, claim.job_id)
    assert (job.state, job.worker_id, job.sent_at, job.fraction) == (JobState.QUEUED, None, None, 0.5)
    assert "was lost" in job_log(laboratory, claim.job_id)[0].message
    assert show_study(laboratory, study.id).state == StudyState.RUNNING, "it goes on"
    again = hands.must_claim(laboratory, claim.job_id)
    assert again.checkpoint_digest == checkpoint.digest
    assert again.attempt == 2


def test_the_reaper_fails_a_job_that_lost_all_its_workers(laboratory: Laboratory) -> None:
    study = hands.submit(laboratory, initial_dilutions=[0.0])
    job_id = queue(laboratory)[0]
    with laboratory.database.write() as session:
        session.execute(update(Job).where(Job.id == job_id).values(max_attempts=2))
    for _ in range(2):
        hands.must_claim(laboratory, job_id)
        expire(laboratory, job_id)
        changed = reap(laboratory)
    assert len(changed) == 3, "the job and what waited for it"
    job = row(laboratory, job_id)
    assert job.state == JobState.FAILED
    assert "lost 2 times" in str(job.error)
    assert "lost 2 times" in str(show_study(laboratory, study.id).message)
    assert show_study(laboratory, study.id).state == StudyState.FAILED


def test_the_reaper_cancels_a_lost_job_that_was_asked_to_stop(laboratory: Laboratory) -> None:
    hands.submit(laboratory)
    claim = hands.must_claim(laboratory, queue(laboratory)[0])
    with laboratory.database.write() as session:
        session.execute(update(Job).where(Job.id == claim.job_id).values(cancel_requested=True))
    expire(laboratory, claim.job_id)
    reap(laboratory)
    assert row(laboratory, claim.job_id).state == JobState.CANCELLED


def test_releasing_does_not_count_as_an_attempt(laboratory: Laboratory) -> None:
    hands.submit(laboratory)
    claim = hands.must_claim(laboratory, queue(laboratory)[0])
    with laboratory.database.write() as session:
        jobs.release(session, claim.job_id, claim.token)
    job = row(laboratory, claim.job_id)
    assert (job.state, job.attempt, job.worker_id, job.sent_at) == (JobState.QUEUED, 0, None, None)
    assert hands.must_claim(laboratory, claim.job_id).attempt == 1


def test_releasing_a_job_that_was_asked_to_stop_cancels_it(laboratory: Laboratory) -> None:
    hands.submit(laboratory)
    claim = hands.must_claim(laboratory, queue(laboratory)[0])
    with laboratory.database.write() as session:
        session.execute(update(Job).where(Job.id == claim.job_id).values(cancel_requested=True))
    with laboratory.database.write() as session:
        jobs.release(session, claim.job_id, claim.token)
    assert row(laboratory, claim.job_id).state == JobState.CANCELLED


def test_progress_never_goes_back_within_an_attempt(laboratory: Laboratory) -> None:
    hands.submit(laboratory)
    claim = hands.must_claim(laboratory, queue(laboratory)[0])
    seen = []
    for fraction in (0.2, 0.6, 0.3, 1.7):
        with laboratory.database.write() as session:
            jobs.report_progress(session, claim.job_id, claim.token, fraction, stage=f"at {fraction}")
        seen.append(show_job(laboratory, claim.job_id).fraction)
    assert seen == [0.2, 0.6, 0.6, 1.0]
    expire(laboratory, claim.job_id)
    reap(laboratory)
    hands.must_claim(laboratory, claim.job_id)
    assert show_job(laboratory, claim.job_id).fraction == 0.0, "no checkpoint: a new attempt starts anew"


def test_a_new_checkpoint_frees_the_one_before(laboratory: Laboratory) -> None:
    hands.submit(laboratory)
    claim = hands.must_claim(laboratory, queue(laboratory)[0])
    first, second = (hands.store(laboratory, "checkpoint", data) for data in (b"one", b"two"))
    freed = []
    for checkpoint in (first, first, second):
        with laboratory.database.write() as session:
            freed.append(jobs.record_checkpoint(session, claim.job_id, claim.token, checkpoint))
    assert freed == [None, None, first.digest]
    with laboratory.database.read() as session:
        assert session.scalars(select(Artifact.digest)).all() == [second.digest]


def test_metrics_of_a_repeated_stretch_replace_the_first_ones(laboratory: Laboratory) -> None:
    hands.submit(laboratory)
    claim = hands.must_claim(laboratory, queue(laboratory)[0])
    cell = claim.cells[0].id
    for values in ([(10, 1.0), (20, 2.0)], [(20, 2.5), (30, 3.0)]):
        with laboratory.database.write() as session:
            metrics = [MetricValue("pll", value, update=at) for at, value in values]
            jobs.record_metrics(session, claim.job_id, claim.token, cell, metrics)
    with laboratory.database.read() as session:
        found = session.execute(select(Metric.update, Metric.value).order_by(Metric.update)).all()
    assert [tuple(one) for one in found] == [(10, 1.0), (20, 2.5), (30, 3.0)]


def test_a_value_that_is_not_finite_is_refused() -> None:
    with pytest.raises(ValueError, match="pll is nan at update 7"):
        MetricValue("pll", float("nan"), update=7)


def test_a_cell_is_filled_once(laboratory: Laboratory) -> None:
    hands.submit(laboratory)
    claim = hands.must_claim(laboratory, queue(laboratory)[0])
    hands.fill(laboratory, claim, claim.cells[0])
    hands.fill(laboratory, claim, claim.cells[0], value=lambda _: 0.0)
    with laboratory.database.read() as session:
        values = session.scalars(select(Metric.value).where(Metric.cell_id == claim.cells[0].id)).all()
    assert sorted(values) == sorted([hands.value_of(claim.cells[0]) - 5, hands.value_of(claim.cells[0]) - 10])


def test_a_job_with_open_cells_cannot_be_completed(laboratory: Laboratory) -> None:
    hands.submit(laboratory)
    claim = hands.must_claim(laboratory, queue(laboratory)[0])
    hands.fill(laboratory, claim, claim.cells[0])
    with pytest.raises(ValueError, match=claim.cells[1].id), laboratory.database.write() as session:
        jobs.complete(session, claim.job_id, claim.token)
    assert row(laboratory, claim.job_id).state == JobState.RUNNING


def test_a_failure_fails_what_waits_and_says_why(laboratory: Laboratory) -> None:
    study = hands.submit(laboratory)
    by_title = titles(laboratory, study.id)
    hands.fail(laboratory, by_title["Train p0 = 0"], "out of memory")
    judge = show_job(laboratory, by_title["Prune and judge p0 = 0"])
    assert judge.state == JobState.FAILED
    assert judge.error == "needs 'Train p0 = 0', which failed: out of memory"
    assert cell_states(laboratory, judge.id) == {CellState.FAILED}
    assert show_study(laboratory, study.id).state != StudyState.FAILED, "the other p0 is still to come"
    assert hands.work_off(laboratory) == 2
    ended = show_study(laboratory, study.id)
    assert ended.state == StudyState.FAILED
    assert ended.message == "out of memory"
    assert ended.finished_at is not None
    assert (ended.progress.cells_failed, ended.progress.cells_done) == (9, 8)


def test_cells_that_were_done_before_a_failure_stay_done(laboratory: Laboratory) -> None:
    hands.submit(laboratory)
    claim = hands.must_claim(laboratory, queue(laboratory)[0])
    hands.fill(laboratory, claim, claim.cells[0])
    with laboratory.database.write() as session:
        jobs.fail(session, claim.job_id, claim.token, "no")
    assert cell_states(laboratory, claim.job_id) == {CellState.DONE, CellState.FAILED}


def test_checkpoints_of_ended_jobs_are_forgotten(laboratory: Laboratory) -> None:
    hands.submit(laboratory)
    claim = hands.must_claim(laboratory, queue(laboratory)[0])
    checkpoint = hands.store(laboratory, "checkpoint", b"halfway")
    with laboratory.database.write() as session:
        jobs.record_checkpoint(session, claim.job_id, claim.token, checkpoint)
    with laboratory.database.write() as session:
        assert reaper.drop_old_checkpoints(session) == [], "it still runs"
    hands.finish(laboratory, claim)
    with laboratory.database.read() as session:
        assert reaper.chores(session).old_checkpoints
    with laboratory.database.write() as session:
        assert reaper.drop_old_checkpoints(session) == [checkpoint.digest]
    with laboratory.database.read() as session:
        assert not reaper.chores(session)


def test_unsent_jobs_are_sent_and_sent_ones_only_to_an_idle_worker_and_late(laboratory: Laboratory) -> None:
    hands.submit(laboratory)  # sends its two ready jobs

    def due() -> list[str]:
        with laboratory.database.read() as session:
            return reaper.jobs_to_send(session)

    def age(seconds: float) -> None:
        with laboratory.database.write() as session:
            for job in session.scalars(select(Job).where(Job.sent_at.is_not(None))):
                job.sent_at = database_now(session) - timedelta(seconds=seconds)

    both = queue(laboratory)
    assert due() == [], "just sent"
    age(60)
    assert due() == [], "nobody is there"
    hands.sign_on(laboratory, "busy", job_id="something")
    assert due() == [], "nobody is idle"
    hands.sign_on(laboratory, "idle")
    assert due() == both[:1], "one for each idle worker"
    age(1)
    assert due() == [], "the message may still be on its way"
    with laboratory.database.write() as session:
        session.execute(update(Job).where(Job.id == both[1]).values(sent_at=None))
    assert due() == both[1:]
