"""Judge: train the classifiers behind Q and d_f on samples of machines that were trained and pruned for it.

Source: paper, appendix A, figure 7.
"""

from typing import Annotated, Any, ClassVar, Self

from pydantic import Field, model_validator

from backend.contracts.grid import SECOND_SCHEDULE, Grid
from backend.contracts.identity import derive_seed
from backend.contracts.parameters import (
    PAPER_DILUTIONS,
    PAPER_LEVELS,
    DatasetField,
    DilutionsField,
    GenerationField,
    LevelsField,
    PruningRuleField,
    ReplicasField,
    SeedField,
    TrainingField,
    TrainingParameters,
    UnjudgedParameters,
    refuse_repetitions,
    refuse_too_many_cells,
)
from backend.contracts.plan import StudyPlan
from backend.contracts.study_types.base import StudyType
from backend.contracts.study_types.presets import COLLAPSING_TRAINING, TWO_CORE_TRAINING

JUDGE_WORK = 1e7  # two minutes or so on two cores


class JudgeParameters(UnjudgedParameters):
    """The machines that the judge learns from and those that it is tested with; they are sorted without a judge."""

    dataset: DatasetField = "mnist"
    initial_dilutions: DilutionsField = PAPER_DILUTIONS
    num_replicas: ReplicasField = 4
    num_unseen: Annotated[
        int,
        Field(
            ge=1,
            le=999,
            title="Unseen replicas",
            description="Of the machines of each p0, the last ones are kept for the examination.",
        ),
    ] = 1
    pruning_grid: LevelsField = PAPER_LEVELS
    pruning_rule: PruningRuleField = "magnitude"
    training: TrainingField
    second_training: Annotated[
        TrainingParameters,
        Field(
            default_factory=lambda: TrainingParameters(gibbs_steps=100),
            title="Second training",
            description="Another schedule. Machines of short schedules fade when they are pruned, those of long ones "
            "collapse into one image: a judge must know both.",
        ),
    ]
    generation: GenerationField
    seed: SeedField = 0

    @model_validator(mode="after")
    def _grid_makes_sense(self) -> Self:
        refuse_repetitions("initial_dilutions", self.initial_dilutions)
        refuse_repetitions("pruning_grid", self.pruning_grid)
        if self.num_unseen >= self.num_replicas:
            raise ValueError(
                f"num_unseen is {self.num_unseen} of {self.num_replicas} replicas: "
                "at least one must be left to learn from"
            )
        if self.second_training == self.training:
            raise ValueError("second_training is the same as training: give another schedule")
        refuse_too_many_cells(2 * len(self.initial_dilutions) * self.num_replicas * (2 + len(self.pruning_grid)))
        return self


class JudgeStudy(StudyType):
    """Who says whether a sample is a digit?"""

    name = "judge"
    title = "Judge"
    description = (
        "Trains machines, prunes them past the point where they break, and teaches two classifiers to tell their "
        "samples from digits, and digits from each other: the judge behind Q and d_f. Other studies can then name it."
    )
    parameters = JudgeParameters
    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "Two cores": {
            "initial_dilutions": [0.0, 0.4, 0.8],
            "num_replicas": 2,
            "pruning_grid": [0.3, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.93, 0.95, 0.97, 0.98, 0.99],
            "training": TWO_CORE_TRAINING,
            "second_training": COLLAPSING_TRAINING,
            "generation": {"num_samples": 256, "gibbs_steps": 500},
        },
        "The paper": {},
    }

    @classmethod
    def plan(cls, parameters: JudgeParameters) -> StudyPlan:
        """The machines and their samples at every level; the judge, and its card."""
        grid = Grid(parameters)
        evaluations = [
            cell
            for initial_dilution in sorted(parameters.initial_dilutions)
            for machines in (
                grid.machines(initial_dilution),
                grid.machines(initial_dilution, parameters.second_training, SECOND_SCHEDULE),
            )
            for cell in grid.evaluations(machines, parameters.pruning_grid)
        ]
        judge = grid.analysis(
            "judge",
            "Judge",
            inputs=evaluations,
            parameters={
                "seed": derive_seed("judge", parameters.seed),
                "num_learned_from": parameters.num_replicas - parameters.num_unseen,
            },
            work=JUDGE_WORK,
        )
        grid.analysis("judge-card", "Card of the judge", inputs=[judge, *evaluations])
        return grid.plan()
