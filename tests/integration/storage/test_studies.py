"""Submit, share, cancel, retry, delete: what happens to studies, cells, jobs and files, on both databases."""

import threading
from typing import Any

import pytest
import redis
from sqlalchemy import func, select

from backend.contracts.messages import FieldProblem, StudyCreate
from backend.contracts.sizes import ROWS
from backend.contracts.states import FINAL_JOB_STATES, CellState, JobState, StudyState
from backend.contracts.work import work_of_evaluation
from backend.services.cells import cell_samples, list_cells
from backend.services.change_job import cancel_job, retry_job, retry_jobs
from backend.services.change_study import cancel_study, delete_study, retry_study
from backend.services.errors import Conflict, InvalidRequest, NotFound
from backend.services.estimates import START_SECONDS
from backend.services.jobs import list_jobs, show_job
from backend.services.laboratory import Laboratory
from backend.services.machines import list_machines
from backend.services.studies import list_studies, show_study
from backend.services.submit import estimate_study, submit_study
from backend.storage.errors import LeaseLost
from backend.storage.repositories import jobs
from backend.storage.repositories.machines import add_machine
from backend.storage.tables import Artifact, Base, Cell, Job, JobCell, Machine, Metric, Study
from tests import hands

ONE: dict[str, Any] = {"initial_dilutions": [0.0]}  # one job each to train, judge and analyse, 2 + 6 + 1 cells
SPECTRA = "Spectra of the weights"

GRID = [step / 1000 for step in range(1000)]


def count(lab: Laboratory, table: type[Base]) -> int:
    with lab.database.read() as session:
        return session.execute(select(func.count()).select_from(table)).scalar_one()


def by_title(lab: Laboratory, study_id: str, state: JobState | None = None) -> dict[str, str]:
    return {job.title: job.id for job in list_jobs(lab, study_id=study_id, state=state).items}


def states(lab: Laboratory, study_id: str) -> list[tuple[str, JobState]]:
    return sorted((job.title, job.state) for job in list_jobs(lab, study_id=study_id).items)


def cell_states(lab: Laboratory, study_id: str) -> set[CellState]:
    return {cell.state for cell in list_cells(lab, study_id).items}


def problems(lab: Laboratory, **request: Any) -> list[FieldProblem]:
    with pytest.raises(InvalidRequest) as caught:
        submit_study(lab, StudyCreate(**{"name": "A study", **request}))
    return caught.value.errors


# --- submit ---


def test_a_study_is_its_cells_and_jobs(laboratory: Laboratory) -> None:
    study = hands.submit(laboratory, name="  Two dilutions ")
    assert (study.name, study.state) == ("Two dilutions", StudyState.QUEUED)
    assert study.parameters["generation"] == {"num_samples": 7, "gibbs_steps": 3}
    assert study.progress.cells_total == 2 * 2 + 2 * 3 + 2 * 3 + 1
    assert study.progress.fraction == 0
    assert states(laboratory, study.id) == [
        ("Prune and judge p0 = 0", JobState.BLOCKED),
        ("Prune and judge p0 = 0.4", JobState.BLOCKED),
        (SPECTRA, JobState.BLOCKED),
        ("Train p0 = 0", JobState.QUEUED),
        ("Train p0 = 0.4", JobState.QUEUED),
    ]
    assert cell_states(laboratory, study.id) == {CellState.PENDING}


def test_ready_jobs_are_sent_once_after_the_commit(laboratory: Laboratory, broker_url: str) -> None:
    hands.submit(laboratory)
    hands.submit(laboratory)
    client = redis.Redis.from_url(broker_url)
    messages = [message.decode() for message in client.lrange("jobs", 0, -1)]
    client.close()
    assert len(messages) == 2
    with laboratory.database.read() as session:
        queued = jobs.first_in_queue(session)
        sent = session.scalars(select(Job.sent_at).where(Job.state == JobState.QUEUED)).all()
    assert None not in sent
    assert all('"task": "worker.run_job"' in message for message in messages)
    assert len(queued) == 2


def test_a_study_that_was_worked_off_is_done(laboratory: Laboratory) -> None:
    study = hands.submit(laboratory)
    assert hands.work_off(laboratory) == 5
    done = show_study(laboratory, study.id)
    assert (done.state, done.message) == (StudyState.DONE, None)
    assert (done.progress.fraction, done.progress.cells_done) == (1.0, 17)
    assert done.started_at is not None
    assert done.finished_at is not None
    assert done.started_at <= done.finished_at


