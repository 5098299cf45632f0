"""Machines, samples, first start, progress, wake-up calls and health, on both databases."""

import hashlib
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import redis
from sqlalchemy import event, select, update

from backend.contracts.messages import Job as JobMessage
from backend.contracts.messages import MachineCurve, MachinePoint, ReferenceLine, SamplesRequest
from backend.contracts.parameters import GenerationParameters
from backend.contracts.states import CellState, JobState, StudyState
from backend.contracts.work import work_of_evaluation
from backend.services.cells import cell_samples, show_cell
from backend.services.change_study import cancel_study, delete_study
from backend.services.errors import ArtifactDamaged, InvalidRequest, NotFound, StorageUnavailable
from backend.services.first_start import submit_demo
from backend.services.house import health, list_workers
from backend.services.jobs import job_log, list_jobs, show_job
from backend.services.laboratory import Laboratory
from backend.services.machine_curves import machine_curves
from backend.services.machines import list_machines, machine_bytes, show_machine
from backend.services.order import order_samples
from backend.services.queue import Queue
from backend.services.studies import NO_WORKER, NOT_SENT, list_studies, show_study
from backend.services.sweep import sweep
from backend.services.zoo import CURVES, register_zoo
from backend.storage.artifacts import ArtifactStore
from backend.storage.database import Database, exclusive, open_database
from backend.storage.events import STREAM, EventBus
from backend.storage.migrate import migrate
from backend.storage.repositories import jobs, workers
from backend.storage.repositories.machines import MachineFilter
from backend.storage.tables import Cell, Job, Study, Worker, utcnow
from tests import hands
from tests.conftest import Broker

ONE: dict[str, Any] = {"initial_dilutions": [0.4], "num_replicas": 1}


def job_titled(lab: Laboratory, title: str) -> JobMessage:
    return next(job for job in list_jobs(lab).items if job.title == title)


def messages(url: str) -> int:
    client = redis.Redis.from_url(url)
    try:
        return int(client.llen("jobs"))
    finally:
        client.close()


# --- machines and samples ---


@pytest.fixture
def machine(laboratory: Laboratory) -> str:
    """A machine trained at p0 = 0.4 by a study that judged it at 0.4, 0.5 and 0.9."""
    hands.submit(laboratory, **ONE)
    hands.work_off(laboratory)
    return list_machines(laboratory).items[0].id


def ask(pruning: float | None, **generation: Any) -> SamplesRequest:
    return SamplesRequest(
        judge="none", pruning=pruning, generation=GenerationParameters(**{**hands.SMALL["generation"], **generation})
    )


def test_a_machine_says_where_it_came_from(laboratory: Laboratory, machine: str) -> None:
    found = show_machine(laboratory, machine)
    assert (found.origin, found.initial_dilution, found.study_id) == (
        "trained",
        0.4,
        list_studies(laboratory).items[0].id,
    )
    data = machine_bytes(laboratory, machine)
    assert data == hands.machine_bytes(found.cell_id)
    assert (found.digest, found.size_bytes) == (hashlib.sha256(data).hexdigest(), len(data))
    with pytest.raises(NotFound):
        show_machine(laboratory, "nothing")


def test_damaged_bytes_are_not_handed_out(laboratory: Laboratory, machine: str, tmp_path: Path) -> None:
    digest = show_machine(laboratory, machine).digest
    path = tmp_path / "store" / "objects" / digest[:2] / digest
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ArtifactDamaged, match=digest):
        machine_bytes(laboratory, machine)
    path.unlink()
    with pytest.raises(ArtifactDamaged, match="no bytes are stored"):
        machine_bytes(laboratory, machine)


def test_samples_that_a_study_made_are_there_at_once(laboratory: Laboratory, machine: str) -> None:
    answer = order_samples(laboratory, machine, ask(0.9))
    assert (answer.state, answer.job_id) == (CellState.DONE, None)
    samples = cell_samples(laboratory, answer.cell_id)
    generator = np.random.default_rng(int(answer.cell_id[:8], 16))
    np.testing.assert_array_equal(samples, generator.integers(0, 2, (7, 784), dtype=np.uint8))


