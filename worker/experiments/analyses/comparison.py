"""Classes of machines of one sparsity against those that were trained at it from the start.

Source: paper, section 4.2, table 1 and figure 5.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from backend.contracts.grid import FROZEN, REFERENCE, TRAINED
from backend.contracts.identity import derive_seed
from backend.contracts.results import ComparisonResult
from backend.storage.repositories.cells import InputCell
from backend.storage.repositories.jobs import ClaimedCell
from worker.experiments.analyse import Outcome
from worker.experiments.analyses.curves_of_inputs import METRIC, Points, points_by_replica, quality_curves
from worker.experiments.run import Run
from worker.rbm.analysis import plain
from worker.rbm.analysis.half_quality import half_quality_points
from worker.rbm.analysis.paired import paired_difference

ANALYSIS = "comparison"
QUANTITIES = {
    "quality": "Q at p",
    "half_quality_point": "p where Q falls to 1/2",
    "mean_quality": "mean Q from p on",
}

Values = Mapping[int, float]


def analyse(run: Run, cell: ClaimedCell) -> Outcome:
    """For each pair (p0, p): three quantities of every class, and how each class differs from the reference."""
    inputs = run.inputs(cell)
    generator = torch.Generator().manual_seed(derive_seed("comparison", cell.id))
    pairs = [_pair(inputs, p0, p, generator) for p0, p in cell.parameters["pairs"]]
    return Outcome.of(ComparisonResult.model_validate({"metric": METRIC, "reference": REFERENCE, "pairs": pairs}))


def classes_of(inputs: Sequence[InputCell], initial_dilution: float, pruning: float) -> dict[str, list[InputCell]]:
    """The evaluations from p on of each class of a pair; `frozen` machines are the trained ones, pruned to p."""
    found: dict[str, list[InputCell]] = {FROZEN: [], REFERENCE: []}
    for one in inputs:
        axes = one.axes
        if axes["pruning"] < pruning:
            continue
        if axes["machine_class"] != TRAINED:
            if (axes["initial_dilution"], axes["pruned_to"]) == (initial_dilution, pruning):
                found.setdefault(axes["machine_class"], []).append(one)
        elif axes["initial_dilution"] == initial_dilution:
            found[FROZEN].append(one)
        elif axes["initial_dilution"] == pruning:
            found[REFERENCE].append(one)
    return found


def quantities(points: Points, pruning: float, levels: Sequence[float]) -> dict[str, Values]:
    """The quantities of each replica of one class; those that are undefined are left out.

    Args:
        points: for each replica the quality at each level from p on.
        levels: the levels that every class was judged at.
    """
    curves = quality_curves(pruning, points)
    halves = [] if curves is None else half_quality_points(curves).tolist()
    return {
        "quality": {replica: at[pruning] for replica, at in points.items() if pruning in at},
        "half_quality_point": {
            replica: half
            for (replica, _), half in zip(sorted(points.items()), halves, strict=True)
            if half == half  # noqa: PLR0124
        },
        "mean_quality": {
            replica: math.fsum(at[level] for level in levels) / len(levels)
            for replica, at in points.items()
            if levels and all(level in at for level in levels)
        },
    }


def _pair(
    inputs: Sequence[InputCell], initial_dilution: float, pruning: float, generator: torch.Generator
) -> dict[str, Any]:
    points = {name: points_by_replica(own) for name, own in classes_of(inputs, initial_dilution, pruning).items()}
    common = [{level for at in own.values() for level in at} for own in points.values() if own]
    levels = sorted(set.intersection(*common)) if common else []
    values = {name: quantities(own, pruning, levels) for name, own in points.items()}
    return {
        "initial_dilution": initial_dilution,
        "pruning": pruning,
        "quantities": [
            {
                "name": name,
                "label": label,
                "groups": [_group(kind, own[name], len(points[kind])) for kind, own in values.items()],
                "differences": {
                    kind: _difference(own[name], values[REFERENCE][name], generator)
                    for kind, own in values.items()
                    if kind != REFERENCE
                },
            }
            for name, label in QUANTITIES.items()
        ],
    }


def _group(kind: str, values: Values, num_replicas: int) -> dict[str, Any]:
    numbers = torch.tensor(list(values.values()), dtype=torch.float64)
    return {
        "machine_class": kind,
        "n": len(numbers),
        "missing": num_replicas - len(numbers),
        "mean": float(numbers.mean()) if len(numbers) else math.nan,
        "std": float(numbers.std()) if len(numbers) > 1 else math.nan,
    }


def _difference(values: Values, reference: Values, generator: torch.Generator) -> Any:
    pairs = sorted(set(values) & set(reference))
    own, other = (
        torch.tensor([side[replica] for replica in pairs], dtype=torch.float64) for side in (values, reference)
    )
    return plain(paired_difference(own, other, generator))
