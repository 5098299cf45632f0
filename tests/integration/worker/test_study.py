"""A study from its first message to its last curve."""

import io

import numpy as np

from backend.contracts.states import CellState, JobState, StudyState
from tests.integration.worker.plans import QUICK, assert_same_machine, plan, uninterrupted
from tests.integration.worker.rig import HEARTBEAT_SECONDS, Rig, wait_until


def test_a_study_is_trained_judged_and_done(any_rig: Rig) -> None:
    any_rig.worker()
    study = any_rig.submit(plan(QUICK))
    any_rig.wait_for_end(study, StudyState.DONE)

    assert [(job.state, job.attempt, job.fraction) for job in any_rig.jobs(study)] == [(JobState.DONE, 1, 1.0)] * 3
    machines = any_rig.machines()
    assert sorted(one.name for one in machines.values()) == ["p0 = 0.4, replica 0", "p0 = 0.4, replica 1"]
    for cell in any_rig.cells(study, "machine"):
        assert_same_machine(
            any_rig.lab.artifacts.get(machines[cell.id].artifact_digest), uninterrupted(cell.parameters)
        )
        for name in ("pseudo_log_likelihood", "pseudo_log_likelihood_test"):
            points = any_rig.metrics(cell.id, name)
            assert (points[0].update, points[-1].update) == (0, QUICK["num_updates"])
            assert -784 < points[-1].value < 0
            assert all(one.low < one.value < one.high for one in points)


def test_judged_cells_hold_metric_samples_and_reference(busy_rig: Rig) -> None:
    study = busy_rig.submit(plan(QUICK, seed=1))
    busy_rig.wait_for_end(study, StudyState.DONE)
    cells = busy_rig.cells(study, "evaluation")
    assert [(cell.state, cell.parameters["pruning"]) for cell in cells] == [
        (CellState.DONE, p) for _ in range(2) for p in (0.4, 0.7, 0.95)
    ]
    for cell in cells:
        (value,) = busy_rig.metrics(cell.id, "second_moment_error")
        assert (value.num_samples, value.gibbs_steps, value.update) == (23, 7, None)
        packed = np.load(io.BytesIO(busy_rig.lab.artifacts.get(cell.artifact_digest)), allow_pickle=False)
        assert (packed.shape, packed.dtype) == ((23, 98), np.uint8)
    assert len({cell.artifact_digest for cell in cells}) == 6, "every cell has samples of its own"


def test_an_idle_worker_shows_itself_and_takes_itself_off_the_list(rig: Rig) -> None:
    worker = rig.worker()
    (row,) = wait_until(rig.worker_rows, "worker is on the list")
    assert row.pid == worker.children()[0].pid
    assert row.job_id is None
    wait_until(lambda: rig.worker_rows()[0].heartbeat_at > row.heartbeat_at, "heartbeat", 10 * HEARTBEAT_SECONDS)
    wait_until(lambda: rig.worker_rows()[0].rate, "the speed of the device is measured before any job")
    worker.process.terminate()
    assert worker.process.wait(10) == 0
    assert rig.worker_rows() == []


def test_the_parent_process_never_loads_torch(busy_rig: Rig) -> None:
    [worker] = busy_rig.workers
    study = busy_rig.submit(plan(QUICK, seed=2))
    busy_rig.wait_for_end(study, StudyState.DONE)

    def loaded(pid: int) -> bool:
        with open(f"/proc/{pid}/maps", encoding="utf-8") as maps:
            return "libtorch" in maps.read()

    assert loaded(worker.children()[0].pid), "this test can see torch"
    assert not loaded(worker.process.pid)


def test_a_job_that_becomes_ready_is_sent_by_the_worker_that_made_it_ready(busy_rig: Rig) -> None:
    with busy_rig.nobody_sweeps():
        study = busy_rig.submit(plan(QUICK, seed=3))
        busy_rig.wait_for_end(study, StudyState.DONE)
