"""How a machine is trained: everything that, with seed and data, decides the result."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

Algorithm = Literal["pcd", "cd"]


@dataclass(frozen=True, kw_only=True)
class TrainingSchedule:
    """A training schedule.

    Attributes:
        algorithm: "pcd" carries the chains on from update to update, "cd" restarts them from the batch.
        gibbs_steps: k, Gibbs steps before each update.
        num_updates: updates of a whole run.
        batch_size: images in the positive phase, of one replica.
        num_chains: chains in the negative phase, of one replica; "cd" needs batch_size of them.
        learning_rate: step along the gradient of the mean log-likelihood.

    Raises:
        ValueError: if a value is out of range.

    Source: paper, section 3; Tieleman 2008 (PCD); Hinton 2002 (CD).
    """

    algorithm: Algorithm = "pcd"
    gibbs_steps: int
    num_updates: int
    batch_size: int
    num_chains: int
    learning_rate: float

    def __post_init__(self) -> None:
        if self.algorithm not in get_args(Algorithm):
            raise ValueError(f"algorithm is {self.algorithm!r}; it must be one of {', '.join(get_args(Algorithm))}")
        for name in ("gibbs_steps", "num_updates", "batch_size", "num_chains"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be at least 1")
        if not (math.isfinite(self.learning_rate) and self.learning_rate > 0):
            raise ValueError(f"learning_rate is {self.learning_rate}; it must be finite and above 0")
        if self.algorithm == "cd" and self.num_chains != self.batch_size:
            raise ValueError(
                f"cd starts its chains from the batch: num_chains is {self.num_chains}, "
                f"it must equal batch_size, {self.batch_size}"
            )


PAPER_SCHEDULE = TrainingSchedule(
    gibbs_steps=1000, num_updates=10_000, batch_size=500, num_chains=500, learning_rate=0.03
)
"""The paper's schedule. It does not state batch size, chains and rate; these values reproduce its results."""

TWO_CORE_SCHEDULE = TrainingSchedule(
    gibbs_steps=10, num_updates=2_000, batch_size=128, num_chains=128, learning_rate=0.03
)
"""A schedule for two CPU cores that already gives clear digits and the transition."""