def test_new_samples_are_ordered_once(laboratory: Laboratory, machine: str) -> None:
    first = order_samples(laboratory, machine, ask(0.75))
    again = order_samples(laboratory, machine, ask(0.75))
    assert first == again
    assert first.state == CellState.PENDING
    job = show_job(laboratory, str(first.job_id))
    assert (job.study_id, job.kind, job.state, job.num_cells) == (None, "evaluate", JobState.QUEUED, 1)
    with pytest.raises(NotFound, match="has no samples"):
        cell_samples(laboratory, first.cell_id)
    hands.work_off(laboratory)
    assert order_samples(laboratory, machine, ask(0.75)).state == CellState.DONE
    assert show_cell(laboratory, first.cell_id).machine_id == machine
    assert cell_samples(laboratory, first.cell_id).shape == (7, 784)
    assert order_samples(laboratory, machine, ask(0.75, num_samples=8)).cell_id != first.cell_id


def test_samples_without_a_level_are_of_the_machine_as_it_is(laboratory: Laboratory, machine: str) -> None:
    assert order_samples(laboratory, machine, ask(None)) == order_samples(laboratory, machine, ask(0.4))


def test_pruning_cannot_bring_weights_back(laboratory: Laboratory, machine: str) -> None:
    with pytest.raises(InvalidRequest, match=r"0\.4 to 1 are allowed") as caught:
        order_samples(laboratory, machine, ask(0.3))
    assert [problem.pointer for problem in caught.value.errors] == ["/pruning"]
    with pytest.raises(NotFound):
        order_samples(laboratory, "nothing", ask(0.5))


def test_failed_samples_are_tried_again_when_asked_again(laboratory: Laboratory, machine: str) -> None:
    first = order_samples(laboratory, machine, ask(0.75))
    hands.fail(laboratory, str(first.job_id))
    assert show_cell(laboratory, first.cell_id).error == "it broke"
    again = order_samples(laboratory, machine, ask(0.75))
    assert again.state == CellState.PENDING
    assert again.job_id != first.job_id


def test_a_deleted_study_takes_the_samples_of_its_machines_along(laboratory: Laboratory, machine: str) -> None:
    order = order_samples(laboratory, machine, ask(0.75))
    claim = hands.must_claim(laboratory, str(order.job_id))
    delete_study(laboratory, list_studies(laboratory).items[0].id)
    with laboratory.database.write() as session:
        assert jobs.renew(session, claim.job_id, claim.token, 10) is None
        assert session.scalars(select(Cell)).all() == []


# --- first start ---


@pytest.fixture
def zoo(tmp_path: Path) -> Path:
    folder = tmp_path / "zoo"
    folder.mkdir()
    entries = []
    for number in range(2):
        data = f"machine {number}".encode()
        (folder / f"{number}.safetensors").write_bytes(data)
        entries.append(
            {
                "file": f"{number}.safetensors",
                "name": f"Machine {number}",
                "description": "For tests.",
                "initial_dilution": 0.2 * number,
                "num_visible": 784,
                "num_hidden": 400,
                "sha256": hashlib.sha256(data).hexdigest(),
                "training": {"gibbs_steps": 1000},
                "provenance": {"device": "none"},
            }
        )
    (folder / "zoo.json").write_text(json.dumps(entries), encoding="utf-8")
    return folder


def test_the_zoo_is_registered_once(laboratory: Laboratory, zoo: Path) -> None:
    register_zoo(laboratory, zoo)
    first = list_machines(laboratory).items
    register_zoo(laboratory, zoo)
    assert list_machines(laboratory).items == first
    assert {(machine.name, machine.origin, machine.initial_dilution) for machine in first} == {
        ("Machine 0", "zoo", 0.0),
        ("Machine 1", "zoo", 0.2),
    }
    assert first[0].provenance["description"] == "For tests."
    assert {machine_bytes(laboratory, machine.id) for machine in first} == {b"machine 0", b"machine 1"}


