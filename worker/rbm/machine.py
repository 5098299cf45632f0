"""A batch of Restricted Boltzmann Machines of one shape, each with its own dilution mask."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Float32, UInt8
from torch import Tensor

PIXEL_MEAN_MARGIN = 1e-3
"""Pixel means are clamped to [margin, 1 - margin] before the logit, so that a constant pixel has a finite bias."""


@dataclass(frozen=True)
class Machine:
    """Bernoulli RBMs with energy E(v, h) = -v W h - b v - c h, one for each replica.

    Attributes:
        weight_matrix: W, float32 [replica visible hidden]; exactly 0 wherever `mask` is False.
        vbias: b, float32 [replica visible].
        hbias: c, float32 [replica hidden].
        mask: which weights exist, bool [replica visible hidden].

    Raises:
        ValueError: if shapes, types or devices disagree, a parameter is not finite or a weight outside the mask is
            not 0.

    Source: paper, eq. 1.
    """

    weight_matrix: Float32[Tensor, "replica visible hidden"]
    vbias: Float32[Tensor, "replica visible"]
    hbias: Float32[Tensor, "replica hidden"]
    mask: Bool[Tensor, "replica visible hidden"]

    def __post_init__(self) -> None:
        _check_types(self)
        _check_shapes(self)
        _check_values(self)

    @property
    def num_replicas(self) -> int:
        """How many machines the batch holds."""
        return self.weight_matrix.shape[0]

    @property
    def num_visible(self) -> int:
        """How many visible units each machine has."""
        return self.weight_matrix.shape[1]

    @property
    def num_hidden(self) -> int:
        """How many hidden units each machine has."""
        return self.weight_matrix.shape[2]

    @property
    def num_weights(self) -> int:
        """How many weights one machine has, masked ones included."""
        return self.num_visible * self.num_hidden

    @property
    def device(self) -> torch.device:
        """Where the parameters are."""
        return self.weight_matrix.device

    def replica(self, index: int) -> Machine:
        """Copy one replica out as a batch of one.

        Raises:
            IndexError: if there is no such replica.
        """
        if not 0 <= index < self.num_replicas:
            raise IndexError(f"replica {index} of a batch of {self.num_replicas}: use 0 to {self.num_replicas - 1}")
        one = slice(index, index + 1)
        return Machine(
            self.weight_matrix[one].clone(), self.vbias[one].clone(), self.hbias[one].clone(), self.mask[one].clone()
        )

    def to(self, device: torch.device | str) -> Machine:
        """The same machines on another device."""
        return Machine(
            self.weight_matrix.to(device), self.vbias.to(device), self.hbias.to(device), self.mask.to(device)
        )

    def clone(self) -> Machine:
        """A copy that shares no memory with this one."""
        return Machine(self.weight_matrix.clone(), self.vbias.clone(), self.hbias.clone(), self.mask.clone())


def _check_types(machine: Machine) -> None:
    expected = {"weight_matrix": torch.float32, "vbias": torch.float32, "hbias": torch.float32, "mask": torch.bool}
    for name, dtype in expected.items():
        tensor = getattr(machine, name)
        if tensor.dtype != dtype:
            raise ValueError(f"{name} has type {tensor.dtype}; it must be {dtype}")
        if tensor.device != machine.weight_matrix.device:
            raise ValueError(f"{name} is on {tensor.device}, weight_matrix on {machine.weight_matrix.device}")


def _check_shapes(machine: Machine) -> None:
    shape = tuple(machine.weight_matrix.shape)
    if len(shape) != 3 or 0 in shape:
        raise ValueError(f"weight_matrix has shape {shape}; it must be (replica, visible, hidden), none of them 0")
    replicas, visible, hidden = shape
    expected = {"vbias": (replicas, visible), "hbias": (replicas, hidden), "mask": shape}
    for name, wanted in expected.items():
        given = tuple(getattr(machine, name).shape)
        if given != wanted:
            raise ValueError(f"{name} has shape {given}; with a weight_matrix of {shape} it must be {wanted}")


def _check_values(machine: Machine) -> None:
    for name in ("weight_matrix", "vbias", "hbias"):
        bad = int((~torch.isfinite(getattr(machine, name))).sum())
        if bad:
            raise ValueError(f"{name} has {bad} values that are not finite; every parameter must be finite")
    outside = int(((machine.weight_matrix != 0) & ~machine.mask).sum())
    if outside:
        raise ValueError(f"{outside} weights outside the mask are not 0; a masked weight must be exactly 0")


def stack(machines: Sequence[Machine]) -> Machine:
    """Join batches of machines of one shape into one batch, in the order given.

    Raises:
        ValueError: if there are none or their shapes differ.
    """
    shapes = {(machine.num_visible, machine.num_hidden) for machine in machines}
    if len(shapes) != 1:
        raise ValueError(f"cannot stack machines of (visible, hidden) shapes {sorted(shapes)}; give one shape")
    return Machine(
        torch.cat([machine.weight_matrix for machine in machines]),
        torch.cat([machine.vbias for machine in machines]),
        torch.cat([machine.hbias for machine in machines]),
        torch.cat([machine.mask for machine in machines]),
    )


def num_zero_weights(dilution: float, num_weights: int) -> int:
    """How many of `num_weights` weights are zero at a dilution: round(dilution * num_weights), halves to even.

    Raises:
        ValueError: if the dilution is not in [0, 1].
    """
    if not 0.0 <= dilution <= 1.0:
        raise ValueError(f"dilution is {dilution}; it must be in [0, 1]")
    return round(dilution * num_weights)


def dilution(machine: Machine) -> list[float]:
    """The masked fraction of each replica's weights."""
    masked = (~machine.mask).sum(dim=(1, 2)).tolist()
    return [count / machine.num_weights for count in masked]


