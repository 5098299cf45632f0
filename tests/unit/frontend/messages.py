"""Messages as the API sends them, small and complete."""

from datetime import UTC, datetime, timedelta
from statistics import mean, stdev

from backend.contracts.grid import TRAINED
from backend.contracts.messages import (
    CurvePoint,
    Curves,
    CurveSeries,
    Job,
    Machine,
    MetricInfo,
    Progress,
    ReferenceLine,
    ReplicaValue,
    Study,
    Worker,
)
from backend.contracts.states import JobState, StudyState

NOW = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)
E2 = MetricInfo(
    name="second_moment_error", label="E(2)", unit="1", better="lower", formula="mean (cov - cov)^2", source="paper"
)


def point(x: float, values: list[float]) -> CurvePoint:
    spread = stdev(values) if len(values) > 1 else None
    middle = mean(values)
    return CurvePoint(
        x=x,
        n=len(values),
        mean=middle,
        std=spread,
        sem=None if spread is None else spread / len(values) ** 0.5,
        ci_low=None if spread is None else middle - 3 * spread,
        ci_high=None if spread is None else middle + 3 * spread,
        minimum=min(values),
        maximum=max(values),
        replicas=[
            ReplicaValue(replica=at, value=value, cell_id=f"cell-{x:g}-{at}", machine_id=f"machine-{at}")
            for at, value in enumerate(values)
        ],
    )


def curves(*rows: tuple[float, dict[float, list[float]]]) -> Curves:
    return Curves(
        study_id="s",
        kind="pruning",
        x_label="total pruning p",
        num_samples=256,
        gibbs_steps=200,
        pruning_rule="magnitude",
        metrics=[E2],
        series=[
            CurveSeries(
                metric=E2.name,
                machine_class=TRAINED,
                initial_dilution=p0,
                pruned_to=None,
                points=[point(x, ys) for x, ys in points.items()],
            )
            for p0, points in rows
        ],
        references=[ReferenceLine(metric=E2.name, label="held-out test images", value=3e-6)],
    )


def study(state: StudyState = StudyState.RUNNING, **changes: object) -> Study:
    own = {
        "id": "study-1",
        "name": "A sweep",
        "type": "dilution-sweep",
        "parameters": {"initial_dilutions": [0.0], "training": {"gibbs_steps": 10}},
        "state": state,
        "message": None,
        "progress": Progress(
            cells_total=10, cells_done=4, cells_failed=1, fraction=0.4, eta_low_seconds=60, eta_high_seconds=150
        ),
        "code_version": "abc",
        "created_at": NOW,
        "started_at": NOW,
        "finished_at": None,
    }
    return Study(**(own | changes))


def job(state: JobState = JobState.QUEUED, **changes: object) -> Job:
    own = {
        "id": "job-1",
        "study_id": "study-1",
        "study_name": "A sweep",
        "kind": "train",
        "title": "Train p0 = 0",
        "state": state,
        "message": None,
        "place": None,
        "num_cells": 2,
        "work": 1e6,
        "fraction": 0.25,
        "attempt": 1,
        "max_attempts": 5,
        "worker": None,
        "device": None,
        "error": None,
        "cancel_requested": False,
        "created_at": NOW,
        "started_at": None,
        "finished_at": None,
    }
    return Job(**(own | changes))


def worker(**changes: object) -> Worker:
    own = {
        "id": "w",
        "hostname": "host",
        "pid": 7,
        "device": "cpu",
        "device_name": "a processor",
        "num_threads": 2,
        "started_at": NOW,
        "heartbeat_at": NOW - timedelta(seconds=40),
        "alive": True,
        "job_id": None,
        "rate": 2.5e6,
        "busy": 0.35,
    }
    return Worker(**(own | changes))


def machine(**changes: object) -> Machine:
    own = {
        "id": "m",
        "name": "A machine",
        "origin": "zoo",
        "initial_dilution": 0.4,
        "num_visible": 784,
        "num_hidden": 400,
        "parameters": {"training": {"gibbs_steps": 10}},
        "provenance": {},
        "digest": "d" * 64,
        "size_bytes": 632448,
        "study_id": None,
        "first_dilution": 0.4,
        "cell_id": None,
        "created_at": NOW,
    }
    return Machine(**(own | changes))
