"""Parameter groups that study types share. Defaults are the paper's; limits keep a request within one laboratory."""

from collections.abc import Sequence
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from backend.contracts.catalogue import NO_JUDGE, catalogue, known

MAX_CELLS = 20_000
FINAL_LEARNING_RATE = 0.001

# What a form reads beside titles: fields that most readers leave alone, and while which value of another field of the
# same group a field means nothing.
ADVANCED = "advanced"
SHOWN_UNLESS = "shown_unless"


def _rounded(fraction: float) -> float:
    # 0.1 + 0.2 and 0.3 are the same point of a grid.
    return round(fraction, 6) + 0.0


Fraction = Annotated[float, Field(ge=0.0, le=1.0), AfterValidator(_rounded)]
Seed = Annotated[int, Field(ge=0, lt=2**48)]


class Parameters(BaseModel):
    """Base of every parameter group: unknown fields are refused, values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class TrainingParameters(Parameters):
    """How one machine is trained. Source: paper, section 3; batch, chains and rate reproduce its figures."""

    num_hidden: int = Field(400, ge=1, le=4096, title="Hidden units", description="Number of hidden units.")
    algorithm: Literal["pcd", "cd"] = Field(
        "pcd",
        title="Algorithm",
        description="pcd keeps its chains between updates; cd restarts them from the batch.",
    )
    gibbs_steps: int = Field(
        1000,
        ge=1,
        le=100_000,
        title="Gibbs steps k",
        description="Gibbs steps (v to h to v) for each update.",
    )
    num_updates: int = Field(10_000, ge=1, le=10_000_000, title="Updates", description="Gradient updates.")
    batch_size: int = Field(500, ge=1, le=60_000, title="Batch size", description="Training images for each update.")
    num_chains: int = Field(500, ge=1, le=60_000, title="Chains", description="Markov chains of the negative phase.")
    learning_rate: float = Field(
        0.03, gt=0.0, le=10.0, title="Learning rate", description="Step of the gradient ascent, at the first update."
    )
    learning_rate_decay: Literal["none", "linear", "exponential"] = Field(
        "none",
        title="Decay of the rate",
        description="How the rate goes from the first update to the last: by equal steps (linear), by equal factors "
        "(exponential), or not at all.",
        json_schema_extra={ADVANCED: True},
    )
    final_learning_rate: float = Field(
        FINAL_LEARNING_RATE,
        gt=0.0,
        le=10.0,
        title="Last learning rate",
        description="Rate of the last update, where the rate decays.",
        json_schema_extra={ADVANCED: True, SHOWN_UNLESS: {"learning_rate_decay": ["none"]}},
    )
    gradient: Literal["standard", "centred"] = Field(
        "standard",
        title="Gradient",
        description="centred counts units from their means over the batch, so weights and biases move independently.",
        json_schema_extra={ADVANCED: True},
    )
    weight_decay: float = Field(
        0.0,
        ge=0.0,
        le=10.0,
        title="Weight decay",
        description="lambda of the penalty lambda/2 |W|^2 on the weights.",
        json_schema_extra={ADVANCED: True},
    )
    momentum: float = Field(
        0.0,
        ge=0.0,
        lt=1.0,
        title="Momentum",
        description="Part of the last change that is made again.",
        json_schema_extra={ADVANCED: True},
    )
    nesterov: bool = Field(
        False,
        title="Nesterov",
        description="Momentum that looks ahead (Nesterov) instead of the plain one.",
        json_schema_extra={ADVANCED: True, SHOWN_UNLESS: {"momentum": [0]}},
    )

    @model_validator(mode="after")
    def _options_fit(self) -> Self:
        if self.algorithm == "cd" and self.num_chains != self.batch_size:
            raise ValueError(
                f"cd starts its chains from the batch: num_chains is {self.num_chains}, "
                f"it must equal batch_size, {self.batch_size}"
            )
        if self.nesterov and self.momentum == 0:
            raise ValueError("nesterov looks ahead along the momentum, and momentum is 0: give a momentum above 0")
        if self.learning_rate_decay == "none" and self.final_learning_rate != FINAL_LEARNING_RATE:
            raise ValueError(
                f"final_learning_rate is {self.final_learning_rate:g} and the rate does not decay: choose linear or "
                f"exponential for learning_rate_decay, or leave final_learning_rate at {FINAL_LEARNING_RATE:g}"
            )
        if self.learning_rate_decay != "none" and self.final_learning_rate > self.learning_rate:
            raise ValueError(
                f"final_learning_rate is {self.final_learning_rate:g}: a rate that decays ends at or below its start, "
                f"{self.learning_rate:g}"
            )
        return self


class GenerationParameters(Parameters):
    """How samples are drawn from a machine before it is judged."""

    num_samples: int = Field(
        1000,
        ge=2,
        le=60_000,
        title="Samples",
        description="Independent chains, one sample each, for every value.",
    )
    gibbs_steps: int = Field(
        1000, ge=1, le=100_000, title="Gibbs steps", description="Gibbs steps from random pixels to a sample."
    )


class AnnealingParameters(Parameters):
    """How log Z is estimated: annealed importance sampling."""

    num_temperatures: int = Field(
        5000,
        ge=10,
        le=1_000_000,
        title="Temperatures",
        description="Steps from independent pixels to the machine, one Gibbs step each. More make log Z sharper.",
    )
    num_chains: int = Field(
        100, ge=10, le=10_000, title="Chains", description="Independent runs, from which the error bar follows."
    )


class LikelihoodParameters(AnnealingParameters):
    """Whether the log-likelihood is measured, and how."""

    levels: Literal["none", "own", "every"] = Field(
        "none",
        title="Measured at",
        description="none: not at all. own: of each machine as it was trained. every: at every pruning level.",
    )

    def at(self, *, own: bool) -> AnnealingParameters | None:
        """How it is measured at a level; None for not at all.

        Args:
            own: whether the level is the machine's own dilution.
        """
        if self.levels == "every" or (self.levels == "own" and own):
            return AnnealingParameters(num_temperatures=self.num_temperatures, num_chains=self.num_chains)
        return None


class UnjudgedParameters(Parameters):
    """Base of the parameters of a study that asks no judge and measures no log-likelihood."""

    @property
    def judge(self) -> str:
        """Nothing is judged."""
        return NO_JUDGE

    @property
    def likelihood(self) -> LikelihoodParameters:
        """None is measured."""
        return LikelihoodParameters()


def known_dataset(name: str) -> str:
    """Refuse a data set that is not in the catalogue."""
    return known("datasets", name)


def known_pruning_rule(name: str) -> str:
    """Refuse a pruning rule that is not in the catalogue."""
    return known("pruning_rules", name)


def known_judge(name: str) -> str:
    """Refuse what is neither a judge of the catalogue, nor the digest of one, nor `none`."""
    catalogue().judge_digest(name)
    return name


DatasetName = Annotated[str, AfterValidator(known_dataset)]
PruningRuleName = Annotated[str, AfterValidator(known_pruning_rule)]
JudgeName = Annotated[str, AfterValidator(known_judge)]

Pair = tuple[Fraction, Fraction]

MAX_GRID = 1000
DEFAULT_JUDGE = "standard"

# Fields that study types share, with what a person reads in their form.
DatasetField = Annotated[DatasetName, Field(title="Data set", description="What the machines learn.")]
DilutionsField = Annotated[
    tuple[Fraction, ...],
    Field(
        min_length=1,
        max_length=MAX_GRID,
        title="Initial dilutions p0",
        description="Fractions of the weights removed at random before training.",
    ),
]
ReplicasField = Annotated[
    int,
    Field(ge=1, le=1000, title="Replicas", description="Machines for each p0 that differ only by their seed."),
]
LevelsField = Annotated[
    tuple[Fraction, ...],
    Field(
        min_length=1,
        max_length=MAX_GRID,
        title="Pruning levels p",
        description="Total fractions of weights that are zero when a machine is judged. A machine is judged at its own "
        "dilution and at every level above it.",
    ),
]
PairsField = Annotated[
    tuple[Pair, ...],
    Field(
        min_length=1,
        max_length=100,
        title="Pairs (p0, p)",
        description="Trained at p0, then pruned to p, past the point where that machine breaks, and trained again.",
    ),
]
PruningRuleField = Annotated[
    PruningRuleName, Field(title="Pruning rule", description="Which weights go first after training.")
]
JudgeField = Annotated[
    JudgeName,
    Field(title="Judge", description="Who says whether a sample is a digit, and which: the source of Q and df."),
]
TrainingField = Annotated[TrainingParameters, Field(default_factory=TrainingParameters, title="Training")]
GenerationField = Annotated[GenerationParameters, Field(default_factory=GenerationParameters, title="Generation")]
LikelihoodField = Annotated[LikelihoodParameters, Field(default_factory=LikelihoodParameters, title="Log-likelihood")]
SeedField = Annotated[Seed, Field(title="Seed", description="Every random number of the study follows from it.")]

PAPER_DILUTIONS = (0.0, 0.2, 0.4, 0.6, 0.8)
PAPER_LEVELS = tuple(round(0.05 * step, 2) for step in range(20))
PAPER_REPLICAS = 15


def refuse_repetitions(name: str, values: Sequence[object]) -> None:
    """A list that has a value twice is a slip. Raises `ValueError`."""
    if len(set(values)) != len(values):
        raise ValueError(f"{name} has a value twice: {', '.join(map(str, values))}")


def refuse_too_many_cells(cells: int) -> None:
    """Refuse a grid beyond `MAX_CELLS`. Raises `ValueError`."""
    if cells > MAX_CELLS:
        raise ValueError(
            f"the grid has up to {cells:,} cells, at most {MAX_CELLS:,} are allowed: "
            "use fewer initial dilutions, replicas or pruning levels"
        )


def refuse_bad_pairs(pairs: Sequence[Pair]) -> None:
    """Every pair (p0, p) has p > p0, and none is there twice. Raises `ValueError`."""
    refuse_repetitions("pairs", pairs)
    for initial_dilution, pruning in pairs:
        if pruning <= initial_dilution:
            raise ValueError(
                f"pair ({initial_dilution:g}, {pruning:g}): p must be above p0, pruning cannot bring weights back"
            )
