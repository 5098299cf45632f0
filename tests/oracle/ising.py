"""Couplings of spins by exact enumeration and by plain quadrature, written without the code under test."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import torch
from torch import Tensor

from tests.oracle import exact
from worker.rbm.machine import Machine

REACH = 9
"""Standard deviations of X that the quadrature covers."""


def zero_mean_machine(std: float, dilution: float, seed: int, num_visible: int = 12, num_hidden: int = 6) -> Machine:
    """N(0, std^2) weights of which round(dilution N) are masked, and biases that nearly centre the spins.

    b_j = -sum_i W_ji / 2 and c_i = -sum_j W_ji / 2 make every state as likely as its opposite; N(0, 0.1^2) is added.
    """
    generator = torch.Generator().manual_seed(seed)
    mask = torch.ones(num_visible * num_hidden, dtype=torch.bool)
    mask[torch.randperm(mask.numel(), generator=generator)[: round(dilution * mask.numel())]] = False
    mask = mask.reshape(num_visible, num_hidden)
    weights = torch.where(mask, torch.randn(num_visible, num_hidden, generator=generator) * std, 0.0)
    vbias = torch.randn(num_visible, generator=generator) / 10 - weights.sum(dim=1) / 2
    hbias = torch.randn(num_hidden, generator=generator) / 10 - weights.sum(dim=0) / 2
    return Machine(weights[None], vbias[None], hbias[None], mask[None])


def enumerated_couplings(machine: Machine, sets: Sequence[Sequence[int]]) -> Tensor:
    """For each set of visible units the mean of ln p(v) prod_a (2 v_a - 1) over all states of the only replica."""
    states = exact.all_states(machine.num_visible)
    logs = exact.log_unnormalised(*exact.parameters(machine), states)
    sigma = 2 * states.double() - 1
    return torch.stack([(logs * sigma[:, list(units)].prod(dim=1)).mean() for units in sets])


def enumerated_pairs(machine: Machine) -> Tensor:
    """All couplings of pairs, [visible visible], with a diagonal of 0."""
    row, column = torch.triu_indices(machine.num_visible, machine.num_visible, offset=1)
    pairs = torch.zeros(machine.num_visible, machine.num_visible).double()
    pairs[row, column] = enumerated_couplings(machine, list(zip(row.tolist(), column.tolist(), strict=True)))
    return pairs + pairs.T


def integrated_coupling(machine: Machine, *units: int) -> float:
    """The signed sum of E ln cosh over 2^n signs, n = the number of units, X by the trapezoid rule; n = 1 adds eta.

    The step min(0.3, sd / 2) leaves an error below 1e-13 of ln cosh.
    """
    weights, vbias, hbias = exact.parameters(machine)
    total = float(vbias[units[0]] / 2 + weights[units[0]].sum() / 4) if len(units) == 1 else 0.0
    for hidden in range(machine.num_hidden):
        w = (weights[:, hidden] / 4).tolist()
        zeta = float(hbias[hidden] / 2 + weights[:, hidden].sum() / 4)
        sd = math.sqrt(sum(value**2 for unit, value in enumerate(w) if unit not in units))
        x, law = _normal_law(sd)
        for signs in itertools.product((-1, 1), repeat=len(units)):
            u = zeta + x + sum(sign * w[unit] for sign, unit in zip(signs, units, strict=True))
            mean = float((law * torch.logaddexp(u, -u)).sum())
            total += math.prod(signs) * mean / 2 ** len(units)
    return total


def _normal_law(sd: float) -> tuple[Tensor, Tensor]:
    if sd == 0:
        return torch.zeros(1).double(), torch.ones(1).double()
    steps = math.ceil(REACH * sd / min(0.3, sd / 2))
    x = torch.linspace(-REACH * sd, REACH * sd, 2 * steps + 1, dtype=torch.float64)
    return x, torch.exp(-((x / sd) ** 2) / 2) * (x[1] - x[0]) / (sd * math.sqrt(2 * math.pi))
