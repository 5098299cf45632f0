"""The state of a training run: all that is needed to go on with it, bit for bit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Int32, Int64, UInt8
from torch import Tensor

from worker.rbm.machine import Machine, check_generators, new_machine, pixel_means
from worker.rbm.sampling import random_chains
from worker.rbm.training.gradient import Gradient
from worker.rbm.training.schedule import TrainingSchedule

LARGEST_PARAMETER = 100.0
"""A weight or bias beyond this has exploded: one alone decides its unit. Those of trained machines are below 8."""


@dataclass
class TrainingState:
    """A batch of replicas in training. `train` changes it in place.

    Attributes:
        machine: the parameters as they are now.
        chains: visible states of the persistent chains, uint8 [replica chain visible].
        generators: one CPU generator for each replica, the only source of randomness.
        order: each replica's shuffled image indices of the current epoch, int32 [replica sample].
        cursor: how many images of the current epoch have been used.
        num_updates_done: updates so far.
        diverged_at: for each replica the update at which its parameters were not finite or above
            `LARGEST_PARAMETER` any more, -1 for those that go on; on the machine's device. The parameters were set to 0
            and are not updated any more.
        velocity: the last change, where the schedule has momentum.

    Raises:
        ValueError: if the parts do not fit each other.
    """

    machine: Machine
    chains: UInt8[Tensor, "replica chain visible"]
    generators: list[torch.Generator]
    order: Int32[Tensor, "replica sample"]
    cursor: int
    num_updates_done: int
    diverged_at: Int64[Tensor, " replica"]
    velocity: Gradient | None = None

    @property
    def diverged(self) -> Bool[Tensor, " replica"]:
        """Which replicas are not updated any more."""
        return self.diverged_at >= 0

    def __post_init__(self) -> None:
        replicas, visible = self.machine.num_replicas, self.machine.num_visible
        check_generators(self.generators, replicas)
        if self.chains.ndim != 3 or (self.chains.shape[0], self.chains.shape[2]) != (replicas, visible):
            wanted = f"({replicas}, chains, {visible})"
            raise ValueError(f"chains have shape {tuple(self.chains.shape)}; they must be {wanted}")
        if self.order.ndim != 2 or self.order.shape[0] != replicas or self.diverged_at.shape != (replicas,):
            raise ValueError(
                f"order has shape {tuple(self.order.shape)} and diverged_at {tuple(self.diverged_at.shape)}; "
                f"each needs {replicas} replicas first"
            )
        if not 0 <= self.cursor <= self.order.shape[1] or self.num_updates_done < 0:
            raise ValueError(
                f"cursor is {self.cursor} and num_updates_done {self.num_updates_done}; "
                f"allowed are 0 to {self.order.shape[1]} and 0 or more"
            )


def start_training(
    images: UInt8[Tensor, "sample visible"],
    schedule: TrainingSchedule,
    num_hidden: int,
    initial_dilutions: Sequence[float],
    seeds: Sequence[int],
    *,
    device: torch.device | str = "cpu",
    init_std: float = 0.01,
) -> TrainingState:
    """New replicas before their first update, one for each pair of initial dilution and seed.

    Args:
        images: the training data, 0 or 1, on the CPU.
        schedule: how they will be trained.
        num_hidden: hidden units of each machine.
        initial_dilutions: p0 of each replica.
        seeds: seed of each replica; it decides mask, weights, chains and data order.
        device: where the machines are to be trained.
        init_std: standard deviation of the initial weights.

    Raises:
        ValueError: if an argument is out of range or the replicas' lists differ in length.
    """
    if len(seeds) != len(initial_dilutions):
        raise ValueError(f"{len(seeds)} seeds for {len(initial_dilutions)} initial dilutions; give one seed for each")
    check_images(images, schedule)
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    machine = new_machine(
        images.shape[1], num_hidden, initial_dilutions, pixel_means(images), generators, init_std=init_std
    )
    return _start(machine.to(device), images, schedule, generators)


def start_training_from(
    machine: Machine,
    images: UInt8[Tensor, "sample visible"],
    schedule: TrainingSchedule,
    seeds: Sequence[int],
) -> TrainingState:
    """Begin a new run from given parameters and masks (retraining): new chains, new data order, update 0.

    Raises:
        ValueError: if an argument is out of range or does not fit the machine.

    Source: paper, section 5.
    """
    check_images(images, schedule)
    if images.shape[1] != machine.num_visible:
        raise ValueError(f"images have {images.shape[1]} pixels, the machine {machine.num_visible} visible units")
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    return _start(machine.clone(), images, schedule, generators)


def check_images(images: Tensor, schedule: TrainingSchedule) -> None:
    """Refuse training data that is not uint8 [sample visible] of 0 and 1, or smaller than one batch.

    Raises:
        ValueError: saying what was given and what is allowed.
    """
    if images.ndim != 2 or images.dtype != torch.uint8:
        raise ValueError(f"images are {images.dtype} {tuple(images.shape)}; they must be uint8 (sample, visible)")
    if images.shape[0] < schedule.batch_size:
        raise ValueError(f"batch_size is {schedule.batch_size}; there are only {images.shape[0]} images")
    if int(images.max()) > 1:
        raise ValueError(f"images go up to {int(images.max())}; every pixel must be 0 or 1")


def shuffled_orders(num_samples: int, generators: Sequence[torch.Generator]) -> Int32[Tensor, "replica sample"]:
    """A new epoch's order of the images for each replica, from its own generator."""
    return torch.stack([torch.randperm(num_samples, generator=g) for g in generators]).to(torch.int32)


def _start(
    machine: Machine, images: Tensor, schedule: TrainingSchedule, generators: list[torch.Generator]
) -> TrainingState:
    check_generators(generators, machine.num_replicas)
    return TrainingState(
        machine=machine,
        chains=random_chains(schedule.num_chains, machine.num_visible, generators).to(machine.device),
        generators=generators,
        order=shuffled_orders(images.shape[0], generators),
        cursor=0,
        num_updates_done=0,
        diverged_at=torch.full((machine.num_replicas,), -1, device=machine.device),
        velocity=Gradient.zeros(machine) if schedule.momentum else None,
    )
