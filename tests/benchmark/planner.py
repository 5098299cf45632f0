"""What the planner predicts and what then happens: three small studies in a laboratory of their own.

    python -m tests.benchmark.planner [--threads 2] [--write]

A laboratory is started in a temporary folder, its demo study cancelled, and the device measured as at every start.
Each study is estimated, then submitted and waited for. The prediction is the one that the form shows before a study is
submitted. For each kind of job the wall time is given too. `--write` puts the report into docs/benchmarks/.
"""

from __future__ import annotations

import argparse
import datetime
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from backend.client import Client
from backend.contracts.messages import Job
from backend.contracts.states import StudyState
from tests.benchmark.gibbs_step import hardware, publish, versions
from tests.laboratory import Laboratory

POLL_SECONDS = 0.2
BASE: dict[str, Any] = {
    "num_replicas": 2,
    "pruning_grid": [0.6, 0.8, 0.9, 0.95],
    "training": {"gibbs_steps": 10, "num_updates": 300, "batch_size": 128, "num_chains": 128, "learning_rate": 0.03},
    "generation": {"num_samples": 256, "gibbs_steps": 100},
}
STUDIES: dict[str, dict[str, Any]] = {
    "two p0, k = 10, 128 chains": {**BASE, "initial_dilutions": [0.0, 0.6]},
    "one p0, k = 50, 200 chains, 200 hidden units": {
        **BASE,
        "initial_dilutions": [0.4],
        "training": {**BASE["training"], "gibbs_steps": 50, "num_updates": 100, "num_chains": 200, "num_hidden": 200},
    },
    "one p0, 1,000 samples of 200 steps at six levels": {
        **BASE,
        "initial_dilutions": [0.2],
        "num_replicas": 1,
        "pruning_grid": [0.4, 0.6, 0.7, 0.8, 0.9],
        "generation": {"num_samples": 1000, "gibbs_steps": 200},
    },
}
ENDED = {StudyState.DONE, StudyState.FAILED, StudyState.CANCELLED}


def wait_for_speed(client: Client) -> float:
    """The device's speed, as soon as it is measured: chain steps a second."""
    while True:
        rates = [worker.rate for worker in client.workers() if worker.alive and worker.rate]
        if rates:
            return rates[0]
        time.sleep(POLL_SECONDS)


def seconds_of_jobs(jobs: list[Job]) -> str:
    """Wall seconds of a study's jobs by kind."""
    found: dict[str, float] = {}
    for job in jobs:
        if job.started_at and job.finished_at:
            seconds = (job.finished_at - job.started_at).total_seconds()
            found[job.kind] = found.get(job.kind, 0.0) + seconds
    return ", ".join(f"{kind} {seconds:.1f}" for kind, seconds in found.items())


def row_of(client: Client, name: str, parameters: Mapping[str, Any]) -> str:
    """Predict, run and compare one study."""
    predicted = client.estimate_study(name, parameters=dict(parameters)).seconds
    study = client.create_study(name, parameters=dict(parameters))
    begun = time.monotonic()
    while client.study(study.id).state not in ENDED:
        time.sleep(POLL_SECONDS)
    actual = time.monotonic() - begun
    jobs = client.jobs(study_id=study.id).items
    off = f"{100 * (predicted / actual - 1):+.0f} %" if predicted else "no prediction"
    return f"| {name} | {predicted or 0:.1f} | {actual:.1f} | {off} | {seconds_of_jobs(jobs)} |"


def report(threads: int) -> str:
    """Run everything and put it into words."""
    head = f"{datetime.date.today().isoformat()}. {hardware()}. {versions()}."
    with tempfile.TemporaryDirectory() as folder:
        house = Laboratory(Path(folder))
        house.environment["NUMBA_NUM_THREADS"] = str(threads)
        with house.up(), Client(house.url) as client:
            for study in client.studies().items:
                client.cancel_study(study.id)
            rate = wait_for_speed(client)
            rows = [row_of(client, name, parameters) for name, parameters in STUDIES.items()]
    lines = [
        "# Predicted and actual time of studies",
        "",
        head,
        "",
        f"Worker on {threads} threads; measured at its start: {rate:,.0f} chain steps a second.",
        "",
        f"    python -m tests.benchmark.planner --threads {threads} --write",
        "",
        "| study | predicted s | actual s | off by | seconds of its jobs |",
        "| --- | --- | --- | --- | --- |",
        *rows,
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Parse, measure, print, and write if asked to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    publish(report(arguments.threads), "planner", write=arguments.write)


if __name__ == "__main__":
    main()