def test_a_preset_lies_under_the_given_parameters(laboratory: Laboratory) -> None:
    request = StudyCreate(
        name="x", preset="Two cores", parameters={"num_replicas": 1, "training": {"learning_rate": 0.05}}
    )
    parameters = submit_study(laboratory, request).parameters
    assert parameters["num_replicas"] == 1
    assert parameters["training"]["learning_rate"] == 0.05
    assert parameters["training"]["num_updates"] == 1000, "from the preset"
    assert parameters["initial_dilutions"] == [0.0, 0.4, 0.8]


def test_the_same_id_is_the_same_study(laboratory: Laboratory) -> None:
    request = StudyCreate(name="x", parameters=hands.SMALL)
    first = submit_study(laboratory, request, study_id="a1b2")
    assert submit_study(laboratory, request, study_id="a1b2") == first
    assert count(laboratory, Study) == 1


REFUSED: list[tuple[dict[str, Any], str, str]] = [
    ({"type": "no-such-type"}, "/type", "dilution-sweep"),
    ({"preset": "Three cores"}, "/preset", "Two cores"),
    ({"name": "a\nb"}, "/name", "control characters"),
    ({"name": "a\x00b"}, "/name", "control characters"),
    ({"parameters": {"colour": "red"}}, "/parameters/colour", "Extra inputs"),
    ({"parameters": {"num_replicas": 0}}, "/parameters/num_replicas", "greater than or equal to 1 (given: 0)"),
    ({"parameters": {"pruning_grid": [0.1, 0.2, 0.3, 1.5]}}, "/parameters/pruning_grid/3", "(given: 1.5)"),
    ({"parameters": {"initial_dilutions": [-0.1]}}, "/parameters/initial_dilutions/0", "(given: -0.1)"),
    ({"parameters": {"initial_dilutions": [0.5], "pruning_grid": [0.2]}}, "/parameters", "p < p0"),
    ({"parameters": {"num_replicas": 1000, "pruning_grid": GRID}}, "/parameters", "5,010,000 cells"),
    ({"parameters": {"training": {"learning_rate": float("nan")}}}, "/parameters/training/learning_rate", "finite"),
    ({"parameters": {"training": 3}}, "/parameters/training", "TrainingParameters"),
    ({"parameters": {"dataset": "x" * 10_000}}, "/parameters/dataset", "xxx"),
]


def test_what_is_refused_is_named_and_leaves_nothing(laboratory: Laboratory) -> None:
    for request, pointer, words in REFUSED:
        [problem] = problems(laboratory, **request)
        assert problem.pointer == pointer
        assert words in problem.detail
        assert len(problem.detail) <= 500
    assert [count(laboratory, table) for table in (Study, Cell, Job)] == [0, 0, 0]


def test_every_refused_field_is_named(laboratory: Laboratory) -> None:
    found = problems(laboratory, parameters={"num_replicas": 0, "seed": -1, "training": {"num_chains": 0}})
    pointers = {problem.pointer for problem in found}
    assert pointers == {"/parameters/num_replicas", "/parameters/seed", "/parameters/training/num_chains"}


# --- sharing ---


def test_a_study_of_done_cells_is_done_at_once(laboratory: Laboratory) -> None:
    hands.submit(laboratory)
    hands.work_off(laboratory)
    before = count(laboratory, Job)
    again = hands.submit(laboratory, name="Again")
    assert (again.state, again.progress.fraction) == (StudyState.DONE, 1.0)
    assert again.finished_at is not None
    assert count(laboratory, Job) == before


def test_a_finer_grid_trains_nothing_anew(laboratory: Laboratory) -> None:
    hands.submit(laboratory, **ONE)
    hands.work_off(laboratory)
    finer = hands.submit(laboratory, **ONE, pruning_grid=[0.5, 0.7, 0.9])
    assert states(laboratory, finer.id) == [("Prune and judge p0 = 0", JobState.QUEUED)]
    [judge] = list_jobs(laboratory, study_id=finer.id).items
    assert judge.num_cells == 2, "only p = 0.7"
    assert show_study(laboratory, finer.id).progress.cells_done == 2 + 6 + 1
    hands.work_off(laboratory)
    assert show_study(laboratory, finer.id).state == StudyState.DONE
    assert count(laboratory, Machine) == 2


