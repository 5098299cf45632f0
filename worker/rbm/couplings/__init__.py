"""Effective couplings: a machine as a generalised Ising model of its visible units.

ln p(sigma) = constant + sum_j H_j sigma_j + sum_{a<b} J_ab sigma_a sigma_b + sum_{a<b<c} J_abc ... for spins sigma in
{-1, 1}. Unlike the weights, these numbers do not depend on the order or the signs of the hidden units.
"""

from __future__ import annotations

from worker.rbm.couplings.one_body import effective_fields
from worker.rbm.couplings.quadrature import Average
from worker.rbm.couplings.three_body import three_body_couplings, three_body_couplings_in_blocks
from worker.rbm.couplings.two_body import (
    condensed,
    square,
    two_body_couplings,
    two_body_couplings_in_blocks,
)

__all__ = [
    "Average",
    "condensed",
    "effective_fields",
    "square",
    "three_body_couplings",
    "three_body_couplings_in_blocks",
    "two_body_couplings",
    "two_body_couplings_in_blocks",
]
