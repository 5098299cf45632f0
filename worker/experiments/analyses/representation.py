"""Principal components of frozen, retrained and reference machines: of their weights, and of their couplings.

Source: paper, section 4.3, figure 6.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from backend.contracts.grid import FROZEN, REFERENCE, RETRAINED, SAME_MASK, TRAINED
from backend.contracts.identity import derive_seed
from backend.contracts.plan import MACHINE
from backend.contracts.results import RepresentationResult
from backend.storage.repositories.cells import InputCell
from backend.storage.repositories.jobs import ClaimedCell
from worker.experiments.analyse import Outcome, progress
from worker.experiments.run import ExperimentFailed, Run
from worker.experiments.starts import ranked
from worker.rbm.analysis import plain
from worker.rbm.analysis.principal_components import PrincipalComponents, principal_components
from worker.rbm.analysis.separation import pairwise_separation, separation
from worker.rbm.couplings.couplings_file import read_couplings
from worker.rbm.machine_file import read_machine

ANALYSIS = "representation"
SHOWN_COMPONENTS = 3


@dataclass(frozen=True)
class Subject:
    """A machine of one class, and the cell that holds what is compared."""

    machine_class: str
    replica: int
    cell_id: str
    cell: InputCell


def analyse(run: Run, cell: ClaimedCell) -> Outcome:
    """Four panels: weights and couplings, each with references of their own masks and of the frozen masks."""
    inputs = [one for one in run.inputs(cell) if one.artifact is not None]
    subjects = {"weights": _machines(inputs, cell), "couplings": _couplings(inputs)}
    panels: list[Mapping[str, Any]] = []
    for features in ("weights", "couplings"):
        for reference in (REFERENCE, SAME_MASK):
            progress(run, cell, len(panels) / 4)
            chosen = [one for one in subjects[features] if one.machine_class in (FROZEN, RETRAINED, reference)]
            panels.append(_panel(run, cell, features, reference, chosen))
    own = {name: cell.parameters[name] for name in ("initial_dilution", "pruning")}
    return Outcome.of(RepresentationResult.model_validate({**own, "panels": panels}))


def _machines(inputs: Sequence[InputCell], cell: ClaimedCell) -> list[Subject]:
    p0, p = cell.parameters["initial_dilution"], cell.parameters["pruning"]
    names = {(TRAINED, p0): FROZEN, (TRAINED, p): REFERENCE, (RETRAINED, p0): RETRAINED, (SAME_MASK, p0): SAME_MASK}
    return [
        Subject(names[one.axes["machine_class"], one.axes["initial_dilution"]], one.axes["replica"], one.id, one)
        for one in inputs
        if one.kind == MACHINE
    ]


def _couplings(inputs: Sequence[InputCell]) -> list[Subject]:
    return [
        Subject(one.axes["machine_class"], one.axes["replica"], one.parent or one.id, one)
        for one in inputs
        if one.kind != MACHINE
    ]


def _features(run: Run, cell: ClaimedCell, features: str, subject: Subject) -> torch.Tensor:
    data = run.artifacts.get(subject.cell.artifact or "")
    if features == "couplings":
        couplings: torch.Tensor = read_couplings(data).two_body
        return couplings
    machine, _ = read_machine(data)
    if subject.machine_class == FROZEN:
        machine = ranked(machine, subject.cell_id, cell.parameters["pruning_rule"]).prune(cell.parameters["pruning"])
    return machine.weight_matrix[0].flatten()


def _panel(
    run: Run, cell: ClaimedCell, features: str, reference: str, subjects: Sequence[Subject]
) -> Mapping[str, Any]:
    if len(subjects) < 2:
        raise ExperimentFailed(f"{len(subjects)} machines have {features}: principal components need at least 2")
    components = principal_components(torch.stack([_features(run, cell, features, one) for one in subjects]))
    generator = torch.Generator().manual_seed(derive_seed("representation", cell.id, features, reference))
    # Machines of one replica share their mask and are exchanged within it; references have masks of their own.
    labels, replicas = [one.machine_class for one in subjects], [one.replica for one in subjects]
    whole_strata = None if reference == REFERENCE else replicas
    points = components.coordinates
    pairs = pairwise_separation(points, labels, generator, strata=replicas, unpaired=[REFERENCE])
    return {
        "features": features,
        "reference": reference,
        "points": _points(components, subjects),
        "explained_variance_ratio": plain(components.explained_variance_ratio),
        "separation": plain(separation(points, labels, generator, strata=whole_strata)),
        "pairs": plain(pairs),
    }


def _points(components: PrincipalComponents, subjects: Sequence[Subject]) -> list[dict[str, Any]]:
    shown = components.coordinates[:, :SHOWN_COMPONENTS].tolist()
    return [
        {"machine_class": one.machine_class, "replica": one.replica, "cell_id": one.cell_id, "coordinates": at}
        for one, at in zip(subjects, shown, strict=True)
    ]
