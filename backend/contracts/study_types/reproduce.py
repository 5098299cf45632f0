"""Reproduce the paper: a dilution sweep, retraining and representation on shared machines, and a report of its claims.

Source: paper, sections 4.1 to 4.3.
"""

from typing import Annotated, Any, ClassVar, Self

from pydantic import Field, model_validator

from backend.contracts.catalogue import NO_JUDGE
from backend.contracts.grid import Grid
from backend.contracts.parameters import (
    DEFAULT_JUDGE,
    PAPER_DILUTIONS,
    PAPER_LEVELS,
    PAPER_REPLICAS,
    DatasetField,
    DilutionsField,
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
from backend.contracts.plan import StudyPlan
from backend.contracts.study_types.base import StudyType
from backend.contracts.study_types.dilution_sweep import add_sweep
from backend.contracts.study_types.presets import COLLAPSING_TRAINING
from backend.contracts.study_types.representation import add_representation
from backend.contracts.study_types.retraining import PAPER_PAIRS, add_retraining

MACHINES_OF_A_PAIR = 3  # reference, retrained, same mask


class ReproduceParameters(Parameters):
    """The grid of the sweep, the pairs that are retrained, and the pair whose representation is compared."""

    dataset: DatasetField = "mnist"
    initial_dilutions: DilutionsField = PAPER_DILUTIONS
    num_replicas: ReplicasField = PAPER_REPLICAS
    pruning_grid: LevelsField = PAPER_LEVELS
    pairs: PairsField = PAPER_PAIRS
    represented_pair: Annotated[
        Pair,
        Field(
            title="Represented pair (p0, p)",
            description="The pair whose machines are compared by principal components.",
        ),
    ] = (0.4, 0.9)
    pruning_rule: PruningRuleField = "magnitude"
    judge: JudgeField = DEFAULT_JUDGE
    training: TrainingField
    generation: GenerationField
    likelihood: LikelihoodField
    seed: SeedField = 0

    @model_validator(mode="after")
    def _grid_makes_sense(self) -> Self:
        refuse_repetitions("initial_dilutions", self.initial_dilutions)
        refuse_repetitions("pruning_grid", self.pruning_grid)
        refuse_bad_pairs(self.pairs)
        refuse_bad_pairs([self.represented_pair])
        if self.judge == NO_JUDGE:
            raise ValueError("judge is none: the paper's claims are about Q, choose a judge")
        machines = self.num_replicas * (len(self.initial_dilutions) + MACHINES_OF_A_PAIR * (len(self.pairs) + 1))
        refuse_too_many_cells(machines * (2 + len(self.pruning_grid)))
        return self


class Reproduce(StudyType):
    """Every claim of the paper beside what is found here."""

    name = "reproduce"
    title = "Reproduce the paper"
    description = (
        "Runs the paper's experiments on shared machines (dilution sweep, retraining, representation) and puts each of "
        "its claims beside what was found, with interval, number of replicas and verdict."
    )
    parameters = ReproduceParameters
    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "Two cores": {
            "initial_dilutions": [0.0, 0.4, 0.8],
            "num_replicas": 4,
            "pruning_grid": [0.3, 0.5, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.93, 0.95, 0.97, 0.98],
            "pairs": [[0.0, 0.75], [0.4, 0.9]],
            "represented_pair": [0.4, 0.9],
            "training": COLLAPSING_TRAINING,
            "generation": {"num_samples": 256, "gibbs_steps": 500},
        },
        "The paper": {},
    }

    @classmethod
    def plan(cls, parameters: ReproduceParameters) -> StudyPlan:
        """The union of the three studies, each machine once, and the report that reads them all."""
        grid = Grid(parameters)
        sweep = add_sweep(grid, parameters)
        comparison = add_retraining(grid, parameters.pairs, parameters.pruning_grid, parameters.judge, same_mask=True)
        representation = add_representation(grid, *parameters.represented_pair, parameters.pruning_rule)
        read = [*sweep.evaluations, *sweep.analyses, representation, *([comparison] if comparison else [])]
        grid.analysis("report", "Report", inputs=read)
        return grid.plan()
