"""What a judge learns from and is tested with: samples of machines, sorted without asking a judge."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float64, UInt8
from torch import Tensor

from worker.rbm.judge.survival import broken_levels, covariance_slope, intact_levels, survival


@dataclass(frozen=True)
class MachineSamples:
    """Samples of one machine after pruning by one rule.

    Attributes:
        name: what the machine is called in the judge's card.
        levels: the total pruning of each level, ascending.
        samples: uint8 [level sample visible].

    Raises:
        ValueError: if the levels do not ascend or are not one for each block of samples.
    """

    name: str
    levels: tuple[float, ...]
    samples: UInt8[Tensor, "level sample visible"]

    def __post_init__(self) -> None:
        if len(self.levels) != len(self.samples) or list(self.levels) != sorted(set(self.levels)):
            raise ValueError(
                f"{self.name}: levels {', '.join(f'{level:g}' for level in self.levels)} for {len(self.samples)} "
                "blocks of samples; levels must ascend, one for each block"
            )

    def survivals(self, data_covariance: Float64[Tensor, "visible visible"]) -> list[float]:
        """What survives at each level (see `survival`)."""
        return survival([covariance_slope(block, data_covariance) for block in self.samples])


@dataclass(frozen=True)
class Material:
    """Samples of many machines.

    Attributes:
        digits: of machines that are intact, uint8 [image visible].
        broken: of machines past their transition, uint8 [image visible].
        num_levels: how many levels of machines the broken ones come from.
    """

    digits: UInt8[Tensor, "digit visible"]
    broken: UInt8[Tensor, "broken visible"]
    num_levels: int


def gather(machines: Sequence[MachineSamples], data_covariance: Float64[Tensor, "visible visible"]) -> Material:
    """Sort the samples by the survival of their level; what lies between intact and broken is left out.

    Raises:
        ValueError: if no level is intact or none is broken.
    """
    digits, broken = [], []
    for machine in machines:
        survivals = machine.survivals(data_covariance)
        digits += list(machine.samples[torch.tensor(intact_levels(survivals))])
        broken += list(machine.samples[torch.tensor(broken_levels(survivals))])
    if not digits or not broken:
        raise ValueError(
            f"of {len(machines)} machines {len(digits)} levels are intact and {len(broken)} broken; a judge needs "
            "both: train longer, or prune to levels on both sides of the transition"
        )
    return Material(torch.cat(digits), torch.cat(broken), len(broken))
