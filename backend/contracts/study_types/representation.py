"""Representation: do retrained machines stay near the broken ones they came from?

Source: paper, section 4.3, figure 6.
"""

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Self

from pydantic import Field, model_validator

from backend.contracts.grid import FROZEN, REFERENCE, RETRAINED, SAME_MASK, Grid
from backend.contracts.parameters import (
    PAPER_REPLICAS,
    DatasetField,
    Fraction,
    GenerationParameters,
    PruningRuleField,
    ReplicasField,
    SeedField,
    TrainingField,
    UnjudgedParameters,
    refuse_bad_pairs,
)
from backend.contracts.plan import CellPlan, StudyPlan
from backend.contracts.study_types.base import StudyType
from backend.contracts.study_types.presets import TWO_CORE_TRAINING

COUPLINGS_WORK = 1e5  # a machine: about a third of a second on one core


class RepresentationParameters(UnjudgedParameters):
    """One pair (p0, p) and the replicas of its four classes of machines."""

    dataset: DatasetField = "mnist"
    initial_dilution: Annotated[
        Fraction, Field(title="Initial dilution p0", description="Dilution of the machines that are then pruned.")
    ] = 0.4
    pruning: Annotated[Fraction, Field(title="Pruned to p", description="Past the point where the machine breaks.")] = (
        0.9
    )
    num_replicas: ReplicasField = PAPER_REPLICAS
    pruning_rule: PruningRuleField = "magnitude"
    training: TrainingField
    seed: SeedField = 0

    @property
    def generation(self) -> GenerationParameters:
        """No samples are drawn."""
        return GenerationParameters()

    @model_validator(mode="after")
    def _pair_makes_sense(self) -> Self:
        refuse_bad_pairs([(self.initial_dilution, self.pruning)])
        return self


class Representation(StudyType):
    """Principal components of frozen, retrained and reference machines: of their weights, and of what they mean."""

    name = "representation"
    title = "Representation"
    description = (
        "Compares frozen, retrained and reference machines by the principal components of their weights and of their "
        "effective couplings, which do not depend on how hidden units are numbered."
    )
    parameters = RepresentationParameters
    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "Two cores": {"num_replicas": 5, "training": TWO_CORE_TRAINING},
        "The paper": {},
    }

    @classmethod
    def plan(cls, parameters: RepresentationParameters) -> StudyPlan:
        """The machines of all classes, the couplings of each, and their principal components."""
        grid = Grid(parameters)
        add_representation(grid, parameters.initial_dilution, parameters.pruning, parameters.pruning_rule)
        return grid.plan()


def add_representation(grid: Grid, initial_dilution: float, pruning: float, pruning_rule: str) -> CellPlan:
    """Frozen, retrained, reference and same-mask machines, their couplings and principal components."""
    trained = grid.machines(initial_dilution)
    reference = grid.machines(pruning)
    retrained = grid.descendants(trained, RETRAINED, pruning, "kept")
    same_mask = grid.descendants(trained, SAME_MASK, pruning, "new")
    frozen = {"pruning": pruning, "pruning_rule": pruning_rule}
    couplings: list[CellPlan] = []
    classes: list[tuple[str, Sequence[CellPlan], dict[str, Any]]] = [
        (FROZEN, trained, frozen), (RETRAINED, retrained, {}), (REFERENCE, reference, {}), (SAME_MASK, same_mask, {}),
    ]  # fmt: skip
    for name, machines, cut in classes:
        couplings += grid.analysis_of_each(
            "couplings",
            f"Effective couplings, {name.replace('_', ' ')}",
            machines,
            parameters=cut,
            work=COUPLINGS_WORK,
            axes={"machine_class": name},
        )
    return grid.analysis(
        "representation",
        "Principal components",
        inputs=[*trained, *retrained, *reference, *same_mask, *couplings],
        parameters={"initial_dilution": initial_dilution, **frozen},
    )
