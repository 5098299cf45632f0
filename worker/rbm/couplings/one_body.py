"""Effective fields."""

from __future__ import annotations

import torch
from jaxtyping import Float64
from torch import Tensor

from worker.rbm.couplings.quadrature import Average, integrand_blocks
from worker.rbm.couplings.spins import SpinParameters, spin_parameters
from worker.rbm.machine import Machine


def effective_fields(machine: Machine, average: Average = "gaussian") -> Float64[Tensor, "replica visible"]:
    """H_j = eta_j + 1/2 sum_i E[ ln cosh(zeta_i + w_ij + X) - ln cosh(zeta_i - w_ij + X) ], in units of kT.

    Args:
        machine: the replicas.
        average: over the other spins; "gaussian" takes X ~ N(0, sum_{k != j} w_ik^2), as the paper does, "exact" sums
            over all of their states.

    Raises:
        ValueError: if there is no such average.

    Source: paper, section 4.3, eq. 9; Decelle et al., SciPost Phys. 16, 095 (2024).
    """
    return torch.stack([_fields(spin_parameters(machine, index), average) for index in range(machine.num_replicas)])


def _fields(spins: SpinParameters, average: Average) -> Float64[Tensor, " visible"]:
    fields = spins.visible_field.clone()
    for _, block in integrand_blocks(spins, 1, average):
        fields += (block.odd * torch.exp(block.log_product - block.log_even)) @ block.coefficient
    return fields
