"""The smallest weights first."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Int64
from torch import Tensor

from worker.rbm.machine import Machine
from worker.rbm.registry import Registration

MASKED_RANK = -1.0


def order_by_magnitude(
    machine: Machine, generators: Sequence[torch.Generator] | None = None
) -> Int64[Tensor, "replica weight"]:
    """Masked weights first, then by ascending |W|, globally; ties by index (visible * num_hidden + hidden).

    Source: paper, section 4.1.
    """
    del generators
    magnitude = torch.where(machine.mask, machine.weight_matrix.abs(), MASKED_RANK)
    return torch.argsort(magnitude.reshape(machine.num_replicas, -1), dim=1, stable=True)


REGISTRATION = Registration(
    name="magnitude",
    label="Smallest weights first",
    description="Prunes the weights of smallest magnitude first, over the whole weight matrix; ties by index.",
    unit="fraction of all weights",
    source="Paper, section 4.1",
    function=order_by_magnitude,
)
