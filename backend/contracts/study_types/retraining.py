"""Retraining: prune machines until they break, train them again, and compare them with machines born that sparse.

Source: paper, section 4.2, table 1 and figure 5.
"""

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Self

from pydantic import Field, model_validator

from backend.contracts.catalogue import NO_JUDGE
from backend.contracts.grid import RETRAINED, SAME_MASK, TRAINED, Grid
from backend.contracts.parameters import (
    DEFAULT_JUDGE,
    PAPER_LEVELS,
    PAPER_REPLICAS,
    DatasetField,
    GenerationField,
    JudgeField,
    LevelsField,
    LikelihoodField,
    Pair,
    PairsField,
    Parameters,
    PruningRuleField,
    ReplicasField,
    SeedField,
    TrainingField,
    refuse_bad_pairs,
    refuse_repetitions,
    refuse_too_many_cells,
)
from backend.contracts.plan import CellPlan, StudyPlan
from backend.contracts.study_types.base import StudyType
from backend.contracts.study_types.presets import TWO_CORE_GENERATION, TWO_CORE_TRAINING

PAPER_PAIRS: tuple[Pair, ...] = ((0.0, 0.7), (0.2, 0.8), (0.4, 0.9), (0.6, 0.95))


class RetrainingParameters(Parameters):
    """The pairs (p0, p), the replicas of each class of machine, and the levels of their pruning curves."""

    dataset: DatasetField = "mnist"
    pairs: PairsField = PAPER_PAIRS
    num_replicas: ReplicasField = PAPER_REPLICAS
    pruning_grid: LevelsField = PAPER_LEVELS
    same_mask: Annotated[
        bool,
        Field(
            title="Same-mask reference",
            description="Train also machines with new weights on the very mask of the pruned machine: the control for "
            "what the mask alone does.",
        ),
    ] = True
    pruning_rule: PruningRuleField = "magnitude"
    judge: JudgeField = DEFAULT_JUDGE
    training: TrainingField
    generation: GenerationField
    likelihood: LikelihoodField
    seed: SeedField = 0

    @model_validator(mode="after")
    def _grid_makes_sense(self) -> Self:
        refuse_bad_pairs(self.pairs)
        refuse_repetitions("pruning_grid", self.pruning_grid)
        refuse_too_many_cells(len(self.pairs) * self.num_replicas * 4 * (2 + len(self.pruning_grid)))
        return self


class Retraining(StudyType):
    """Can a machine that was broken by pruning be repaired by training it again?"""

    name = "retraining"
    title = "Retraining"
    description = (
        "Prunes trained machines past the point where they break, trains them again on the weights that are left, and "
        "compares them with machines that were trained at that sparsity from the start."
    )
    parameters = RetrainingParameters
    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "Two cores": {
            "pairs": [[0.0, 0.75], [0.4, 0.9]],
            "num_replicas": 3,
            "pruning_grid": [0.8, 0.85, 0.9, 0.93, 0.95, 0.97, 0.98],
            "training": TWO_CORE_TRAINING,
            "generation": TWO_CORE_GENERATION,
        },
        "The paper": {},
    }

    @classmethod
    def plan(cls, parameters: RetrainingParameters) -> StudyPlan:
        """Each class of machine of each pair: trained, judged, compared."""
        grid = Grid(parameters)
        add_retraining(
            grid, parameters.pairs, parameters.pruning_grid, parameters.judge, same_mask=parameters.same_mask
        )
        return grid.plan()


def add_retraining(
    grid: Grid, pairs: Sequence[Pair], pruning_grid: Sequence[float], judge: str, *, same_mask: bool
) -> CellPlan | None:
    """The machines of every pair, their pruning curves from p on, and what their comparison says."""
    evaluations: dict[str, CellPlan] = {}
    for initial_dilution, pruning in pairs:
        levels = [pruning, *(level for level in pruning_grid if level > pruning)]
        trained = grid.machines(initial_dilution)
        classes = [trained, grid.machines(pruning), grid.descendants(trained, RETRAINED, pruning, "kept")]
        if same_mask:
            classes.append(grid.descendants(trained, SAME_MASK, pruning, "new"))
        for machines in classes:
            evaluations |= {cell.id: cell for cell in grid.evaluations(machines, levels)}
    if judge == NO_JUDGE:
        return None
    return grid.analysis(
        "comparison",
        "Comparison of the classes",
        inputs=list(evaluations.values()),
        parameters={"pairs": [list(pair) for pair in pairs], "reference": TRAINED},
    )