def test_samples_of_a_zoo_machine_can_be_ordered(laboratory: Laboratory, zoo: Path) -> None:
    register_zoo(laboratory, zoo)
    machine = list_machines(laboratory, which=MachineFilter(origin="zoo")).items[0]
    order = order_samples(laboratory, machine.id, ask(0.5))
    claim = hands.must_claim(laboratory, str(order.job_id))
    assert claim.cells[0].parent_artifact == machine.digest
    hands.finish(laboratory, claim)
    assert show_cell(laboratory, order.cell_id).machine_id == machine.id


def with_curves(zoo: Path) -> list[MachineCurve]:
    """The same zoo with two metrics of its first machine, measured at two levels."""
    levels = [(0.0, 0.9, 0.8), (0.5, 0.4, None)]
    points = [MachinePoint(x=p, value=value, low=low, high=None, cell_id="elsewhere") for p, value, low in levels]
    line = ReferenceLine(metric="quality", label="1,000 held-out test images", value=0.99, low=0.98, high=1.0)
    way: dict[str, Any] = {"pruning_rule": "random", "num_samples": 1000, "gibbs_steps": 500, "judge": "ab" * 32}
    curves = [
        MachineCurve(metric="digit_fraction", points=points[:1], reference=None, **way),
        MachineCurve(metric="quality", points=points, reference=line, **way),
    ]
    (zoo / "0.curves.json").write_bytes(CURVES.dump_json(curves))
    entries = json.loads((zoo / "zoo.json").read_text(encoding="utf-8"))
    entries[0]["curves"] = "0.curves.json"
    (zoo / "zoo.json").write_text(json.dumps(entries), encoding="utf-8")
    return curves


SECOND_LEVEL = SamplesRequest(
    pruning=0.5,
    pruning_rule="random",
    judge="ab" * 32,
    generation=GenerationParameters(num_samples=1000, gibbs_steps=500),
)


def unnamed(curves: Sequence[MachineCurve]) -> list[dict[str, Any]]:
    """The curves without the ids of their cells."""
    return [one.model_dump(exclude={"points": {"__all__": {"cell_id"}}}) for one in curves]


def test_what_was_measured_of_the_zoo_is_there_from_the_start(laboratory: Laboratory, zoo: Path) -> None:
    curves = with_curves(zoo)
    register_zoo(laboratory, zoo)
    machines = {one.name: one.id for one in list_machines(laboratory).items}
    found = machine_curves(laboratory, machines["Machine 0"]).curves
    assert unnamed(found) == unnamed(curves)
    assert not any(point.has_samples for curve in found for point in curve.points)
    assert machine_curves(laboratory, machines["Machine 1"]).curves == []

    assert show_cell(laboratory, found[1].points[1].cell_id).state == CellState.DONE
    register_zoo(laboratory, zoo)
    assert machine_curves(laboratory, machines["Machine 0"]).curves == found


def test_samples_of_a_level_that_came_measured_are_drawn_when_they_are_asked_for(
    laboratory: Laboratory, zoo: Path
) -> None:
    with_curves(zoo)
    register_zoo(laboratory, zoo)
    machine = next(one for one in list_machines(laboratory).items if one.name == "Machine 0")
    before = machine_curves(laboratory, machine.id).curves
    order = order_samples(laboratory, machine.id, SECOND_LEVEL)
    assert (order.cell_id, order.state) == (before[1].points[1].cell_id, CellState.PENDING)
    register_zoo(laboratory, zoo)  # a start in between leaves it to the job
    assert machine_curves(laboratory, machine.id).curves == before
    hands.finish(laboratory, hands.must_claim(laboratory, str(order.job_id)))
    assert len(cell_samples(laboratory, order.cell_id)) > 0
    again = order_samples(laboratory, machine.id, SECOND_LEVEL)
    assert (again.cell_id, again.state, again.job_id) == (order.cell_id, CellState.DONE, None)


def test_a_level_of_the_zoo_that_was_measured_here_stays_as_it_is(laboratory: Laboratory, zoo: Path) -> None:
    register_zoo(laboratory, zoo)
    curves = with_curves(zoo)
    machine = next(one for one in list_machines(laboratory).items if one.name == "Machine 0")
    order = order_samples(laboratory, machine.id, SECOND_LEVEL)
    hands.finish(laboratory, hands.must_claim(laboratory, str(order.job_id)))
    before = show_cell(laboratory, order.cell_id)
    register_zoo(laboratory, zoo)
    assert show_cell(laboratory, order.cell_id) == before
    points = machine_curves(laboratory, machine.id).curves
    assert curves[1].points[0].value in [point.value for curve in points for point in curve.points]