def test_cells_in_progress_are_shared_with_a_second_study(laboratory: Laboratory) -> None:
    first = hands.submit(laboratory, **ONE)
    train = hands.must_claim(laboratory, by_title(laboratory, first.id)["Train p0 = 0"])
    second = hands.submit(laboratory, **ONE, pruning_grid=[0.3, 0.9])
    assert states(laboratory, second.id) == [
        ("Prune and judge p0 = 0", JobState.BLOCKED),
        ("Prune and judge p0 = 0", JobState.BLOCKED),
        (SPECTRA, JobState.BLOCKED),
        ("Train p0 = 0", JobState.RUNNING),
    ]
    assert second.state == StudyState.RUNNING
    assert count(laboratory, Job) == 4
    assert len(hands.finish(laboratory, train)) == 3
    hands.work_off(laboratory)
    assert {show_study(laboratory, study.id).state for study in (first, second)} == {StudyState.DONE}
    assert count(laboratory, Machine) == 2


def test_an_identical_study_waits_for_the_first_ones_jobs(laboratory: Laboratory) -> None:
    first, second = hands.submit(laboratory), hands.submit(laboratory)
    assert count(laboratory, Job) == 5
    assert second.state == StudyState.QUEUED
    hands.work_off(laboratory)
    assert {show_study(laboratory, study.id).state for study in (first, second)} == {StudyState.DONE}


def test_what_failed_elsewhere_is_tried_anew(laboratory: Laboratory) -> None:
    first = hands.submit(laboratory, **ONE)
    hands.fail(laboratory, by_title(laboratory, first.id)["Train p0 = 0"])
    second = hands.submit(laboratory, **ONE)
    assert second.state == StudyState.QUEUED
    assert [title for title, state in states(laboratory, second.id) if state != JobState.FAILED] != []
    hands.work_off(laboratory)
    assert show_study(laboratory, second.id).state == StudyState.DONE
    assert show_study(laboratory, first.id).state == StudyState.FAILED, "a final state changes by a retry only"
    assert retry_study(laboratory, first.id).state == StudyState.DONE, "nothing was left to do"


