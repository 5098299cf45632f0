"""What metrics are computed from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float32, Float64, Int64, UInt8
from torch import Tensor

from worker.rbm.likelihood import LogPartition
from worker.rbm.machine import Machine, check_generators

ACCEPTED_ABOVE = 0.5
"""A sample of which the judge is more confident than this is taken for a digit."""


@runtime_checkable
class Judge(Protocol):
    """Tells digits from other images, and digits from each other (paper, appendix A)."""

    def confidence(self, images: UInt8[Tensor, "sample visible"]) -> Float32[Tensor, " sample"]:
        """How sure it is that each image is a digit, 0 to 1."""
        ...

    def digit(self, images: UInt8[Tensor, "sample visible"]) -> Int64[Tensor, " sample"]:
        """Which digit each image is, taken for granted that it is one."""
        ...

    def __hash__(self) -> int: ...


@dataclass(frozen=True)
class Verdict:
    """What a judge says of every sample.

    Attributes:
        confidence: how sure it is that each sample is a digit, 0 to 1.
        digit: which digit each sample is, taken for granted that it is one.
    """

    confidence: Float32[Tensor, "replica sample"]
    digit: Int64[Tensor, "replica sample"]

    @classmethod
    def of(cls, judge: Judge, samples: UInt8[Tensor, "replica sample visible"]) -> Verdict:
        """Ask the judge once about all samples."""
        images = samples.flatten(0, 1)
        shape = samples.shape[:2]
        return cls(judge.confidence(images).cpu().reshape(shape), judge.digit(images).cpu().reshape(shape))

    @property
    def accepted(self) -> Bool[Tensor, "replica sample"]:
        """Which samples are taken for digits."""
        return self.confidence > ACCEPTED_ABOVE


@dataclass(frozen=True, kw_only=True)
class MetricInputs:
    """Everything that a metric may ask for; what is not known is None.

    Attributes:
        images: the data to compare with, uint8 [sample visible].
        samples: generated samples, uint8 [replica sample visible], for metrics that need samples.
        machine: the replicas, for metrics that need the machine.
        generators: one CPU generator for each replica, for metrics that draw; every metric begins at their present
            state and leaves them there, so its value does not depend on which other metrics are computed.
        covariance: the covariance of `images`, if it was computed before.
        judge: the classifiers behind Q and d_f.
        log_partition: log Z of the replicas, if it was estimated before.

    Raises:
        ValueError: if the generators are not one for each replica of the samples and of the machine.
    """

    images: UInt8[Tensor, "image visible"]
    samples: UInt8[Tensor, "replica sample visible"] | None = None
    machine: Machine | None = None
    generators: Sequence[torch.Generator] | None = None
    covariance: Float64[Tensor, "visible visible"] | None = None
    judge: Judge | None = None
    log_partition: LogPartition | None = None

    def __post_init__(self) -> None:
        if self.generators is None:
            return
        if self.samples is not None:
            check_generators(self.generators, self.samples.shape[0])
        if self.machine is not None:
            check_generators(self.generators, self.machine.num_replicas)

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

    def required_generators(self) -> list[torch.Generator]:
        """Copies of the generators at their present state.

        Raises:
            ValueError: if there are none.
        """
        if self.generators is None:
            raise ValueError("this metric draws random numbers; give one generator for each replica")
        return [generator.clone_state() for generator in self.generators]

    def required_judge(self) -> Judge:
        """The judge.

        Raises:
            ValueError: if there is none.
        """
        if self.judge is None:
            raise ValueError("this metric asks the classifiers of a judge; give the judge")
        return self.judge

    @cached_property
    def verdict(self) -> Verdict:
        """What the judge says of the samples; it is asked once, however many metrics want to know.

        Raises:
            ValueError: if there are no samples or there is no judge.
        """
        return Verdict.of(self.required_judge(), self.required_samples())
