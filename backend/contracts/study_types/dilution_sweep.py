"""Dilution sweep: train machines at several initial dilutions, then prune each and watch its quality.

Source: paper, section 4.1, figures 2 and 3.
"""

from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, Self

from pydantic import model_validator

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
from backend.contracts.study_types.presets import TWO_CORE_GENERATION


class DilutionSweepParameters(Parameters):
    """The grid of a dilution sweep: initial dilutions x replicas x pruning levels."""

    dataset: DatasetField = "mnist"
    initial_dilutions: DilutionsField = PAPER_DILUTIONS
    num_replicas: ReplicasField = PAPER_REPLICAS
    pruning_grid: LevelsField = PAPER_LEVELS
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
        highest = max(self.pruning_grid)
        below = [p0 for p0 in self.initial_dilutions if p0 > highest]
        if below:
            raise ValueError(
                f"p < p0: every pruning level is below p0 = {below[0]} (the highest is p = {highest}); "
                "pruning cannot bring weights back: add levels above p0 or leave that p0 out"
            )
        refuse_too_many_cells(len(self.initial_dilutions) * self.num_replicas * (2 + len(self.pruning_grid)))
        return self


class DilutionSweep(StudyType):
    """Does dilution before training cost quality, and where does pruning after training break generation?"""

    name = "dilution-sweep"
    title = "Dilution sweep"
    description = (
        "Trains machines with a fraction p0 of their weights removed before training, then prunes the smallest "
        "weights and measures when generation breaks."
    )
    parameters = DilutionSweepParameters
    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "Two cores": {
            "initial_dilutions": [0.0, 0.4, 0.8],
            "num_replicas": 2,
            "pruning_grid": [0.2, 0.4, 0.5, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 0.98],
            # From a high rate to a low one in few updates: machines that draw digits after 15 seconds on two cores, and
            # that break abruptly when they are pruned, later the more diluted they are.
            "training": {
                "gibbs_steps": 5,
                "num_updates": 1000,
                "batch_size": 100,
                "num_chains": 100,
                "learning_rate": 0.12,
                "learning_rate_decay": "linear",
                "final_learning_rate": 0.002,
            },
            "generation": {**TWO_CORE_GENERATION, "num_samples": 256},
        },
        "The paper": {},
    }

    @classmethod
    def plan(cls, parameters: DilutionSweepParameters) -> StudyPlan:
        """For each p0 one job that trains its replicas and one that prunes and judges them; then the analyses."""
        grid = Grid(parameters)
        add_sweep(grid, parameters)
        return grid.plan()


class SweepParameters(Protocol):
    """What a sweep is made of."""

    @property
    def initial_dilutions(self) -> tuple[float, ...]: ...  # noqa: D102
    @property
    def pruning_grid(self) -> tuple[float, ...]: ...  # noqa: D102
    @property
    def judge(self) -> str: ...  # noqa: D102


@dataclass(frozen=True)
class SweepCells:
    """What a study that contains a sweep reads from it."""

    evaluations: list[CellPlan]
    analyses: list[CellPlan]


def add_sweep(grid: Grid, parameters: SweepParameters) -> SweepCells:
    """The machines of a sweep, their evaluations, spectra and collapse."""
    machines: list[CellPlan] = []
    evaluations: list[CellPlan] = []
    for initial_dilution in sorted(parameters.initial_dilutions):
        batch = grid.machines(initial_dilution)
        machines += batch
        evaluations += grid.evaluations(batch, parameters.pruning_grid)
    analyses = [grid.analysis("spectrum", "Spectra of the weights", inputs=machines)]
    if parameters.judge != NO_JUDGE:
        analyses.append(grid.analysis("collapse", "Collapse of the curves", inputs=evaluations))
    return SweepCells(evaluations, analyses)
