"""How the work of a Gibbs step is cut: tiles, padded sizes, and groups of replicas that fit into the L2 cache."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

L2_SHARE = 0.6
"""The part of the L2 cache that a group of replicas may fill: on an H100 (50 MB) 15 machines of 784 x 400 with 500
chains each. The rest is for what the cache's two halves both hold."""

STATE_BYTES = WEIGHT_BYTES = 2
UNITS_PER_CALL = 32
"""Random numbers are laid out over 32 units (see `kernels.draw_units`), so a tile is a multiple of that."""


@dataclass(frozen=True)
class Tiles:
    """The tile of units that one program draws, and how it is compiled.

    One choice for all machines and no automatic tuning: the order in which a field is summed, and with it the bits,
    would follow from a measurement. 128 x 128 accumulators in float32 take 64 of a thread's registers with 8 warps,
    which leaves room for two programs on a multiprocessor (128 registers for a thread, 96 of 227 KiB shared memory):
    while one draws its units, the other one's matrix product goes on.

    Attributes:
        chains: rows of a tile.
        units: columns of a tile, a multiple of `UNITS_PER_CALL`.
        inputs: units of the other layer that are summed at a time; the order of the sum.
        num_warps: warps of a program.
        num_stages: tiles of `inputs` that are on their way from memory at a time.

    Raises:
        ValueError: if a size is not a power of two or too small for a matrix product.
    """

    chains: int = 128
    units: int = 128
    inputs: int = 64
    num_warps: int = 8
    num_stages: int = 3

    def __post_init__(self) -> None:
        for name, least in (("chains", 16), ("units", UNITS_PER_CALL), ("inputs", 16)):
            size = getattr(self, name)
            if size < least or size & (size - 1):
                raise ValueError(f"{name} is {size}; it must be a power of two, {least} or more")

    @property
    def max_registers(self) -> int:
        """Registers of a thread with which two programs fit into a multiprocessor's 65,536."""
        return 65536 // (2 * 32 * self.num_warps)

    def padded_units(self, num_units: int) -> int:
        """How many units a layer has in the buffers: whole tiles, as columns and as inputs."""
        return padded(num_units, max(self.units, self.inputs))

    def padded_chains(self, num_chains: int) -> int:
        """How many chains a replica has in the buffers: whole tiles, at least one."""
        return padded(max(num_chains, 1), self.chains)


def padded(size: int, multiple: int) -> int:
    """The least multiple of `multiple` that holds `size`."""
    return -(-size // multiple) * multiple


def replica_bytes(tiles: Tiles, num_visible: int, num_hidden: int, num_chains: int) -> int:
    """What one replica's weights and states take in the L2 cache."""
    visible, hidden = tiles.padded_units(num_visible), tiles.padded_units(num_hidden)
    return WEIGHT_BYTES * visible * hidden + STATE_BYTES * tiles.padded_chains(num_chains) * (visible + hidden)


def replica_groups(num_replicas: int, bytes_per_replica: int, l2_bytes: int) -> list[range]:
    """Replicas cut into the fewest groups that fit into the L2 cache, as equal in size as possible, in order.

    All steps of one group are done before the next group's first, so its weights and states stay in the cache. A
    replica that does not fit is a group by itself.
    """
    largest = max(1, int(L2_SHARE * l2_bytes) // bytes_per_replica)
    return cut(range(num_replicas), -(-num_replicas // largest))


def cut(whole: range, num_parts: int) -> list[range]:
    """A range in so many parts, as equal in size as possible, in order; no part is empty."""
    num_parts = min(num_parts, len(whole))
    borders = [whole.start + index * len(whole) // num_parts for index in range(num_parts + 1)]
    return [range(first, last) for first, last in pairwise(borders)]
