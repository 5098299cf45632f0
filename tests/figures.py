"""Hands that fill every cell of a study with plausible numbers, so that each of its figures can be looked at."""

import math
import random
from typing import Any

from backend.contracts.catalogue import catalogue
from backend.contracts.plan import EVALUATION, MACHINE
from backend.services.laboratory import Laboratory
from backend.storage.repositories import cells, jobs, references
from backend.storage.repositories.jobs import Claim, ClaimedCell, MachineRecord, MetricValue
from tests import hands
from tests.unit.frontend import results

SWEEP = {"initial_dilutions": [0.0, 0.4], "num_replicas": 2, "pruning_grid": [0.5, 0.7, 0.9]}
PAIRS = {"pairs": [[0.0, 0.7]], "represented_pair": [0.4, 0.9]}
"""A small sweep, and what a study of everything needs besides."""
ALPHA, THRESHOLD, WIDTH = 0.44, 0.64, 0.02
JUDGE = "0" * 64
NUM_SAMPLES = 7
TEST_IMAGES = {"quality": 0.995, "second_moment_error": 3e-6, "adversarial_accuracy_error": 2e-3}


def fill(lab: Laboratory, claim: Claim, cell: ClaimedCell) -> None:
    """Values that follow the paper's findings, with scatter over replicas."""
    with lab.database.write() as session:
        axes = cells.any_axes(session, cell.id)
        chance = random.Random(cell.id)
        if cell.kind == MACHINE:
            last = 10 * math.log(cell.parameters["training"]["num_updates"])
            metrics = [
                MetricValue(name, -200 + at * last / 8 + chance.gauss(0, 2), update=at)
                for at in range(1, 9)
                for name in ("pseudo_log_likelihood", "pseudo_log_likelihood_test")
            ]
            machine = MachineRecord(
                name=f"Machine {cell.id[:6]}",
                artifact=hands.store(lab, "machine", hands.machine_bytes(cell.id)),
                initial_dilution=cell.parameters["initial_dilution"],
                num_visible=784,
                num_hidden=cell.parameters["training"]["num_hidden"],
                parameters=cell.parameters,
            )
            jobs.complete_cell(session, claim.job_id, claim.token, cell.id, metrics=metrics, machine=machine)
        elif cell.kind == EVALUATION:
            metrics = [
                MetricValue(name, value, num_samples=NUM_SAMPLES, gibbs_steps=3)
                for name, value in values(axes, chance).items()
            ]
            samples = hands.samples_of(lab, cell)
            jobs.complete_cell(session, claim.job_id, claim.token, cell.id, metrics=metrics, artifact=samples)
        else:
            found = result(session, cell)
            jobs.complete_cell(
                session, claim.job_id, claim.token, cell.id, artifact=hands.store(lab, "result", found.encode())
            )


def values(axes: dict[str, Any], chance: random.Random) -> dict[str, float]:
    """Metrics of a machine at a level."""
    p0, p, born = axes["initial_dilution"], axes["pruning"], axes.get("pruned_to")
    start = p0 if born is None else born
    threshold = THRESHOLD + ALPHA * start - (0.02 if axes["machine_class"] == "retrained" else 0.0)
    quality = 0.99 / (1 + math.exp((p - threshold - chance.gauss(0, 0.01)) / WIDTH)) + chance.uniform(0, 0.01)
    peak = math.exp(-(((p - threshold) / 0.06) ** 2))
    return {
        "quality": quality,
        "digit_fraction": min(1.0, quality * chance.uniform(0.95, 1.0)),
        "second_moment_error": (1e-4 + 8e-4 * peak) * chance.uniform(0.8, 1.2),
        "adversarial_accuracy_error": 0.02 + 0.2 * (1 - quality) * chance.uniform(0.9, 1.1),
        "adversarial_accuracy_generated": 0.6 + 0.4 * (1 - quality),
        "adversarial_accuracy_data": 0.5 * quality,
    } | ({"digit_imbalance": 2e-3 * chance.uniform(0.5, 2)} if quality > 0.05 else {})


def result(session: Any, cell: ClaimedCell) -> str:
    """The result of an analysis."""
    kind = cell.parameters["analysis"]
    if kind == "spectrum":
        return results.spectrum((0.0, 0.2, 0.4, 0.6, 0.8), 400, 47).model_dump_json()
    if kind == "comparison":
        return results.comparison(*map(tuple, cell.parameters["pairs"])).model_dump_json()
    if kind in ("collapse", "representation", "report", "judge-card"):
        return getattr(results, kind.replace("-", "_"))().model_dump_json()
    return "{}"  # couplings are no JSON, and nothing here reads them


def record_test_images(lab: Laboratory) -> None:
    """The reference lines of held-out images."""
    digest = catalogue().dataset("mnist").digest
    lines = [MetricValue(name, value, low=0.99 * value, high=1.003 * value) for name, value in TEST_IMAGES.items()]
    with lab.database.write() as session:
        references.record_references(session, digest, JUDGE, NUM_SAMPLES, lines)


def done_study(lab: Laboratory, kind: str, name: str, **parameters: Any) -> Any:
    """A study of a type, every cell filled."""
    study = hands.submit_type(lab, kind, name, judge=JUDGE, **parameters)
    hands.work_off(lab, fill)
    return study
