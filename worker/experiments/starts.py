"""Where trainings begin: new machines, or machines that were pruned.

Source: paper, section 4.2; Frankle and Carbin, The lottery ticket hypothesis (2019) (rewinding).
"""

from collections.abc import Sequence

import torch

from backend.contracts.identity import derive_seed
from backend.storage.repositories.jobs import ClaimedCell
from worker.experiments.run import ExperimentFailed, Run
from worker.rbm.machine import Machine, machine_on_mask, new_machine, pixel_means, stack
from worker.rbm.machine_file import read_machine
from worker.rbm.pruning import PruningOrder, pruning_order
from worker.rbm.training import TrainingSchedule, TrainingState, start_training, start_training_from
from worker.rbm.training.rewind import rewound


def begin(
    run: Run, cells: Sequence[ClaimedCell], images: torch.Tensor, schedule: TrainingSchedule, num_hidden: int
) -> TrainingState:
    """The state of a batch before its first update: machines from scratch, or from what their parents left."""
    seeds = [cell.parameters["seed"] for cell in cells]
    if all("start" not in cell.parameters for cell in cells):
        dilutions = [cell.parameters["initial_dilution"] for cell in cells]
        return start_training(images, schedule, num_hidden, dilutions, seeds, device=run.device)
    machines = [_from_parent(run, cell, images, num_hidden) for cell in cells]
    return start_training_from(stack(machines).to(run.device), images, schedule, seeds)


def ranked_machine(run: Run, cell: ClaimedCell, rule: str) -> PruningOrder:
    """The cell's parent with its weights in the order in which the rule prunes them, the same for every cell.

    Raises:
        ExperimentFailed: the machine is gone.
    """
    if cell.parent is None or cell.parent_artifact is None:
        raise ExperimentFailed(
            "the machine to start from does not exist any more: retry the study, it is trained again"
        )
    machine, _ = read_machine(run.artifacts.get(cell.parent_artifact))
    return ranked(machine, cell.parent, rule)


def ranked(machine: Machine, key: str, rule: str) -> PruningOrder:
    """A machine's weights in the order in which the rule prunes them; a rule that draws follows the machine's key."""
    generator = torch.Generator().manual_seed(derive_seed("pruning", key, rule))
    return pruning_order(machine, rule, [generator])


def _from_parent(run: Run, cell: ClaimedCell, images: torch.Tensor, num_hidden: int) -> Machine:
    start = cell.parameters["start"]
    pruned = ranked_machine(run, cell, start["pruning_rule"]).prune(start["pruning"])
    if start["weights"] == "kept":
        return pruned
    if start["weights"] == "new":
        generator = torch.Generator().manual_seed(derive_seed("weights", cell.parameters["seed"]))
        return machine_on_mask(pruned.mask, pixel_means(images), [generator])
    first = start["initial"]
    generator = torch.Generator().manual_seed(first["seed"])
    return rewound(
        pruned,
        new_machine(images.shape[1], num_hidden, [first["initial_dilution"]], pixel_means(images), [generator]),
    )
