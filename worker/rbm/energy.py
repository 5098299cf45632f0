"""Energies and conditional probabilities, batched over replicas. Plain torch, on any device."""

from __future__ import annotations

import torch
from jaxtyping import Float32, UInt8
from torch import Tensor

from worker.rbm.machine import Machine


def hidden_field(
    machine: Machine, visible: UInt8[Tensor, "replica sample visible"]
) -> Float32[Tensor, "replica sample hidden"]:
    """What each hidden unit receives: c_i + sum_j v_j W_ji."""
    return torch.baddbmm(machine.hbias.unsqueeze(1), visible.to(torch.float32), machine.weight_matrix)


def visible_field(
    machine: Machine, hidden: UInt8[Tensor, "replica sample hidden"]
) -> Float32[Tensor, "replica sample visible"]:
    """What each visible unit receives: b_j + sum_i W_ji h_i."""
    return torch.baddbmm(machine.vbias.unsqueeze(1), hidden.to(torch.float32), machine.weight_matrix.mT)


def hidden_probabilities(
    machine: Machine, visible: UInt8[Tensor, "replica sample visible"]
) -> Float32[Tensor, "replica sample hidden"]:
    """p(h_i = 1 | v) = sigmoid(c_i + sum_j v_j W_ji).

    Source: Hinton, A practical guide to training RBMs (2012), eqs. 7 and 8; it follows from the paper, eqs. 1 and 2.
    """
    return torch.sigmoid(hidden_field(machine, visible))


def visible_probabilities(
    machine: Machine, hidden: UInt8[Tensor, "replica sample hidden"]
) -> Float32[Tensor, "replica sample visible"]:
    """p(v_j = 1 | h) = sigmoid(b_j + sum_i W_ji h_i).

    Source: Hinton, A practical guide to training RBMs (2012), eqs. 7 and 8; it follows from the paper, eqs. 1 and 2.
    """
    return torch.sigmoid(visible_field(machine, hidden))


def energy(
    machine: Machine,
    visible: UInt8[Tensor, "replica sample visible"],
    hidden: UInt8[Tensor, "replica sample hidden"],
) -> Float32[Tensor, "replica sample"]:
    """E(v, h) = -v W h - b v - c h.

    Source: paper, eq. 1.
    """
    h = hidden.to(torch.float32)
    visible_part = torch.einsum("rsv,rv->rs", visible.to(torch.float32), machine.vbias)
    return -(h * hidden_field(machine, visible)).sum(dim=2) - visible_part


def free_energy(
    machine: Machine, visible: UInt8[Tensor, "replica sample visible"]
) -> Float32[Tensor, "replica sample"]:
    """F(v) = -b v - sum_i log(1 + exp(c_i + sum_j v_j W_ji)), so that p(v) = exp(-F(v)) / Z.

    Source: Hinton, A practical guide to training RBMs (2012), section 16.1.
    """
    visible_part = torch.einsum("rsv,rv->rs", visible.to(torch.float32), machine.vbias)
    return -torch.nn.functional.softplus(hidden_field(machine, visible)).sum(dim=2) - visible_part
