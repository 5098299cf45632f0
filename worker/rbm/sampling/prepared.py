"""What every sampler offers, and the checks and keys that all of them share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float32, Int64, UInt8
from torch import Tensor

from worker.rbm.machine import check_generators

KEY_RANGE = (-(2**63), 2**63 - 1)


@runtime_checkable
class PreparedMachine(Protocol):
    """A machine in the form that a sampler runs on."""

    def sample(
        self,
        visible: UInt8[Tensor, "replica chain visible"],
        gibbs_steps: int,
        generators: Sequence[torch.Generator],
    ) -> tuple[UInt8[Tensor, "replica chain visible"], UInt8[Tensor, "replica chain hidden"]]:
        """Run Gibbs steps; see `worker.rbm.sampling.sample_gibbs`."""
        ...

    def hidden_probabilities(
        self, visible: UInt8[Tensor, "replica sample visible"]
    ) -> Float32[Tensor, "replica sample hidden"]:
        """p(h_i = 1 | v)."""
        ...


def draw_keys(generators: Sequence[torch.Generator]) -> Int64[Tensor, " replica"]:
    """One 64-bit key from each replica's generator; all the random numbers of one call follow from it."""
    low, high = KEY_RANGE
    return torch.cat([torch.randint(low, high, (1,), generator=generator) for generator in generators])


def check_request(
    shape: tuple[int, int, int],
    visible: UInt8[Tensor, "replica chain visible"],
    gibbs_steps: int,
    generators: Sequence[torch.Generator],
) -> None:
    """Refuse a sampling request that does not fit a machine of shape (replica, visible, hidden).

    Raises:
        ValueError: saying what was given and what is allowed.
    """
    check_visible(shape, visible)
    if gibbs_steps < 1:
        raise ValueError(f"gibbs_steps is {gibbs_steps}; it must be at least 1")
    check_generators(generators, shape[0])


def check_visible(shape: tuple[int, int, int], visible: Tensor) -> None:
    """Refuse visible states that do not fit a machine of shape (replica, visible, hidden).

    Raises:
        ValueError: saying what was given and what is allowed.
    """
    replicas, num_visible, _ = shape
    if visible.dtype != torch.uint8:
        raise ValueError(f"visible has type {visible.dtype}; it must be torch.uint8")
    if visible.ndim != 3 or (visible.shape[0], visible.shape[2]) != (replicas, num_visible):
        wanted = f"({replicas}, chains, {num_visible})"
        raise ValueError(f"visible has shape {tuple(visible.shape)}; it must be {wanted}")
