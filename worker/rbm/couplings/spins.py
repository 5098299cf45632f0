"""A machine in the language of spins."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float64
from torch import Tensor

from worker.rbm.machine import Machine


@dataclass(frozen=True)
class SpinParameters:
    """One machine after v = (1 + sigma) / 2: ln p(sigma) = eta sigma + sum_i ln cosh(zeta_i + sum_j w_ji sigma_j).

    Attributes:
        weights: w = W / 4; exactly 0 for a masked weight.
        visible_field: eta_j = (b_j + sum_i W_ji / 2) / 2.
        hidden_field: zeta_i = (c_i + sum_j W_ji / 2) / 2.

    Source: Decelle, Furtlehner, Navas Gomez, Seoane, SciPost Phys. 16, 095 (2024), section 2.
    """

    weights: Float64[Tensor, "visible hidden"]
    visible_field: Float64[Tensor, " visible"]
    hidden_field: Float64[Tensor, " hidden"]


def spin_parameters(machine: Machine, replica: int) -> SpinParameters:
    """The spin parameters of one replica, in float64."""
    weights = machine.weight_matrix[replica].to(torch.float64) / 4
    return SpinParameters(
        weights=weights,
        visible_field=machine.vbias[replica].to(torch.float64) / 2 + weights.sum(dim=1),
        hidden_field=machine.hbias[replica].to(torch.float64) / 2 + weights.sum(dim=0),
    )
