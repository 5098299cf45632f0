"""Effective couplings of three spins."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

import torch
from jaxtyping import Float64, Int64
from torch import Tensor

from worker.rbm.couplings.quadrature import ELEMENTS_PER_BLOCK, Average, Block, integrand_blocks
from worker.rbm.couplings.spins import spin_parameters
from worker.rbm.machine import Machine


def three_body_couplings(
    machine: Machine, triples: Int64[Tensor, "triple 3"], average: Average = "gaussian"
) -> Float64[Tensor, "replica triple"]:
    """J_abc = 1/8 sum_i sum over signs of s_a s_b s_c E ln cosh(zeta_i + s_a w_ia + s_b w_ib + s_c w_ic + X).

    In units of kT. Three spins that no hidden unit joins have exactly 0.

    Args:
        machine: the replicas.
        triples: the visible units a, b, c of each coupling, all different.
        average: over the other spins; "gaussian" takes X ~ N(0, sum_{k != a,b,c} w_ik^2), as the paper does for pairs,
            "exact" sums over all of their states.

    Raises:
        ValueError: if there is no such average, or a triple repeats a unit or has one that does not exist.

    Source: paper, section 4.3, eq. 8; Decelle et al., SciPost Phys. 16, 095 (2024), section 2.
    """
    last_block = deque(three_body_couplings_in_blocks(machine, triples, average), maxlen=1)
    return last_block[0][1]


def three_body_couplings_in_blocks(
    machine: Machine, triples: Int64[Tensor, "triple 3"], average: Average = "gaussian"
) -> Iterator[tuple[float, Float64[Tensor, "replica triple"]]]:
    """The same, giving the fraction done and the couplings after each block: to report or to stop in between.

    Until the fraction is 1 they lack what is still to be added.

    Raises:
        ValueError: as `three_body_couplings`.
    """
    _check_triples(triples, machine.num_visible)
    replicas = machine.num_replicas
    couplings = torch.zeros(replicas, len(triples), dtype=torch.float64, device=machine.device)
    for replica in range(replicas):
        before = 0.0
        for fraction, block in integrand_blocks(spin_parameters(machine, replica), 3, average):
            for part in _parts(len(triples), len(block.coefficient)):
                couplings[replica, part] += _sum_over_nodes(block, triples[part].to(machine.device))
                done = before + (fraction - before) * part.stop / len(triples)
                yield (replica + done) / replicas, couplings
            before = fraction
    yield 1.0, couplings


def _parts(num_triples: int, num_nodes: int) -> Iterator[slice]:
    size = max(1, ELEMENTS_PER_BLOCK // num_nodes)
    return (slice(first, min(num_triples, first + size)) for first in range(0, num_triples, size))


def _sum_over_nodes(block: Block, triples: Int64[Tensor, "triple 3"]) -> Float64[Tensor, " triple"]:
    a, b, c = triples.unbind(dim=1)
    exponent = block.log_product - block.log_even[a] - block.log_even[b] - block.log_even[c]
    return (block.odd[a] * block.odd[b] * block.odd[c] * torch.exp(exponent)) @ block.coefficient


def _check_triples(triples: Int64[Tensor, "triple 3"], num_visible: int) -> None:
    if triples.ndim != 2 or triples.shape[1] != 3:
        raise ValueError(f"triples have shape {tuple(triples.shape)}; it must be (triple, 3)")
    if ((triples < 0) | (triples >= num_visible)).any():
        raise ValueError(f"a triple has a unit outside 0 to {num_visible - 1}; those are the visible units")
    a, b, c = triples.unbind(dim=1)
    repeated = int(((a == b) | (b == c) | (a == c)).sum())
    if repeated:
        raise ValueError(f"{repeated} triples repeat a visible unit; a coupling of three needs three different ones")