def pixel_means(images: UInt8[Tensor, "sample visible"]) -> Float32[Tensor, " visible"]:
    """The mean of each visible unit over the data."""
    return (images.sum(dim=0, dtype=torch.float64) / images.shape[0]).to(torch.float32)


def logit_of_means(pixel_means: Float[Tensor, " visible"]) -> Float32[Tensor, " visible"]:
    """The visible biases with which a machine without couplings has these means, clamped by `PIXEL_MEAN_MARGIN`."""
    means = pixel_means.to(torch.float32).clamp(PIXEL_MEAN_MARGIN, 1 - PIXEL_MEAN_MARGIN)
    return torch.logit(means)


def check_generators(generators: Sequence[torch.Generator], num_replicas: int) -> None:
    """Refuse generators that are not one for each replica: a shared one makes replicas depend on each other.

    Raises:
        ValueError: if their number is wrong, two are the same object or one is not on the CPU.
    """
    if len(generators) != num_replicas:
        raise ValueError(f"{len(generators)} generators for {num_replicas} replicas; give one for each replica")
    if len({id(generator) for generator in generators}) != len(generators):
        raise ValueError("two replicas share a generator; give each replica its own")
    if any(generator.device.type != "cpu" for generator in generators):
        raise ValueError("a generator is not on the CPU; all random state is kept in CPU generators")


def new_machine(
    num_visible: int,
    num_hidden: int,
    initial_dilutions: Sequence[float],
    pixel_means: Float[Tensor, " visible"],
    generators: Sequence[torch.Generator],
    *,
    init_std: float = 0.01,
) -> Machine:
    """Untrained machines, one for each initial dilution, each drawn from its own generator.

    Exactly round(p0 * visible * hidden) weights, chosen uniformly at random, are masked; the others are
    N(0, init_std^2). b = logit(clamped pixel means), c = 0.

    Args:
        num_visible: visible units.
        num_hidden: hidden units.
        initial_dilutions: p0 of each replica, in [0, 1].
        pixel_means: mean of each visible unit over the training data.
        generators: one CPU generator for each replica.
        init_std: standard deviation of the weights.

    Raises:
        ValueError: if a size, dilution or mean is out of range, or the generators are not one for each replica.

    Source: paper, section 2; Hinton, A practical guide to training RBMs (2012), section 8 (initial values).
    """
    if num_visible < 1 or num_hidden < 1 or not initial_dilutions:
        raise ValueError(f"{num_visible} visible, {num_hidden} hidden, {len(initial_dilutions)} replicas: all >= 1")
    check_generators(generators, len(initial_dilutions))
    masks = [
        random_mask(num_visible, num_hidden, p0, generator)
        for p0, generator in zip(initial_dilutions, generators, strict=True)
    ]
    return machine_on_mask(torch.stack(masks), pixel_means, generators, init_std)


def machine_on_mask(
    mask: Bool[Tensor, "replica visible hidden"],
    pixel_means: Float[Tensor, " visible"],
    generators: Sequence[torch.Generator],
    init_std: float = 0.01,
) -> Machine:
    """Untrained machines whose masks are given: W ~ N(0, init_std^2) on the mask, b = logit(means), c = 0.

    Raises:
        ValueError: if the means or the generators do not fit the mask.
    """
    replicas, visible, hidden = mask.shape
    check_generators(generators, replicas)
    if tuple(pixel_means.shape) != (visible,):
        raise ValueError(f"pixel_means has shape {tuple(pixel_means.shape)}; it must be ({visible},)")
    normal = torch.stack([torch.randn(visible, hidden, generator=generator) for generator in generators])
    return Machine(
        weight_matrix=torch.where(mask, normal * init_std, 0.0),
        vbias=logit_of_means(pixel_means).repeat(replicas, 1),
        hbias=torch.zeros(replicas, hidden),
        mask=mask.clone(),
    )


def random_mask(
    num_visible: int, num_hidden: int, dilution: float, generator: torch.Generator
) -> Bool[Tensor, "visible hidden"]:
    """A mask with exactly round(dilution * visible * hidden) False entries, uniformly at random."""
    num_weights = num_visible * num_hidden
    num_masked = num_zero_weights(dilution, num_weights)
    mask = torch.ones(num_weights, dtype=torch.bool)
    mask[torch.randperm(num_weights, generator=generator)[:num_masked]] = False
    return mask.reshape(num_visible, num_hidden)