def test_curves_of_the_zoo_that_cannot_be_read_are_refused(laboratory: Laboratory, zoo: Path) -> None:
    with_curves(zoo)
    (zoo / "0.curves.json").write_text("[{}]", encoding="utf-8")
    with pytest.raises(ArtifactDamaged, match=r"0\.curves\.json .* restore it"):
        register_zoo(laboratory, zoo)
    assert list_machines(laboratory).items == []


def test_a_zoo_file_that_was_altered_is_refused(laboratory: Laboratory, zoo: Path) -> None:
    (zoo / "1.safetensors").write_bytes(b"machine x")
    with pytest.raises(ArtifactDamaged, match=r"1\.safetensors .* expected"):
        register_zoo(laboratory, zoo)
    assert [machine.name for machine in list_machines(laboratory).items] == ["Machine 0"]
    (zoo / "1.safetensors").unlink()
    with pytest.raises(ArtifactDamaged, match="cannot be read"):
        register_zoo(laboratory, zoo)


NUM_ANALYSES = 2  # spectra and collapse


def test_the_demo_is_submitted_once_and_for_ever(laboratory: Laboratory) -> None:
    demo = submit_demo(laboratory)
    assert demo is not None
    assert demo.name == "First look: dilution and pruning on MNIST"
    assert demo.progress.cells_total == 3 * 2 + 2 * (13 + 12 + 5) - 2 + NUM_ANALYSES
    delete_study(laboratory, demo.id)
    assert submit_demo(laboratory) is None
    assert list_studies(laboratory).items == []


# --- progress ---


def test_progress_is_weighted_by_work_and_counts_the_running_part(laboratory: Laboratory) -> None:
    study = hands.submit(laboratory, **ONE)  # one training, three evaluations
    titles = {job.title: job.id for job in list_jobs(laboratory).items}
    train = hands.must_claim(laboratory, titles["Train p0 = 0.4"])
    with laboratory.database.write() as session:
        jobs.report_progress(session, train.job_id, train.token, 0.25, stage="update 2 of 10", rate=10.0)
    now = show_study(laboratory, study.id)
    training, judging = train.work, 3 * work_of_evaluation({**hands.SMALL, "num_hidden": 8})
    assert now.progress.fraction == pytest.approx(0.25 * training / (training + judging))
    assert now.progress.cells_done == 0
    hands.finish(laboratory, train)
    judge = hands.must_claim(laboratory, titles["Prune and judge p0 = 0.4"])
    hands.fill(laboratory, judge, judge.cells[0])
    with laboratory.database.write() as session:
        jobs.report_progress(session, judge.job_id, judge.token, 0.5)
    fraction = show_study(laboratory, study.id).progress.fraction
    assert fraction == pytest.approx((training + 0.5 * judging) / (training + judging))


def test_without_a_measured_speed_there_is_no_eta(laboratory: Laboratory) -> None:
    study = hands.submit(laboratory, **ONE)
    hands.sign_on(laboratory)
    assert show_study(laboratory, study.id).progress.eta_low_seconds is None
    assert job_titled(laboratory, "Train p0 = 0.4").eta_low_seconds is None


def test_the_eta_follows_from_the_measured_speed(laboratory: Laboratory) -> None:
    study = hands.submit(laboratory, **ONE)
    train = hands.must_claim(laboratory, job_titled(laboratory, "Train p0 = 0.4").id)
    hands.sign_on(laboratory, rate=10.0, job_id=train.job_id)
    with laboratory.database.write() as session:
        jobs.report_progress(session, train.job_id, train.token, 0.25, rate=10.0)
    job = show_job(laboratory, train.job_id)
    assert job.eta_low_seconds is not None
    assert job.eta_high_seconds is not None
    left = 0.75 * train.work
    assert job.eta_low_seconds < left / 10 < job.eta_high_seconds
    progress = show_study(laboratory, study.id).progress
    assert progress.eta_low_seconds is not None
    assert progress.eta_high_seconds is not None
    left += 3 * work_of_evaluation({**hands.SMALL, "num_hidden": 8})
    assert progress.eta_low_seconds < left / 10 < progress.eta_high_seconds


