"""A study that asks for the log-likelihood: what is stored, what its curves show, and a cancel meanwhile."""

import time

import pytest
import torch

from backend.contracts.states import JobState, StudyState
from backend.services.curves import study_curves
from backend.storage.repositories.endings import request_cancel
from backend.storage.tables import utcnow
from tests.integration.worker.plans import QUICK, plan
from tests.integration.worker.rig import Rig, wait_until
from tests.integration.worker.test_stopped import CANCEL_SECONDS
from worker.experiments.likelihood import likelihood_in_blocks
from worker.rbm.machine_file import read_machine

NAMES = ("log_likelihood", "log_likelihood_test", "log_partition", "effective_chains")


def test_unpruned_machines_have_a_log_likelihood_that_shows_in_the_curves(busy_rig: Rig) -> None:
    """Kills: the likelihood of another machine or of a pruned one, a setting that is lost, one value for all."""
    study = busy_rig.submit(plan(QUICK, likelihood={"levels": "own", "num_temperatures": 60, "num_chains": 13}))
    busy_rig.wait_for_end(study, StudyState.DONE)
    machines, own = busy_rig.machines(), {}
    for cell in busy_rig.cells(study, "evaluation"):
        stored = {name: busy_rig.metrics(cell.id, name) for name in NAMES}
        if cell.parameters["pruning"] > 0.4:
            assert not any(stored.values())
            continue
        machine, _ = read_machine(busy_rig.lab.artifacts.get(machines[cell.parent or ""].artifact_digest))
        own[cell.id] = {name: rows[0] for name, rows in stored.items()}
        for expected in _values(cell.parameters, machine):
            found = own[cell.id][expected.name]
            assert (found.num_samples, found.gibbs_steps, found.update) == (13, 60, None)
            assert found.value == pytest.approx(expected.value, rel=1e-4)
        assert own[cell.id]["log_likelihood_test"].low < own[cell.id]["log_likelihood_test"].value < 0
    assert len(own) == 2
    curves = study_curves(busy_rig.lab, study)
    assert (curves.num_samples, curves.gibbs_steps) == (23, 7)
    [series] = [one for one in curves.series if one.metric == "log_likelihood_test"]
    [point] = series.points
    assert point.x == 0.4
    shown = {replica.cell_id: (replica.value, replica.low, replica.high) for replica in point.replicas}
    rows = {cell: values["log_likelihood_test"] for cell, values in own.items()}
    assert shown == {cell: (row.value, row.low, row.high) for cell, row in rows.items()}
    assert len({value for value, _, _ in shown.values()}) == 2


def _values(parameters, machine):  # type: ignore[no-untyped-def]
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    blocks = likelihood_in_blocks(parameters, machine)
    try:
        while True:
            next(blocks)
    except StopIteration as end:
        return end.value
    finally:
        torch.set_num_threads(before)


def test_progress_counts_the_annealed_chains_and_cancel_is_heard_between_temperatures(busy_rig: Rig) -> None:
    """Kills: chains that run to their end whatever happens, and a job that looks done while they run."""
    study = busy_rig.submit(
        plan(QUICK, seed=1, likelihood={"levels": "own", "num_temperatures": 1_000_000, "num_chains": 100})
    )
    wait_until(lambda: busy_rig.job(study, "evaluate").fraction > 0, "the chains have begun")
    assert busy_rig.job(study, "evaluate").fraction < 0.5
    assert busy_rig.job(study, "evaluate").stage == "p = 0.4"
    begun = time.monotonic()
    with busy_rig.lab.database.write() as session:
        request_cancel(session, [job.id for job in busy_rig.jobs(study)], utcnow())
    job = busy_rig.wait_for(study, "evaluate", JobState.CANCELLED)
    assert time.monotonic() - begun < CANCEL_SECONDS
    assert job.error is None
    assert busy_rig.study(study).state == StudyState.CANCELLED
