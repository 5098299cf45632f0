"""A worker's hands without a worker: drives jobs through the repositories as worker/tasks.py does."""

import io
from collections.abc import Callable
from typing import Any

import numpy as np

from backend.contracts.messages import Study, StudyCreate
from backend.contracts.plan import ANALYSIS, MACHINE
from backend.services.laboratory import Laboratory
from backend.services.submit import submit_study
from backend.storage.repositories import jobs, workers
from backend.storage.repositories.jobs import Claim, ClaimedCell, MachineRecord, MetricValue, StoredArtifact
from tests.machine_files import machine_file

SMALL: dict[str, Any] = {
    "initial_dilutions": [0.0, 0.4],
    "num_replicas": 2,
    "pruning_grid": [0.5, 0.9],
    "judge": "none",
    "training": {"num_hidden": 8, "gibbs_steps": 2, "num_updates": 10, "batch_size": 5, "num_chains": 5},
    "generation": {"num_samples": 7, "gibbs_steps": 3},
}
WORKER = "hands"
LEASE = 30.0


def submit(lab: Laboratory, name: str = "A study", **changes: Any) -> Study:
    return submit_study(lab, StudyCreate(name=name, parameters={**SMALL, **changes}))


def submit_type(lab: Laboratory, kind: str, name: str, **parameters: Any) -> Study:
    own = {key: SMALL[key] for key in ("training", "generation", "num_replicas", "pruning_grid")}
    return submit_study(lab, StudyCreate(name=name, type=kind, parameters={**own, **parameters}))


def sign_on(lab: Laboratory, worker_id: str = WORKER, rate: float | None = None, job_id: str | None = None) -> None:
    with lab.database.write() as session:
        workers.register(session, worker_id, hostname="here", pid=1, device="cpu", device_name="A CPU", num_threads=2)
        workers.heartbeat(session, worker_id, job_id, rate)


def claim(lab: Laboratory, job_id: str, lease: float = LEASE, worker_id: str = WORKER) -> Claim | None:
    with lab.database.write() as session:
        return jobs.claim(session, job_id, worker_id, lease)


def must_claim(lab: Laboratory, job_id: str, lease: float = LEASE) -> Claim:
    found = claim(lab, job_id, lease)
    assert found is not None
    return found


def value_of(cell: ClaimedCell) -> float:
    """Any number that depends on the cell only."""
    return int(cell.id[:12], 16) / 16**12


def store(lab: Laboratory, kind: str, data: bytes) -> StoredArtifact:
    return StoredArtifact(lab.artifacts.put(data), kind, len(data))


def fill(lab: Laboratory, claim: Claim, cell: ClaimedCell, value: Callable[[ClaimedCell], float] = value_of) -> None:
    with lab.database.write() as session:
        if cell.kind == MACHINE:
            machine = MachineRecord(
                name=f"Machine {cell.id[:6]}",
                artifact=store(lab, "machine", machine_bytes(cell.id)),
                initial_dilution=cell.parameters["initial_dilution"],
                num_visible=784,
                num_hidden=8,
                parameters=cell.parameters,
            )
            metrics = [MetricValue("pseudo_log_likelihood", value(cell) - at, update=at) for at in (5, 10)]
            jobs.complete_cell(session, claim.job_id, claim.token, cell.id, metrics=metrics, machine=machine)
        elif cell.kind == ANALYSIS:
            result = store(lab, "result", f'{{"of": "{cell.id}"}}'.encode())
            jobs.complete_cell(session, claim.job_id, claim.token, cell.id, artifact=result)
        else:
            generation = cell.parameters["generation"]
            metric = MetricValue(
                "second_moment_error",
                value(cell),
                num_samples=generation["num_samples"],
                gibbs_steps=generation["gibbs_steps"],
            )
            jobs.complete_cell(
                session, claim.job_id, claim.token, cell.id, metrics=[metric], artifact=samples_of(lab, cell)
            )


def machine_bytes(cell_id: str) -> bytes:
    """The machine file of a cell: another for each."""
    return machine_file(int(cell_id[:8], 16), num_hidden=8)


def samples_of(lab: Laboratory, cell: ClaimedCell) -> StoredArtifact:
    generator = np.random.default_rng(int(cell.id[:8], 16))
    packed = np.packbits(generator.integers(0, 2, (7, 784), dtype=np.uint8), axis=1)
    text = io.BytesIO()
    np.save(text, packed)
    return store(lab, "samples", text.getvalue())


Fill = Callable[[Laboratory, Claim, ClaimedCell], None]


def finish(lab: Laboratory, claim: Claim, fill: Fill = fill) -> list[str]:
    """Fill what is open and complete the job. Returns the jobs that became ready."""
    for cell in claim.cells:
        if not cell.done:
            fill(lab, claim, cell)
    with lab.database.write() as session:
        return jobs.complete(session, claim.job_id, claim.token)


def work_off(lab: Laboratory, fill: Fill = fill) -> int:
    """Do everything that is queued, and what becomes ready. Returns the number of jobs done."""
    count = 0
    while True:
        with lab.database.read() as session:
            first = jobs.first_in_queue(session, 1)
        if not first:
            return count
        finish(lab, must_claim(lab, first[0]), fill)
        count += 1


def fail(lab: Laboratory, job_id: str, error: str = "it broke") -> None:
    taken = must_claim(lab, job_id)
    with lab.database.write() as session:
        jobs.fail(session, job_id, taken.token, error)