def test_a_queue_without_a_worker_says_so(laboratory: Laboratory) -> None:
    study = hands.submit(laboratory, **ONE)
    assert NO_WORKER == "queued: no worker is running. Start one with: make worker"
    assert show_study(laboratory, study.id).message == NO_WORKER
    assert job_titled(laboratory, "Train p0 = 0.4").message == NO_WORKER
    assert job_titled(laboratory, "Prune and judge p0 = 0.4").message == "waiting for Train p0 = 0.4"
    hands.sign_on(laboratory)
    assert job_titled(laboratory, "Train p0 = 0.4").message is None
    cancel_study(laboratory, study.id)
    assert show_study(laboratory, study.id).message is None


def test_a_worker_is_alive_while_its_heartbeat_is_fresh(laboratory: Laboratory) -> None:
    hands.sign_on(laboratory, "a")
    hands.sign_on(laboratory, "b")
    with laboratory.database.write() as session:
        session.execute(update(Worker).where(Worker.id == "a").values(heartbeat_at=utcnow() - timedelta(seconds=60)))
        assert not workers.heartbeat(session, "unknown")
    assert {worker.id: worker.alive for worker in list_workers(laboratory)} == {"a": False, "b": True}
    with laboratory.database.write() as session:
        workers.remove(session, "b")
    assert health(laboratory).message == "no worker is running. Start one with: make worker"


def test_a_worker_is_as_busy_as_the_jobs_it_had(laboratory: Laboratory) -> None:
    hands.submit(laboratory)
    hands.sign_on(laboratory, "idle")
    hands.sign_on(laboratory)
    now = utcnow()
    with laboratory.database.write() as session:
        first, second = jobs.first_in_queue(session, 2)
        session.execute(update(Worker).values(started_at=now - timedelta(seconds=100)))
    for job_id in (first, second):
        hands.must_claim(laboratory, job_id)
    with laboratory.database.write() as session:
        past = {"started_at": now - timedelta(hours=1), "finished_at": now - timedelta(seconds=80)}
        session.execute(update(Job).where(Job.id == first).values(state=JobState.DONE, **past))
        session.execute(update(Job).where(Job.id == second).values(started_at=now - timedelta(seconds=30)))
    busy = {worker.id: worker.busy for worker in list_workers(laboratory)}
    assert busy["idle"] == 0
    assert busy[hands.WORKER] == pytest.approx(0.5, abs=0.05), "20 s of the first and 30 s of the second in 100 s"


# --- when something does not answer ---


@pytest.fixture
def fragile(own_broker: Broker, laboratory: Laboratory) -> Iterator[Laboratory]:
    """The laboratory with a broker that the test may kill."""
    lab = replace(laboratory, events=EventBus(own_broker.url), queue=Queue(f"redis+socket://{own_broker.socket}"))
    yield lab
    lab.queue.close()
    lab.events.close()


def test_without_a_broker_studies_are_taken_and_sent_later(fragile: Laboratory, own_broker: Broker) -> None:
    hands.sign_on(fragile)
    own_broker.kill()
    start = time.monotonic()
    study = hands.submit(fragile)
    assert time.monotonic() - start < 5
    assert (study.state, study.message) == (StudyState.QUEUED, NOT_SENT)
    sweep(fragile)
    down = health(fragile)
    assert (down.ok, down.database, down.broker) == (False, "up", "down")
    own_broker.start()
    sweep(fragile)
    assert messages(own_broker.url) == 2
    assert show_study(fragile, study.id).message == "queued: other jobs are first"
    sweep(fragile)
    assert messages(own_broker.url) == 2, "each once"
    assert health(fragile).broker == "up"


