"""Iterative pruning: remove weights in several steps and train between them, with or without the first weights back.

Source: Frankle and Carbin, The lottery ticket hypothesis (2019), section 1 (iterative pruning with rewinding); the
question that the paper leaves open in its section 5.
"""

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from backend.contracts.catalogue import NO_JUDGE
from backend.contracts.cells import StartWeights
from backend.contracts.grid import ITERATIVE, RETRAINED, REWOUND, TRAINED, Grid
from backend.contracts.parameters import (
    DEFAULT_JUDGE,
    PAPER_LEVELS,
    DatasetField,
    Fraction,
    GenerationField,
    JudgeField,
    LevelsField,
    LikelihoodField,
    Parameters,
    PruningRuleField,
    ReplicasField,
    SeedField,
    TrainingField,
    refuse_repetitions,
    refuse_too_many_cells,
)
from backend.contracts.plan import CellPlan, StudyPlan
from backend.contracts.study_types.base import StudyType
from backend.contracts.study_types.presets import TWO_CORE_GENERATION, TWO_CORE_TRAINING

Schedule = Literal["iterative", "rewound", "retrained"]
_WEIGHTS: dict[str, StartWeights] = {ITERATIVE: "kept", REWOUND: "initial"}


class IterativePruningParameters(Parameters):
    """The steps of pruning, and the schedules that are compared with machines trained at each sparsity from scratch."""

    dataset: DatasetField = "mnist"
    initial_dilution: Annotated[
        Fraction, Field(title="Initial dilution p0", description="Dilution of the first machine.")
    ] = 0.0
    steps: Annotated[
        tuple[Fraction, ...],
        Field(
            min_length=1,
            max_length=50,
            title="Steps",
            description="Total fractions of zero weights after each pruning, ascending; a training follows each.",
        ),
    ] = (0.5, 0.7, 0.8, 0.9, 0.95, 0.97)
    schedules: Annotated[
        tuple[Schedule, ...],
        Field(
            min_length=1,
            title="Schedules",
            description="iterative: step by step, the surviving weights are kept; rewound: step by step, and the "
            "surviving weights go back to their first values; retrained: pruned from p0 to each step at once.",
        ),
    ] = ("iterative", "rewound", "retrained")
    num_replicas: ReplicasField = 5
    pruning_grid: LevelsField = PAPER_LEVELS
    pruning_rule: PruningRuleField = "magnitude"
    judge: JudgeField = DEFAULT_JUDGE
    training: TrainingField
    generation: GenerationField
    likelihood: LikelihoodField
    seed: SeedField = 0

    @model_validator(mode="after")
    def _grid_makes_sense(self) -> Self:
        refuse_repetitions("schedules", self.schedules)
        refuse_repetitions("pruning_grid", self.pruning_grid)
        line = (self.initial_dilution, *self.steps)
        if any(later <= earlier for earlier, later in zip(line, self.steps, strict=False)):
            raise ValueError(
                f"steps are {', '.join(map(str, self.steps))} after p0 = {self.initial_dilution:g}: each must be above "
                "the one before, pruning cannot bring weights back"
            )
        machines = self.num_replicas * (1 + len(self.steps) * (1 + len(self.schedules)))
        refuse_too_many_cells(machines * (2 + len(self.pruning_grid)))
        return self


class IterativePruning(StudyType):
    """Is it better to prune little by little, and does it help to go back to the first weights?"""

    name = "iterative-pruning"
    title = "Iterative pruning"
    description = (
        "Prunes in several steps with a training after each, keeping the weights or going back to the first ones "
        "(lottery tickets), and compares with pruning at once and with machines trained at that sparsity from scratch."
    )
    parameters = IterativePruningParameters
    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "Two cores": {
            "steps": [0.6, 0.8, 0.9],
            "num_replicas": 2,
            "pruning_grid": [0.85, 0.9, 0.95, 0.98],
            "training": TWO_CORE_TRAINING,
            "generation": TWO_CORE_GENERATION,
        },
        "Paper-size machines": {},
    }

    @classmethod
    def plan(cls, parameters: IterativePruningParameters) -> StudyPlan:
        """The first machines, each schedule step by step, the references, and their comparison."""
        grid = Grid(parameters)
        first = grid.machines(parameters.initial_dilution)
        lines = dict.fromkeys(parameters.schedules, first)
        evaluations = list(grid.evaluations(first, parameters.steps))
        for step in parameters.steps:
            levels = [level for level in parameters.pruning_grid if level > step]
            evaluations += grid.evaluations(grid.machines(step), levels)
            for schedule in parameters.schedules:
                origin = first if schedule == RETRAINED else lines[schedule]
                lines[schedule] = grid.descendants(origin, schedule, step, _WEIGHTS.get(schedule, "kept"))
                evaluations += grid.evaluations(lines[schedule], levels)
        if parameters.judge != NO_JUDGE:
            _compare(grid, parameters, evaluations)
        return grid.plan()


def _compare(grid: Grid, parameters: IterativePruningParameters, evaluations: list[CellPlan]) -> None:
    grid.analysis(
        "comparison",
        "Comparison of the schedules",
        inputs=list({cell.id: cell for cell in evaluations}.values()),
        parameters={
            "pairs": [[parameters.initial_dilution, step] for step in parameters.steps],
            "reference": TRAINED,
        },
    )
