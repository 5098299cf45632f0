"""How a machine is trained: everything that, with seed and data, decides the result."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

Algorithm = Literal["pcd", "cd"]
Decay = Literal["none", "linear", "exponential"]
GradientForm = Literal["standard", "centred"]


@dataclass(frozen=True, kw_only=True)
class Ascent:
    """How parameters move along a gradient in one update.

    Attributes:
        rate: step along the gradient of the mean log-likelihood.
        gradient: "standard", or "centred" by the means of the batch.
        weight_decay: lambda; the weights' gradient is that of log-likelihood - lambda/2 |W|^2.
        momentum: mu, part of the last change that is made again.
        nesterov: look ahead: move by mu times the new velocity plus the step, instead of by the new velocity.
    """

    rate: float
    gradient: GradientForm = "standard"
    weight_decay: float = 0.0
    momentum: float = 0.0
    nesterov: bool = False


@dataclass(frozen=True, kw_only=True)
class TrainingSchedule:
    """A training schedule. Every optional field is off by default: the paper's training.

    Attributes:
        algorithm: "pcd" carries the chains on from update to update, "cd" restarts them from the batch.
        gibbs_steps: k, Gibbs steps before each update.
        num_updates: updates of a whole run.
        batch_size: images in the positive phase, of one replica.
        num_chains: chains in the negative phase, of one replica; "cd" needs batch_size of them.
        learning_rate: step along the gradient of the mean log-likelihood, at the first update.
        learning_rate_decay: how the rate goes from `learning_rate` to `final_learning_rate`: by equal steps
            ("linear"), by equal factors ("exponential"), or not at all ("none").
        final_learning_rate: rate of the last update, where it decays.
        gradient: see `Ascent`, as `weight_decay`, `momentum` and `nesterov`.

    Raises:
        ValueError: if a value is out of range.

    Source: paper, section 3; Tieleman 2008 (PCD); Hinton 2002 (CD); Melchior, Fischer and Wiskott 2016 (centred
        gradient); Sutskever, Martens, Dahl and Hinton 2013 (momentum).
    """

    algorithm: Algorithm = "pcd"
    gibbs_steps: int
    num_updates: int
    batch_size: int
    num_chains: int
    learning_rate: float
    learning_rate_decay: Decay = "none"
    final_learning_rate: float = 0.001
    gradient: GradientForm = "standard"
    weight_decay: float = 0.0
    momentum: float = 0.0
    nesterov: bool = False

    def __post_init__(self) -> None:
        self._check_words()
        self._check_numbers()
        if self.algorithm == "cd" and self.num_chains != self.batch_size:
            raise ValueError(
                f"cd starts its chains from the batch: num_chains is {self.num_chains}, "
                f"it must equal batch_size, {self.batch_size}"
            )
        if self.nesterov and self.momentum == 0:
            raise ValueError("nesterov looks ahead along the momentum, and momentum is 0; give a momentum above 0")

    def ascent(self, update: int) -> Ascent:
        """How update number `update`, counted from 0, moves the parameters."""
        return Ascent(
            rate=self._rate(update),
            gradient=self.gradient,
            weight_decay=self.weight_decay,
            momentum=self.momentum,
            nesterov=self.nesterov,
        )

    def _rate(self, update: int) -> float:
        part = min(1.0, update / max(1, self.num_updates - 1))
        if self.learning_rate_decay == "linear":
            return self.learning_rate + part * (self.final_learning_rate - self.learning_rate)
        if self.learning_rate_decay == "exponential":
            return self.learning_rate * math.pow(self.final_learning_rate / self.learning_rate, part)
        return self.learning_rate

    def _check_words(self) -> None:
        allowed = {"algorithm": Algorithm, "learning_rate_decay": Decay, "gradient": GradientForm}
        for name, words in allowed.items():
            if getattr(self, name) not in get_args(words):
                raise ValueError(f"{name} is {getattr(self, name)!r}; it must be one of {', '.join(get_args(words))}")

    def _check_numbers(self) -> None:
        for name in ("gibbs_steps", "num_updates", "batch_size", "num_chains"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be at least 1")
        for name in ("learning_rate", "final_learning_rate"):
            if not (math.isfinite(getattr(self, name)) and getattr(self, name) > 0):
                raise ValueError(f"{name} is {getattr(self, name)}; it must be finite and above 0")
        if not (math.isfinite(self.weight_decay) and self.weight_decay >= 0):
            raise ValueError(f"weight_decay is {self.weight_decay}; it must be finite and 0 or more")
        if not 0 <= self.momentum < 1:
            raise ValueError(f"momentum is {self.momentum}; it must be at least 0 and below 1")