def test_a_sweep_takes_back_lost_jobs_sends_them_and_tells(laboratory: Laboratory, broker_url: str) -> None:
    study = hands.submit(laboratory, **ONE)
    claim = hands.must_claim(laboratory, job_titled(laboratory, "Train p0 = 0.4").id, lease=0.05)
    before = messages(broker_url)
    time.sleep(0.1)
    sweep(laboratory)
    job = show_job(laboratory, claim.job_id)
    assert job.state == JobState.QUEUED
    assert messages(broker_url) == before + 1
    assert [line.level for line in job_log(laboratory, claim.job_id)] == ["warning"]
    client = redis.Redis.from_url(broker_url)
    told = [json.loads(fields[b"event"]) for _, fields in client.xrange(STREAM)]
    client.close()
    assert {"kind": "job", "id": claim.job_id, "study_id": study.id, "state": "queued"} in told
    assert {"kind": "study", "id": study.id, "study_id": study.id, "state": "running"} in told


def test_a_sweep_without_work_writes_nothing(laboratory: Laboratory) -> None:
    hands.submit(laboratory)
    hands.work_off(laboratory)
    sweep(laboratory)
    writes: list[str] = []
    verbs = ("INSERT", "UPDATE", "DELETE", "BEGIN IMMEDIATE")

    def note(*call: Any) -> None:
        writes.extend([call[2]] if call[2].startswith(verbs) else [])

    event.listen(laboratory.database.engine, "before_cursor_execute", note)
    sweep(laboratory)
    assert writes == []


def test_a_sweep_removes_the_files_of_old_checkpoints(laboratory: Laboratory) -> None:
    hands.submit(laboratory, **ONE)
    claim = hands.must_claim(laboratory, job_titled(laboratory, "Train p0 = 0.4").id)
    checkpoint = hands.store(laboratory, "checkpoint", b"halfway")
    with laboratory.database.write() as session:
        jobs.record_checkpoint(session, claim.job_id, claim.token, checkpoint)
    hands.finish(laboratory, claim)
    sweep(laboratory)
    assert not laboratory.artifacts.exists(checkpoint.digest)


def test_a_locked_database_is_a_storage_error_and_nothing_is_written(laboratory: Laboratory) -> None:
    wait = {"sqlite": "PRAGMA busy_timeout = 50", "postgresql": "SET lock_timeout = '50ms'"}
    hurry = wait[laboratory.database.engine.dialect.name]

    def hurry_up(connection: Any, *_: object) -> None:
        connection.execute(hurry)
        connection.commit()

    event.listen(laboratory.database.engine, "checkout", hurry_up)
    with laboratory.database.write() as session:
        exclusive(session)
        with pytest.raises(StorageUnavailable, match="Try again"):
            hands.submit(laboratory)
    with laboratory.database.read() as session:
        assert session.scalars(select(Study)).all() == []
        assert session.scalars(select(Job)).all() == []


def test_a_study_that_cannot_be_written_whole_is_not_written_at_all(tmp_path: Path, laboratory: Laboratory) -> None:
    """The disk is full when the cells are written."""
    url = f"sqlite:///{tmp_path / 'small.sqlite'}"
    migrate(url)
    lab = replace(laboratory, database=_small(url))
    with pytest.raises(StorageUnavailable, match="disk of the database is full"):
        hands.submit(lab, num_replicas=200)
    assert list_studies(lab).items == []
    lab.database.dispose()


def test_a_text_with_a_nul_is_not_an_id(laboratory: Laboratory) -> None:
    for look in (show_study, show_job, show_machine, show_cell):
        with pytest.raises((NotFound, InvalidRequest)):
            look(laboratory, "a\x00b")


def test_a_store_that_is_gone_does_not_stop_a_deletion(laboratory: Laboratory, tmp_path: Path) -> None:
    study = hands.submit(laboratory, **ONE)
    hands.work_off(laboratory)
    (tmp_path / "file").write_text("", encoding="utf-8")
    lab = replace(laboratory, artifacts=ArtifactStore(str(tmp_path / "file")))
    delete_study(lab, study.id)
    with pytest.raises(NotFound):
        show_study(laboratory, study.id)


def _small(url: str) -> Database:
    database = open_database(url)
    event.listen(database.engine, "checkout", lambda connection, *_: connection.execute("PRAGMA max_page_count = 100"))
    return database
