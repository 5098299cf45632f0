"""The smallest weights of each hidden unit first, so that every hidden unit loses about the same share."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Int64
from torch import Tensor

from worker.rbm.machine import Machine
from worker.rbm.registry import Registration


def order_by_hidden_unit(
    machine: Machine, generators: Sequence[torch.Generator] | None = None
) -> Int64[Tensor, "replica weight"]:
    """By ascending rank of |W| within its hidden unit, masked weights first; equal ranks by flat index.

    Every unit has the same number of zeros, up to one, as soon as p passes the dilution of its most diluted unit.
    """
    del generators
    magnitude = torch.where(machine.mask, machine.weight_matrix.abs(), -1.0)
    rank = torch.argsort(torch.argsort(magnitude, dim=1, stable=True), dim=1)
    rank = torch.where(machine.mask, rank, -1)
    return torch.argsort(rank.reshape(machine.num_replicas, -1), dim=1, stable=True)


REGISTRATION = Registration(
    name="hidden_unit",
    label="Smallest weights of each hidden unit",
    description="Prunes the weights of smallest magnitude of each hidden unit, the same number in every unit.",
    unit="fraction of all weights",
    source="Blalock et al., What is the state of neural network pruning? (2020), section 3 (layerwise, by unit)",
    function=order_by_hidden_unit,
)
