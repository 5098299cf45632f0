"""Effective couplings of two spins."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator

import torch
from jaxtyping import Float32, Float64
from torch import Tensor

from worker.rbm.couplings.quadrature import Average, Block, integrand_blocks
from worker.rbm.couplings.spins import spin_parameters
from worker.rbm.machine import Machine


def two_body_couplings(machine: Machine, average: Average = "gaussian") -> Float64[Tensor, "replica visible visible"]:
    """J_ab = 1/4 sum_i E ln { cosh(zeta+wa+wb+X) cosh(zeta-wa-wb+X) / [cosh(zeta+wa-wb+X) cosh(zeta-wa+wb+X)] }.

    Symmetric, with a diagonal of 0, in units of kT. A pair that no hidden unit joins has exactly 0.

    Args:
        machine: the replicas.
        average: over the other spins; "gaussian" takes X ~ N(0, sum_{k != a,b} w_ik^2), as the paper does, "exact" sums
            over all of their states.

    Raises:
        ValueError: if there is no such average.

    Source: paper, section 4.3, eq. 10; Decelle et al., SciPost Phys. 16, 095 (2024).
    """
    last_block = deque(two_body_couplings_in_blocks(machine, average), maxlen=1)
    return last_block[0][1]


def two_body_couplings_in_blocks(
    machine: Machine, average: Average = "gaussian"
) -> Iterator[tuple[float, Float64[Tensor, "replica visible visible"]]]:
    """The same, giving the fraction done and the couplings after each block: to report or to stop in between.

    Until the fraction is 1 they lack what is still to be added. On CUDA the sums have no fixed order: last bits may
    differ.

    Raises:
        ValueError: if there is no such average.
    """
    replicas, visible = machine.num_replicas, machine.num_visible
    couplings = torch.zeros(replicas, visible, visible, dtype=torch.float64, device=machine.device)
    for replica in range(replicas):
        half = torch.zeros_like(couplings[replica])
        for fraction, block in integrand_blocks(spin_parameters(machine, replica), 2, average):
            _add_half_of_pairs(half, block)
            couplings[replica] = half + half.T
            couplings[replica].fill_diagonal_(0)
            yield (replica + fraction) / replicas, couplings
    yield 1.0, couplings


def _add_half_of_pairs(half: Float64[Tensor, "visible visible"], block: Block) -> None:
    """Add the block to a matrix that gives the couplings when it is added to its own transpose.

    The exponent of a pair is at most 0 and is split evenly between the two. The largest weight of a hidden unit alone
    could then be above 0 and overflow, so its pairs are added apart, with their exponents whole.
    """
    nodes = torch.arange(len(block.coefficient), device=half.device)
    largest = block.log_even.argmin(dim=0)
    of_largest = block.coefficient * block.odd[largest, nodes]
    exponent = block.log_product - block.log_even[largest, nodes] - block.log_even
    with_largest = block.odd * torch.exp(exponent) * of_largest
    with_largest[largest, nodes] = 0
    half.index_add_(0, largest, with_largest.T)
    factors = block.odd * torch.exp(block.log_product / 2 - block.log_even)
    factors[largest, nodes] = 0
    half.addmm_(factors * block.coefficient, factors.T, alpha=0.5)


def condensed(couplings: Float64[Tensor, "replica visible visible"]) -> Float32[Tensor, "replica pair"]:
    """Each pair once, in float32, in the order (0, 1), (0, 2), ..., (1, 2), ...: to store and to compare machines."""
    visible = couplings.shape[1]
    row, column = torch.triu_indices(visible, visible, offset=1, device=couplings.device)
    return couplings[:, row, column].to(torch.float32)


def square(pairs: Float32[Tensor, "replica pair"]) -> Float32[Tensor, "replica visible visible"]:
    """The symmetric matrices of condensed couplings.

    Raises:
        ValueError: if the number of pairs is not visible (visible - 1) / 2 for any number of visible units.
    """
    visible = num_visible_of(pairs.shape[1])
    row, column = torch.triu_indices(visible, visible, offset=1, device=pairs.device)
    couplings = torch.zeros(len(pairs), visible, visible, device=pairs.device)
    couplings[:, row, column] = pairs
    couplings[:, column, row] = pairs
    return couplings


def num_visible_of(num_pairs: int) -> int:
    """How many visible units have so many pairs.

    Raises:
        ValueError: if no number of units has.
    """
    visible = (1 + math.isqrt(1 + 8 * num_pairs)) // 2
    if visible * (visible - 1) // 2 != num_pairs:
        raise ValueError(f"{num_pairs} pairs; n visible units have n (n - 1) / 2 of them, for instance 306936 for 784")
    return visible
