"""The quality curves that an analysis of evaluations reads."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping

import torch

from backend.storage.repositories.cells import InputCell
from worker.rbm.analysis.quality_curves import QualityCurves

METRIC = "quality"

Points = Mapping[int, Mapping[float, float]]


def points_by_replica(inputs: Iterable[InputCell], metric: str = METRIC) -> dict[int, dict[float, float]]:
    """For each replica the value at each pruning level; levels without a value are left out."""
    found: dict[int, dict[float, float]] = defaultdict(dict)
    for one in inputs:
        if metric in one.metrics:
            found[one.axes["replica"]][one.axes["pruning"]] = one.metrics[metric]
    return found


def quality_curves(initial_dilution: float, points: Points) -> QualityCurves | None:
    """The curves of the replicas on their common levels, NaN where a value is missing; None without a value."""
    levels = sorted({level for of_replica in points.values() for level in of_replica})
    if not levels:
        return None
    rows = [[of_replica.get(level, torch.nan) for level in levels] for _, of_replica in sorted(points.items())]
    return QualityCurves(
        initial_dilution,
        torch.tensor(levels, dtype=torch.float64),
        torch.tensor(rows, dtype=torch.float64),
    )


def grouped(inputs: Iterable[InputCell], key: Callable[[InputCell], float]) -> dict[float, list[InputCell]]:
    """Inputs by a coordinate, ascending."""
    found: dict[float, list[InputCell]] = defaultdict(list)
    for one in inputs:
        found[key(one)].append(one)
    return dict(sorted(found.items()))
