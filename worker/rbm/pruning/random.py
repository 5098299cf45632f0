"""Weights in random order."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Int64
from torch import Tensor

from worker.rbm.machine import Machine, check_generators
from worker.rbm.registry import Registration


def order_at_random(
    machine: Machine, generators: Sequence[torch.Generator] | None = None
) -> Int64[Tensor, "replica weight"]:
    """Masked weights first, then all others in an order drawn from each replica's generator.

    Raises:
        ValueError: if there is not one generator for each replica.
    """
    if generators is None:
        raise ValueError("the random rule draws an order; give it one generator for each replica")
    check_generators(generators, machine.num_replicas)
    draws = torch.stack([torch.randperm(machine.num_weights, generator=generator) for generator in generators])
    kept = machine.mask.reshape(machine.num_replicas, -1)
    ranks = torch.where(kept, draws.to(machine.device), -1)
    return torch.argsort(ranks, dim=1, stable=True)


REGISTRATION = Registration(
    name="random",
    label="Random weights",
    description="Prunes weights in an order drawn uniformly at random: the baseline for every other rule.",
    unit="fraction of all weights",
    source="Blalock et al., What is the state of neural network pruning? (2020), section 3",
    function=order_at_random,
)