def test_two_submitters_at_once_plan_each_cell_once(laboratory: Laboratory) -> None:
    start = threading.Barrier(4)
    studies: list[str] = []

    def go() -> None:
        start.wait()
        studies.append(hands.submit(laboratory).id)

    threads = [threading.Thread(target=go) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(studies) == 4
    assert count(laboratory, Job) == 5
    assert count(laboratory, JobCell) == 17


# --- cancel ---


def test_cancelling_ends_waiting_jobs_at_once_and_asks_running_ones(laboratory: Laboratory) -> None:
    study = hands.submit(laboratory)
    train = hands.must_claim(laboratory, by_title(laboratory, study.id)["Train p0 = 0"])
    cancelled = cancel_study(laboratory, study.id)
    assert (cancelled.state, cancelled.message) == (StudyState.CANCELLED, "stopping")
    assert states(laboratory, study.id) == [
        ("Prune and judge p0 = 0", JobState.CANCELLED),
        ("Prune and judge p0 = 0.4", JobState.CANCELLED),
        (SPECTRA, JobState.CANCELLED),
        ("Train p0 = 0", JobState.RUNNING),
        ("Train p0 = 0.4", JobState.CANCELLED),
    ]
    assert show_job(laboratory, train.job_id).message == "stopping"
    with laboratory.database.write() as session:
        assert jobs.renew(session, train.job_id, train.token, 10) == jobs.Renewal(cancel_requested=True)
        jobs.cancelled(session, train.job_id, train.token)
    assert show_job(laboratory, train.job_id).state == JobState.CANCELLED
    assert cell_states(laboratory, study.id) == {CellState.CANCELLED}
    assert show_study(laboratory, study.id).message is None


def test_cancelling_twice_is_cancelling_once(laboratory: Laboratory) -> None:
    study = hands.submit(laboratory)
    first = cancel_study(laboratory, study.id)
    assert cancel_study(laboratory, study.id) == first
    with pytest.raises(NotFound):
        cancel_study(laboratory, "nothing")


def test_a_study_that_is_done_stays_done(laboratory: Laboratory) -> None:
    study = hands.submit(laboratory)
    hands.work_off(laboratory)
    assert cancel_study(laboratory, study.id).state == StudyState.DONE


def test_jobs_that_another_live_study_needs_go_on(laboratory: Laboratory) -> None:
    first = hands.submit(laboratory, **ONE)
    second = hands.submit(laboratory, **ONE, pruning_grid=[0.3])
    cancel_study(laboratory, first.id)
    own = {job.title: job.state for job in list_jobs(laboratory).items if job.study_id == first.id}
    assert own["Train p0 = 0"] == JobState.QUEUED
    hands.work_off(laboratory)
    assert show_study(laboratory, second.id).state == StudyState.DONE
    assert show_study(laboratory, first.id).state == StudyState.CANCELLED


def test_when_both_are_cancelled_nothing_is_left(laboratory: Laboratory) -> None:
    first, second = hands.submit(laboratory), hands.submit(laboratory)
    cancel_study(laboratory, first.id)
    assert {state for _, state in states(laboratory, first.id)} == {JobState.QUEUED, JobState.BLOCKED}
    cancel_study(laboratory, second.id)
    assert {state for _, state in states(laboratory, first.id)} == {JobState.CANCELLED}
    assert cell_states(laboratory, first.id) == {CellState.CANCELLED}


def test_cancelling_a_running_job_cancels_what_waits_for_it_at_once(laboratory: Laboratory) -> None:
    study = hands.submit(laboratory, **ONE)
    train = hands.must_claim(laboratory, by_title(laboratory, study.id)["Train p0 = 0"])
    job = cancel_job(laboratory, train.job_id)
    assert (job.state, job.cancel_requested) == (JobState.RUNNING, True)
    assert states(laboratory, study.id)[0] == ("Prune and judge p0 = 0", JobState.CANCELLED)
    with laboratory.database.write() as session:
        jobs.cancelled(session, train.job_id, train.token)
    assert show_study(laboratory, study.id).state == StudyState.CANCELLED
    assert cancel_job(laboratory, train.job_id).state == JobState.CANCELLED


def test_a_study_submitted_while_the_same_one_stops_is_planned_anew(laboratory: Laboratory) -> None:
    first = hands.submit(laboratory, **ONE)
    stopping = hands.must_claim(laboratory, by_title(laboratory, first.id)["Train p0 = 0"])
    cancel_study(laboratory, first.id)
    second = hands.submit(laboratory, **ONE)
    with laboratory.database.write() as session:
        jobs.cancelled(session, stopping.job_id, stopping.token)
    assert cell_states(laboratory, second.id) == {CellState.PENDING}, "the new jobs will fill them"
    hands.work_off(laboratory)
    assert show_study(laboratory, second.id).state == StudyState.DONE


# --- retry ---


def test_a_retry_runs_only_what_is_missing(laboratory: Laboratory) -> None:
    study = hands.submit(laboratory)
    titles = by_title(laboratory, study.id)
    hands.finish(laboratory, hands.must_claim(laboratory, titles["Train p0 = 0"]))
    judge = hands.must_claim(laboratory, titles["Prune and judge p0 = 0"])
    hands.fill(laboratory, judge, judge.cells[0])
    with laboratory.database.write() as session:
        jobs.fail(session, judge.job_id, judge.token, "no")
    hands.fail(laboratory, titles["Train p0 = 0.4"])
    assert show_study(laboratory, study.id).state == StudyState.FAILED
    again = retry_study(laboratory, study.id)
    assert (again.state, again.finished_at) == (StudyState.QUEUED, None)
    new = {job.title: job for job in list_jobs(laboratory, study_id=study.id).items if job.id not in titles.values()}
    assert {title: (job.num_cells, job.state, job.attempt) for title, job in new.items()} == {
        "Prune and judge p0 = 0": (5, JobState.QUEUED, 0),
        "Train p0 = 0.4": (2, JobState.QUEUED, 0),
        "Prune and judge p0 = 0.4": (6, JobState.BLOCKED, 0),
        SPECTRA: (1, JobState.BLOCKED, 0),
    }
    old = {show_job(laboratory, job_id).state for job_id in titles.values()}
    assert old == {JobState.DONE, JobState.FAILED}, "old jobs stay as they were"
    hands.work_off(laboratory)
    assert show_study(laboratory, study.id).state == StudyState.DONE


def test_retrying_a_live_or_done_study_plans_nothing(laboratory: Laboratory) -> None:
    study = hands.submit(laboratory)
    assert retry_study(laboratory, study.id).state == StudyState.QUEUED
    assert count(laboratory, Job) == 5
    hands.work_off(laboratory)
    assert retry_study(laboratory, study.id).state == StudyState.DONE
    assert count(laboratory, Job) == 5


def test_a_cancelled_study_goes_on_after_a_retry(laboratory: Laboratory) -> None:
    study = hands.submit(laboratory)
    stopping = hands.must_claim(laboratory, by_title(laboratory, study.id)["Train p0 = 0"])
    cancel_study(laboratory, study.id)
    assert retry_study(laboratory, study.id).state in {StudyState.QUEUED, StudyState.RUNNING}
    with laboratory.database.write() as session:
        jobs.cancelled(session, stopping.job_id, stopping.token)
    hands.work_off(laboratory)
    assert show_study(laboratory, study.id).state == StudyState.DONE


def test_retrying_a_job_brings_what_ended_with_it(laboratory: Laboratory) -> None:
    study = hands.submit(laboratory, **ONE)
    train = by_title(laboratory, study.id)["Train p0 = 0"]
    hands.fail(laboratory, train)
    new = retry_job(laboratory, train)
    assert (new.title, new.state, new.attempt) == ("Train p0 = 0", JobState.QUEUED, 0)
    assert new.id != train
    assert show_study(laboratory, study.id).state == StudyState.QUEUED
    assert hands.work_off(laboratory) == 3
    assert show_study(laboratory, study.id).state == StudyState.DONE


def test_retrying_an_evaluation_brings_the_training_that_it_lacks(laboratory: Laboratory) -> None:
    study = hands.submit(laboratory, **ONE)
    titles = by_title(laboratory, study.id)
    hands.fail(laboratory, titles["Train p0 = 0"])
    new = retry_job(laboratory, titles["Prune and judge p0 = 0"])
    assert (new.title, new.state) == ("Prune and judge p0 = 0", JobState.BLOCKED)
    assert new.message == "waiting for Train p0 = 0"
    assert hands.work_off(laboratory) == 3
    assert show_study(laboratory, study.id).state == StudyState.DONE


def test_a_job_that_has_not_ended_cannot_be_retried(laboratory: Laboratory) -> None:
    study = hands.submit(laboratory, **ONE)
    train = by_title(laboratory, study.id)["Train p0 = 0"]
    with pytest.raises(Conflict, match="queued"):
        retry_job(laboratory, train)
    hands.work_off(laboratory)
    assert retry_job(laboratory, train).id == train, "it left nothing open"


def test_all_failed_jobs_are_retried_at_once_and_each_cell_once(laboratory: Laboratory) -> None:
    first, second = hands.submit(laboratory, "First", **ONE), hands.submit(laboratory, "Second", **ONE, seed=9)
    for study in (first, second):
        hands.fail(laboratory, by_title(laboratory, study.id)["Train p0 = 0"])
    left = [job.num_left_open for job in list_jobs(laboratory, state=JobState.FAILED).items]
    assert len(left) == 6
    assert all(left)

    assert retry_jobs(laboratory, JobState.CANCELLED) == []
    assert len(retry_jobs(laboratory, study_id=second.id)) == 3
    assert show_study(laboratory, first.id).state == StudyState.FAILED
    assert len(retry_jobs(laboratory)) == 3
    assert retry_jobs(laboratory) == [], "nothing is left open"
    assert {job.num_left_open for job in list_jobs(laboratory, state=JobState.FAILED).items} == {0}
    queued = [job for job in list_jobs(laboratory).items if job.state not in FINAL_JOB_STATES]
    assert [job.study_name for job in queued if job.state is JobState.QUEUED] == ["Second", "First"]
    assert hands.work_off(laboratory) == 6
    assert {show_study(laboratory, one.id).state for one in (first, second)} == {StudyState.DONE}


# --- delete ---


def test_deleting_a_study_removes_everything_that_only_it_used(laboratory: Laboratory) -> None:
    study = hands.submit(laboratory)
    hands.work_off(laboratory)
    with laboratory.database.read() as session:
        digests = list(session.scalars(select(Artifact.digest)))
    assert digests
    delete_study(laboratory, study.id)
    tables = (Study, Cell, Job, JobCell, Machine, Metric, Artifact)
    assert [count(laboratory, table) for table in tables] == [0] * len(tables)
    assert not any(laboratory.artifacts.exists(digest) for digest in digests)
    with pytest.raises(NotFound):
        show_study(laboratory, study.id)
    delete_study(laboratory, study.id)


def test_deleting_keeps_what_another_study_uses(laboratory: Laboratory) -> None:
    first = hands.submit(laboratory, **ONE, pruning_grid=[0.5])
    second = hands.submit(laboratory, **ONE, pruning_grid=[0.9])
    hands.work_off(laboratory)
    delete_study(laboratory, first.id)
    left = list_cells(laboratory, second.id).items
    assert {cell.state for cell in left} == {CellState.DONE}
    assert count(laboratory, Cell) == len(left) == 7
    assert count(laboratory, Machine) == 2
    judged = [cell for cell in left if cell.kind == "evaluation"]
    assert {cell_samples(laboratory, cell.id).shape for cell in judged} == {(7, 784)}
    delete_study(laboratory, second.id)
    assert [count(laboratory, table) for table in (Cell, Job, Machine, Artifact)] == [0, 0, 0, 0]


def test_deleting_a_study_that_another_waits_for_leaves_its_jobs(laboratory: Laboratory) -> None:
    first = hands.submit(laboratory, **ONE)
    second = hands.submit(laboratory, **ONE)
    delete_study(laboratory, first.id)
    assert {job.study_id for job in list_jobs(laboratory).items} == {second.id}
    hands.work_off(laboratory)
    assert show_study(laboratory, second.id).state == StudyState.DONE
    delete_study(laboratory, second.id)
    assert [count(laboratory, table) for table in (Cell, Job, Machine, Artifact)] == [0, 0, 0, 0]


def test_cells_of_a_job_that_another_study_waits_for_stay_until_it_goes(laboratory: Laboratory) -> None:
    first = hands.submit(laboratory, **ONE, pruning_grid=[0.5, 0.9])
    second = hands.submit(laboratory, **ONE, pruning_grid=[0.9])
    delete_study(laboratory, first.id)
    assert count(laboratory, Cell) == 2 + 6 + 1, "one job fills both levels"
    hands.work_off(laboratory)
    assert show_study(laboratory, second.id).state == StudyState.DONE
    delete_study(laboratory, second.id)
    assert [count(laboratory, table) for table in (Cell, Job, Machine, Artifact)] == [0, 0, 0, 0]


def test_a_file_stays_while_another_machine_has_the_same_bytes(laboratory: Laboratory) -> None:
    study = hands.submit(laboratory, **ONE)
    hands.work_off(laboratory)
    twin = list_machines(laboratory).items[0]
    with laboratory.database.write() as session:
        common = {"num_visible": 784, "num_hidden": 8, "parameters": {}, "provenance": {}}
        add_machine(
            session,
            key=twin.digest,
            name="Twin",
            origin="zoo",
            initial_dilution=0.0,
            artifact_digest=twin.digest,
            **common,
        )
    delete_study(laboratory, study.id)
    [left] = list_machines(laboratory).items
    assert left.name == "Twin"
    assert laboratory.artifacts.exists(twin.digest)
    assert count(laboratory, Artifact) == 1


def test_a_worker_of_a_deleted_study_loses_its_lease(laboratory: Laboratory) -> None:
    study = hands.submit(laboratory, **ONE)
    train = hands.must_claim(laboratory, by_title(laboratory, study.id)["Train p0 = 0"])
    hands.fill(laboratory, train, train.cells[0])
    delete_study(laboratory, study.id)
    with pytest.raises(LeaseLost):
        hands.fill(laboratory, train, train.cells[1])
    with laboratory.database.write() as session:
        assert jobs.renew(session, train.job_id, train.token, 10) is None
    assert [count(laboratory, table) for table in (Cell, Job, Machine, Artifact)] == [0, 0, 0, 0]
    again = hands.submit(laboratory, **ONE)
    hands.work_off(laboratory)
    assert show_study(laboratory, again.id).state == StudyState.DONE


# --- reading ---


def test_studies_come_newest_first_page_by_page(laboratory: Laboratory) -> None:
    ids = [hands.submit(laboratory, name=f"Study {number}").id for number in range(5)]
    seen: list[str] = []
    cursor = None
    while True:
        page = list_studies(laboratory, cursor, limit=2)
        seen += [study.id for study in page.items]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert seen == ids[::-1]
    cancel_study(laboratory, ids[2])
    assert [study.id for study in list_studies(laboratory, state=StudyState.CANCELLED).items] == [ids[2]]


def test_jobs_and_cells_and_machines_come_page_by_page(laboratory: Laboratory) -> None:
    done = hands.submit(laboratory, **ONE)
    hands.work_off(laboratory)
    hands.submit(laboratory, initial_dilutions=[0.2, 0.6])
    with laboratory.database.read() as session:
        second_in_queue = jobs.first_in_queue(session)[1]
    hands.must_claim(laboratory, second_in_queue)

    def all_pages(listing: Any, *first: Any) -> list[Any]:
        items, cursor = [], None
        while True:
            page = listing(laboratory, *first, cursor=cursor, limit=1)
            items += page.items
            cursor = page.next_cursor
            if cursor is None:
                return items

    listed = all_pages(list_jobs)
    assert [job.state for job in listed] == [
        JobState.RUNNING, JobState.QUEUED, *[JobState.BLOCKED] * 3, *[JobState.DONE] * 3,
    ]  # fmt: skip
    assert [job.place for job in listed] == [None, 1, *[None] * 6]
    assert [job.title for job in listed[-3:]] == [SPECTRA, "Prune and judge p0 = 0", "Train p0 = 0"], "newest first"
    cells = all_pages(list_cells, done.id)
    assert cells == list_cells(laboratory, done.id).items
    assert [cell.kind for cell in cells] == ["machine"] * 2 + ["evaluation"] * 6 + ["analysis"]
    assert {cell.machine_id for cell in cells[:-1]} == {machine.id for machine in all_pages(list_machines)}
    assert [set(cell.metrics) for cell in cells[1:3]] == [{"pseudo_log_likelihood"}, {"second_moment_error"}]


def test_a_text_that_is_no_cursor_is_refused(laboratory: Laboratory) -> None:
    naive_time, nul = "WyIyMDI2LTAxLTAxIiwiYSJd", "WyIyMDI2LTAxLTAxVDAwOjAwOjAwKzAwOjAwIiwiXHUwMDAwIl0"
    for cursor in ("x", "W10", "WzFd", "\u00e9", "WzEsMSwxXQ", naive_time, nul):
        with pytest.raises(InvalidRequest, match="next_cursor"):
            list_studies(laboratory, cursor)


def test_a_limit_out_of_range_is_refused(laboratory: Laboratory) -> None:
    for limit in (0, -1, 501):
        with pytest.raises(InvalidRequest, match="1 to 500"):
            list_studies(laboratory, limit=limit)


def test_an_estimate_counts_what_is_there_already(laboratory: Laboratory) -> None:
    hands.submit(laboratory, **ONE)
    hands.work_off(laboratory)
    hands.sign_on(laboratory, rate=100.0)
    request = StudyCreate(name="x", parameters={**hands.SMALL, **ONE, "pruning_grid": [0.5, 0.7, 0.9]})
    estimate = estimate_study(laboratory, request)
    assert (estimate.cells, estimate.cells_already_done, estimate.jobs) == (11, 9, 1)
    assert estimate.work == 2 * work_of_evaluation({**hands.SMALL, "num_hidden": 8})
    assert estimate.seconds == pytest.approx(START_SECONDS + estimate.work / 100)
    assert 2 * ROWS < estimate.size_bytes < 2 * ROWS + 10_000, "two evaluations of a few samples"
    hands.sign_on(laboratory, rate=100.0)
    both = estimate_study(laboratory, request)
    assert both.seconds == estimate.seconds, "one job left: a second worker does not help"
    assert count(laboratory, Study) == 1, "nothing is submitted"
    done = estimate_study(laboratory, StudyCreate(name="x", parameters={**hands.SMALL, **ONE}))
    assert (done.jobs, done.seconds, done.size_bytes) == (0, 0.0, 0), "nobody begins anything"
