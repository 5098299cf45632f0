"""Dilution sweep: train machines at several initial dilutions, then prune each and watch its quality.

Source: paper, section 4.1, figures 2 and 3.
"""

from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, Self

from pydantic import Field, model_validator

from backend.contracts.catalogue import catalogue
from backend.contracts.cells import evaluation_cell, machine_cell, work_of
from backend.contracts.identity import derive_seed
from backend.contracts.parameters import (
    MAX_CELLS,
    DatasetName,
    Fraction,
    GenerationParameters,
    Parameters,
    PruningRuleName,
    Seed,
    TrainingParameters,
)
from backend.contracts.plan import CellPlan, JobPlan, StudyPlan
from backend.contracts.study_types.base import StudyType

MAX_GRID = 1000


class DilutionSweepParameters(Parameters):
    """The grid of a dilution sweep: initial dilutions x replicas x pruning levels."""

    dataset: DatasetName = Field("mnist", title="Data set", description="What the machines learn.")
    initial_dilutions: Annotated[tuple[Fraction, ...], Field(min_length=1, max_length=MAX_GRID)] = Field(
        (0.0, 0.2, 0.4, 0.6, 0.8),
        title="Initial dilutions p0",
        description="Fractions of the weights removed at random before training.",
    )
    num_replicas: int = Field(
        15,
        ge=1,
        le=1000,
        title="Replicas",
        description="Machines for each p0 that differ only by their seed.",
    )
    pruning_grid: Annotated[tuple[Fraction, ...], Field(min_length=1, max_length=MAX_GRID)] = Field(
        tuple(round(0.05 * step, 2) for step in range(20)),
        title="Pruning levels p",
        description="Total fractions of weights that are zero when a machine is judged. A machine trained at p0 "
        "is judged at p0 itself and at every level above it.",
    )
    pruning_rule: PruningRuleName = Field(
        "magnitude", title="Pruning rule", description="Which weights go first after training."
    )
    training: TrainingParameters = Field(default_factory=TrainingParameters, title="Training")
    generation: GenerationParameters = Field(default_factory=GenerationParameters, title="Generation")
    seed: Seed = Field(0, title="Seed", description="Every random number of the study follows from it.")

    @model_validator(mode="after")
    def _grid_makes_sense(self) -> Self:
        for name in ("initial_dilutions", "pruning_grid"):
            values = getattr(self, name)
            if len(set(values)) != len(values):
                raise ValueError(f"{name} has a value twice: {', '.join(map(str, values))}")
        highest = max(self.pruning_grid)
        below = [p0 for p0 in self.initial_dilutions if p0 > highest]
        if below:
            raise ValueError(
                f"p < p0: every pruning level is below p0 = {below[0]} (the highest is p = {highest}); "
                "pruning cannot bring weights back: add levels above p0 or leave that p0 out"
            )
        cells = len(self.initial_dilutions) * self.num_replicas * (2 + len(self.pruning_grid))
        if cells > MAX_CELLS:
            raise ValueError(
                f"the grid has up to {cells:,} cells, at most {MAX_CELLS:,} are allowed: "
                "use fewer initial dilutions, replicas or pruning levels"
            )
        return self

    def levels(self, initial_dilution: float) -> tuple[float, ...]:
        """Pruning levels for machines of that p0, ascending: p0 itself, then every level above it."""
        above = (level for level in self.pruning_grid if level > initial_dilution)
        return (initial_dilution, *sorted(above))


# With a rate that falls, the short chains catch up with the machine before it is judged: E(2) before pruning is then
# well below its value for broken machines.
_TWO_CORE_TRAINING = {
    "gibbs_steps": 10,
    "num_updates": 2000,
    "batch_size": 128,
    "num_chains": 128,
    "learning_rate": 0.04,
    "learning_rate_decay": "linear",
    "final_learning_rate": 0.001,
}


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
            "training": _TWO_CORE_TRAINING,
            "generation": {"num_samples": 512, "gibbs_steps": 200},
        },
        "The paper": {},
    }

    @classmethod
    def plan(cls, parameters: DilutionSweepParameters) -> StudyPlan:
        """Two jobs for each p0: one trains its replicas as one batch, one prunes and judges them."""
        digest = catalogue().dataset(parameters.dataset).digest
        cells: list[CellPlan] = []
        jobs: list[JobPlan] = []
        for initial_dilution in sorted(parameters.initial_dilutions):
            machines = [
                machine_cell(
                    dataset=parameters.dataset,
                    dataset_digest=digest,
                    initial_dilution=initial_dilution,
                    training=parameters.training,
                    seed=derive_seed("machine", parameters.seed, initial_dilution, replica),
                    axes={"initial_dilution": initial_dilution, "replica": replica},
                )
                for replica in range(parameters.num_replicas)
            ]
            evaluations = [cell for machine in machines for cell in _evaluations(parameters, digest, machine)]
            cells += [*machines, *evaluations]
            jobs += [
                _job("train", f"Train p0 = {initial_dilution:g}", machines),
                _job("evaluate", f"Prune and judge p0 = {initial_dilution:g}", evaluations),
            ]
        return StudyPlan(tuple(cells), tuple(jobs))


def _evaluations(parameters: DilutionSweepParameters, digest: str, machine: CellPlan) -> Iterator[CellPlan]:
    for level in parameters.levels(machine.parameters["initial_dilution"]):
        yield evaluation_cell(
            dataset=parameters.dataset,
            dataset_digest=digest,
            machine_key=machine.id,
            machine_seed=machine.parameters["seed"],
            pruning=level,
            pruning_rule=parameters.pruning_rule,
            generation=parameters.generation,
            axes={**machine.axes, "pruning": level},
        )


def _job(kind: str, title: str, cells: list[CellPlan]) -> JobPlan:
    return JobPlan(kind=kind, title=title, cells=tuple(cell.id for cell in cells), work=sum(map(work_of, cells)))
