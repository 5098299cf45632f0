"""Train a judge on samples of machines, and test it on samples of machines that it never saw.

Source: paper, appendix A.
"""

from dataclasses import asdict

import torch

from backend.contracts.identity import derive_seed
from backend.storage.repositories.jobs import ClaimedCell
from worker.datasets import load_dataset
from worker.experiments.analyse import Outcome, progress
from worker.experiments.analyses.judged_machines import JudgedMachine, judged_machines
from worker.experiments.measuring import training_data
from worker.experiments.run import ExperimentFailed, Run
from worker.rbm.judge import Material, Recipe, build_in_blocks, examine, gather
from worker.rbm.judge.judge_file import write_judge
from worker.rbm.judge.survival import BROKEN_BELOW, INTACT_WITHIN, LEARNED_ABOVE

ANALYSIS = "judge"


def analyse(run: Run, cell: ClaimedCell) -> Outcome:
    """A judge's file, with its card as metadata."""
    dataset = load_dataset(cell.parameters["dataset"])
    images, data_covariance = training_data(dataset.name)
    machines = judged_machines(run, cell)
    material = _material(machines, cell, data_covariance, unseen=False)
    unseen = _material(machines, cell, data_covariance, unseen=True)
    recipe = Recipe(seed=cell.parameters["seed"])
    labels = torch.from_numpy(dataset.train_labels)
    for fraction, built in build_in_blocks(images, labels, material, recipe, device=run.device):
        progress(run, cell, 0.98 * fraction)
        judge = built
    examination = examine(
        judge,
        torch.from_numpy(dataset.test_images),
        torch.from_numpy(dataset.test_labels),
        unseen,
        torch.Generator().manual_seed(derive_seed("examination", recipe.seed)),
    )
    card = {
        "dataset": dataset.name,
        "criterion": criterion(),
        "recipe": asdict(recipe),
        "machines": [one.samples.name for one in machines if is_learned_from(one, cell)],
        "unseen_machines": [one.samples.name for one in machines if not is_learned_from(one, cell)],
        "num_machine_digits": len(material.digits),
        "num_broken": len(material.broken),
        "num_broken_levels": material.num_levels,
        "examination": asdict(examination),
    }
    return Outcome(write_judge(judge, card), "judge")


def criterion() -> str:
    """What makes a level of a machine intact or broken, in words."""
    return (
        "The survival of a level is the slope of its samples' pixel covariances on those of the data, over the slope "
        f"at p0. Levels up to the first whose survival is more than {INTACT_WITHIN:g} away from 1, without the last of "
        "them, are intact: their samples count as digits. Levels after the last with a survival of "
        f"{BROKEN_BELOW:g} or more are broken. What lies between is left out, and so are machines whose slope at p0 is "
        f"below {LEARNED_ABOVE:g}: they have not learned."
    )


def is_learned_from(machine: JudgedMachine, cell: ClaimedCell) -> bool:
    """Whether the judge learns from that machine, or is tested with it."""
    return machine.replica < int(cell.parameters["num_learned_from"])


def _material(
    machines: list[JudgedMachine], cell: ClaimedCell, data_covariance: torch.Tensor, *, unseen: bool
) -> Material:
    chosen = [one.samples for one in machines if is_learned_from(one, cell) is not unseen]
    try:
        return gather(chosen, data_covariance)
    except ValueError as error:
        raise ExperimentFailed(f"{'unseen' if unseen else 'learned'} machines: {error}") from error
