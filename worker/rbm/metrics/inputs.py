"""What metrics are computed from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float32, Float64, Int64, UInt8
from torch import Tensor

from worker.rbm.machine import Machine


@runtime_checkable
class Judge(Protocol):
    """Tells digits from other images, and digits from each other (paper, appendix A)."""

    def confidence(self, images: UInt8[Tensor, "sample visible"]) -> Float32[Tensor, " sample"]:
        """How sure it is that each image is a digit, 0 to 1."""
        ...

    def digit(self, images: UInt8[Tensor, "sample visible"]) -> Int64[Tensor, " sample"]:
        """Which digit each image is, taken for granted that it is one."""
        ...


@dataclass(frozen=True, kw_only=True)
class MetricInputs:
    """Everything that a metric may ask for; what is not known is None.

    Attributes:
        images: the data to compare with, uint8 [sample visible].
        samples: generated samples, uint8 [replica sample visible], for metrics that need samples.
        machine: the replicas, for metrics that need the machine.
        generators: one CPU generator for each replica, for metrics that draw.
        covariance: the covariance of `images`, if it was computed before.
        judge: the classifiers behind Q and df.
    """

    images: UInt8[Tensor, "image visible"]
    samples: UInt8[Tensor, "replica sample visible"] | None = None
    machine: Machine | None = None
    generators: Sequence[torch.Generator] | None = None
    covariance: Float64[Tensor, "visible visible"] | None = None
    judge: Judge | None = None

    def required_samples(self) -> UInt8[Tensor, "replica sample visible"]:
        """The samples.

        Raises:
            ValueError: if there are none.
        """
        if self.samples is None:
            raise ValueError("this metric is computed from generated samples; give samples")
        return self.samples

    def required_machine(self) -> Machine:
        """The machine.

        Raises:
            ValueError: if there is none.
        """
        if self.machine is None:
            raise ValueError("this metric is computed from a machine; give the machine")
        return self.machine

    def required_generators(self) -> Sequence[torch.Generator]:
        """The generators.

        Raises:
            ValueError: if there are none.
        """
        if self.generators is None:
            raise ValueError("this metric draws random numbers; give one generator for each replica")
        return self.generators

    def required_judge(self) -> Judge:
        """The judge.

        Raises:
            ValueError: if there is none.
        """
        if self.judge is None:
            raise ValueError("this metric asks the classifiers of a judge; give the judge")
        return self.judge
