"""Pruning a trained machine: which of its weights become zero at a total dilution p.

A rule is one file with a `REGISTRATION`. Its function ranks the weights of each replica; the first round(p N) of the
ranking are masked. Weights that are masked already rank first, so p counts them in.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Int64
from torch import Tensor

from worker.rbm.machine import Machine, num_zero_weights
from worker.rbm.registry import member

__all__ = ["PruningOrder", "prune", "prune_grid", "pruning_order"]


@dataclass(frozen=True)
class PruningOrder:
    """A machine and, for each replica, the flat indices of its weights in the order in which they are pruned."""

    machine: Machine
    order: Int64[Tensor, "replica weight"]

    def prune(self, p: float) -> Machine:
        """The machine with exactly round(p N) masked weights in each replica.

        A replica that has as many masked weights already is returned as it is.

        Raises:
            ValueError: if p is not in [0, 1].
        """
        num_masked = num_zero_weights(p, self.machine.num_weights)
        mask = self.machine.mask.reshape(self.machine.num_replicas, -1).clone()
        mask.scatter_(1, self.order[:, :num_masked], False)
        kept = mask.reshape(self.machine.mask.shape)
        return Machine(
            weight_matrix=torch.where(kept, self.machine.weight_matrix, 0.0),
            vbias=self.machine.vbias.clone(),
            hbias=self.machine.hbias.clone(),
            mask=kept,
        )


def pruning_order(
    machine: Machine, rule: str = "magnitude", generators: Sequence[torch.Generator] | None = None
) -> PruningOrder:
    """Rank the weights once; then each p of a grid costs only a copy.

    Args:
        machine: the replicas to prune.
        rule: a name from the family `pruning_rules`.
        generators: one CPU generator for each replica, for the rules that draw.

    Raises:
        ValueError: if there is no such rule, or it draws and the generators are missing.
    """
    order: Int64[Tensor, "replica weight"] = member("pruning_rules", rule).function(machine, generators)
    return PruningOrder(machine, order)


def prune(
    machine: Machine,
    p: float,
    rule: str = "magnitude",
    generators: Sequence[torch.Generator] | None = None,
) -> Machine:
    """The machine with exactly round(p N) masked weights in each replica, those masked before included.

    Where a replica's dilution is p or more, there is nothing to do and it keeps all of its weights.

    Args:
        machine: the replicas to prune; not changed.
        p: total pruning, in [0, 1].
        rule: a name from the family `pruning_rules`.
        generators: one CPU generator for each replica, for the rules that draw.

    Raises:
        ValueError: if p is not in [0, 1], there is no such rule, or it draws and the generators are missing.

    Source: paper, section 4.1.
    """
    num_zero_weights(p, machine.num_weights)
    return pruning_order(machine, rule, generators).prune(p)


def prune_grid(
    machine: Machine,
    grid: Sequence[float],
    rule: str = "magnitude",
    generators: Sequence[torch.Generator] | None = None,
) -> Iterator[Machine]:
    """The pruned machine for each p of a grid, from one ranking: the masks are nested.

    Raises:
        ValueError: as `prune`.
    """
    ranked = pruning_order(machine, rule, generators)
    return (ranked.prune(p) for p in grid)
