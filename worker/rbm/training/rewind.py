"""Rewinding: a pruned machine gets back the weights with which its line of machines began."""

from __future__ import annotations

import torch

from worker.rbm.machine import Machine


def rewound(pruned: Machine, first: Machine) -> Machine:
    """The weights and biases of `first` on the masks of `pruned`.

    Raises:
        ValueError: if the machines' shapes differ, or a mask has a weight that `first` does not have.

    Source: Frankle and Carbin, The lottery ticket hypothesis (2019), section 1.
    """
    if pruned.mask.shape != first.mask.shape:
        raise ValueError(
            f"the pruned machines have shape {tuple(pruned.mask.shape)}, the first ones {tuple(first.mask.shape)}; "
            "they must be the same"
        )
    added = int((pruned.mask & ~first.mask).sum())
    if added:
        raise ValueError(f"the pruned mask has {added} weights that the first machine does not have: another line")
    weights = torch.where(pruned.mask, first.weight_matrix, 0.0)
    return Machine(weights, first.vbias.clone(), first.hbias.clone(), pruned.mask.clone())
