"""Effective couplings as integrals over a frequency, in which every visible unit is a factor of its own.

A hidden unit adds to the coupling of the n spins of a set A

    E[ prod_{a in A} s_a ln cosh(zeta + sum_{a in A} w_a s_a + X) ],  s_a = -1 or 1 with probability 1/2,

where X is what it receives from the other spins. With tanh(u) = int_0^inf sin(ku) / sinh(pi k / 2) dk this is

    int_0^inf t_n(k zeta) / (k sinh(pi k / 2)) prod_{a in A} sin(k w_a) prod_{j not in A} e(k w_j) dk,

t_1 = sin, t_2 = cos, t_3 = -sin, and prod e(k w_j) = E cos(kX): e(x) = exp(-x^2 / 2) if X is Gaussian with variance
sum_{j not in A} w_j^2, e(x) = cos(x) if the other spins are -1 or 1. That the variance leaves out A costs nothing, a
weight of 0 is a factor of exactly 0, and the sum over hidden units and nodes is a matrix product.

The integrand is even and analytic for |Im k| < 2, so equal steps converge exponentially.

Source: Decelle, Furtlehner, Navas Gomez, Seoane, SciPost Phys. 16, 095 (2024), section 2, for the definition;
Gradshteyn, Ryzhik, Table of integrals, 3.981.1, for tanh; Trefethen, Weideman, SIAM Review 56, 385 (2014), for equal
steps.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float64, Int64
from torch import Tensor

from worker.rbm.couplings.spins import SpinParameters

Average = Literal["gaussian", "exact"]
AVERAGES: tuple[Average, ...] = ("gaussian", "exact")

LOG_TOLERANCE = 27.0
"""-ln of what is neglected. The error of J_ab is at most 1e-10 sum_i |w_ia w_ib|; docs/explanation says why."""

ELEMENTS_PER_BLOCK = 2**20
"""Elements of each matrix of a block: 8 MiB, and some tens of milliseconds of work."""


@dataclass(frozen=True)
class Nodes:
    """Quadrature nodes of all hidden units in one row.

    Attributes:
        frequency: k = (m + 1/2) h, with a step h for each hidden unit.
        weight: h / (k sinh(pi k / 2)).
        unit: which hidden unit a node belongs to.
    """

    frequency: Float64[Tensor, " node"]
    weight: Float64[Tensor, " node"]
    unit: Int64[Tensor, " node"]


@dataclass(frozen=True)
class Block:
    """The integrand at some nodes: coefficient prod_{a in A} odd_a exp(log_product - sum_{a in A} log_even_a).

    Attributes:
        odd: sin(k w_j), with the sign of e(k w_j).
        log_even: ln |e(k w_j)|, at most 0.
        log_product: its sum over all visible units.
        coefficient: the weight of the node, times t_n(k zeta) and the sign of the product of all e(k w_j).
    """

    odd: Float64[Tensor, "visible node"]
    log_even: Float64[Tensor, "visible node"]
    log_product: Float64[Tensor, " node"]
    coefficient: Float64[Tensor, " node"]


def integrand_blocks(spins: SpinParameters, order: int, average: Average) -> Iterator[tuple[float, Block]]:
    """The integrand of the couplings of `order` spins, some nodes at a time, and the fraction given with each.

    Gives nothing if no hidden unit has as many weights.

    Raises:
        ValueError: if there is no such average.
    """
    if average not in AVERAGES:
        raise ValueError(f"average is {average!r}; it must be one of {', '.join(AVERAGES)}")
    nodes = _nodes(spins, order, average)
    num_nodes = len(nodes.unit)
    size = max(1, ELEMENTS_PER_BLOCK // spins.weights.shape[0])
    for first in range(0, num_nodes, size):
        some = slice(first, first + size)
        block = _block(spins, order, average, Nodes(nodes.frequency[some], nodes.weight[some], nodes.unit[some]))
        yield min(1.0, (first + size) / num_nodes), block


def _nodes(spins: SpinParameters, order: int, average: Average) -> Nodes:
    """Nodes up to the cut-off of each hidden unit; none for a unit with fewer than `order` weights.

    2 pi / h must exceed what the unit can receive, by what cosh takes to become exponential. The weights of the set and
    sqrt(2 LOG_TOLERANCE) standard deviations of the others are at most sqrt((2 LOG_TOLERANCE + order) sum w^2).
    """
    square_sum = spins.weights.square().sum(dim=0)
    largest = spins.weights.abs().topk(min(order, len(spins.weights)), dim=0).values
    received = spins.hidden_field.abs() + torch.sqrt((2 * LOG_TOLERANCE + order) * square_sum)
    step = 2 * math.pi / (received + LOG_TOLERANCE / 2)
    counts = torch.ceil(_cutoff(square_sum, largest, average) / step).where(largest[-1] > 0, 0.0).to(torch.int64)
    unit = torch.repeat_interleave(torch.arange(len(counts), device=counts.device), counts)
    first = torch.repeat_interleave(counts.cumsum(dim=0) - counts, counts)
    frequency = (torch.arange(len(unit), device=unit.device) - first + 0.5) * step[unit]
    return Nodes(frequency, step[unit] / (frequency * torch.sinh(math.pi / 2 * frequency)), unit)


def _cutoff(
    square_sum: Float64[Tensor, " hidden"], largest: Float64[Tensor, "order hidden"], average: Average
) -> Float64[Tensor, " hidden"]:
    """The k with v k^2 / 2 + pi k / 2 = LOG_TOLERANCE, v the least variance of X; cosines need not decay: v = 0."""
    variance = (square_sum - largest.square().sum(dim=0)).clamp_min(0)
    if average == "exact":
        variance = torch.zeros_like(variance)
    return 2 * LOG_TOLERANCE / (math.pi / 2 + torch.sqrt(math.pi**2 / 4 + 2 * LOG_TOLERANCE * variance))


def _block(spins: SpinParameters, order: int, average: Average, nodes: Nodes) -> Block:
    phase = spins.weights[:, nodes.unit] * nodes.frequency
    coefficient = nodes.weight * _field_factor(order, nodes.frequency * spins.hidden_field[nodes.unit])
    odd = torch.sin(phase)
    if average == "gaussian":
        log_even = phase.square() / -2
    else:
        even = torch.cos(phase)
        sign = torch.sign(even)
        odd, log_even, coefficient = odd * sign, torch.log(even.abs()), coefficient * sign.prod(dim=0)
    return Block(odd, log_even, log_even.sum(dim=0), coefficient)


def _field_factor(order: int, phase: Float64[Tensor, " node"]) -> Float64[Tensor, " node"]:
    """t_n of the phase k zeta: sin, cos, -sin for one, two, three spins."""
    if order == 2:
        return torch.cos(phase)
    return torch.sin(phase) if order == 1 else -torch.sin(phase)
