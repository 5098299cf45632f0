"""The two kinds of cell: a machine to be trained, and an evaluation of a machine after pruning."""

from collections.abc import Mapping

from backend.contracts.identity import derive_seed
from backend.contracts.parameters import GenerationParameters, TrainingParameters
from backend.contracts.plan import EVALUATION, MACHINE, CellPlan

Axes = Mapping[str, float | int | str]


def machine_cell(
    *,
    dataset: str,
    dataset_digest: str,
    initial_dilution: float,
    training: TrainingParameters,
    seed: int,
    axes: Axes,
) -> CellPlan:
    """The cell of one machine trained from scratch at `initial_dilution`."""
    own = {"initial_dilution": initial_dilution, "seed": seed}
    return CellPlan(
        kind=MACHINE,
        parameters={"dataset": dataset, **own, "training": training.model_dump()},
        identity={**own, "training": training.model_dump(exclude_defaults=True)},
        dataset_digest=dataset_digest,
        axes=axes,
    )


def evaluation_cell(
    *,
    dataset: str,
    dataset_digest: str,
    machine_key: str,
    machine_seed: int,
    pruning: float,
    pruning_rule: str,
    generation: GenerationParameters,
    axes: Axes,
) -> CellPlan:
    """The cell that judges one machine, pruned to `pruning`, on samples drawn with `generation`.

    Args:
        machine_key: the machine's identity: its cell's id, or its artifact's digest if it was imported.
        machine_seed: seed from which the evaluation's own seed follows.
    """
    own = {
        "pruning": pruning,
        "pruning_rule": pruning_rule,
        "seed": derive_seed("evaluation", machine_seed, pruning_rule, pruning),
    }
    return CellPlan(
        kind=EVALUATION,
        parameters={"dataset": dataset, **own, "generation": generation.model_dump()},
        identity={**own, "generation": generation.model_dump(exclude_defaults=True)},
        dataset_digest=dataset_digest,
        parent=machine_key,
        axes=axes,
    )


def work_of(cell: CellPlan) -> float:
    """Gibbs steps times chains that a cell costs: the unit of progress and of estimates."""
    if cell.kind == MACHINE:
        training = cell.parameters["training"]
        return float(training["gibbs_steps"] * training["num_updates"] * training["num_chains"])
    generation = cell.parameters["generation"]
    return float(generation["gibbs_steps"] * generation["num_samples"])
