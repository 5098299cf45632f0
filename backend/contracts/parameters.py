"""Parameter groups that study types share. Defaults are the paper's; limits keep a request within one laboratory."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from backend.contracts.catalogue import known

MAX_CELLS = 20_000


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
        0.03, gt=0.0, le=10.0, title="Learning rate", description="Step of the gradient ascent."
    )


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


def known_dataset(name: str) -> str:
    """Refuse a data set that is not in the catalogue."""
    return known("datasets", name)


def known_pruning_rule(name: str) -> str:
    """Refuse a pruning rule that is not in the catalogue."""
    return known("pruning_rules", name)


DatasetName = Annotated[str, AfterValidator(known_dataset)]
PruningRuleName = Annotated[str, AfterValidator(known_pruning_rule)]
