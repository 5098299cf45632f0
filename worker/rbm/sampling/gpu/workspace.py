"""The buffers that the GPU sampler runs on, kept from update to update, and the CUDA graphs recorded over them."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import torch
from jaxtyping import Float16, Float32, Int64, UInt8
from torch import Tensor

from worker.rbm.machine import Machine
from worker.rbm.sampling.gpu import kernels
from worker.rbm.sampling.gpu.tiles import Tiles

MAX_CHAINS_KEPT = 2
"""Training and one evaluation beside it; the buffers of an older number of chains are given up."""

MAX_FREE = 4
"""Workspaces that wait for their next machine; the one that has waited longest is given up."""


@dataclass(frozen=True)
class ChainBuffers:
    """States of a number of chains and what their random numbers follow from; padding included.

    Attributes:
        keys: each replica's key of this run.
        first_step: the step that a replayed graph begins with, one number in the device's memory.
    """

    num_chains: int
    visible: Float16[Tensor, "replica padded_chain padded_visible"]
    hidden: Float16[Tensor, "replica padded_chain padded_hidden"]
    keys: Int64[Tensor, " replica"]
    first_step: Int64[Tensor, " one"]
    graphs: dict[int, torch.cuda.CUDAGraph]


class Workspace:
    """Padded half-precision parameters of a batch of machines of one shape, and buffers of their chains."""

    def __init__(self, machine: Machine, tiles: Tiles) -> None:
        self.device, self.tiles = machine.device, tiles
        self.shape = (machine.num_replicas, machine.num_visible, machine.num_hidden)
        replicas, visible, hidden = self.shape
        self.strides = (tiles.padded_units(visible), tiles.padded_units(hidden))
        self.weights = torch.zeros(replicas, *self.strides, dtype=torch.float16, device=self.device)
        self.vbias = torch.full((replicas, self.strides[0]), kernels.PADDING_BIAS, device=self.device)
        self.hbias = torch.full((replicas, self.strides[1]), kernels.PADDING_BIAS, device=self.device)
        self.kept: deque[ChainBuffers] = deque(maxlen=MAX_CHAINS_KEPT)

    @property
    def compiled(self) -> bool:
        """Whether kernels run on a device; otherwise Triton's interpreter runs them on the CPU."""
        return self.device.type == "cuda" and not kernels.INTERPRETED

    def load(self, machine: Machine) -> None:
        """Copy a machine's parameters in, in one kernel."""
        replicas, visible, hidden = self.shape
        rows, columns = 16, 256
        kernels.load_parameters[(replicas, -(-visible // rows), -(-hidden // columns))](
            machine.weight_matrix.contiguous(), machine.vbias.contiguous(), machine.hbias.contiguous(),
            self.weights, self.vbias, self.hbias, visible, hidden, *self.strides, rows, columns,
        )  # fmt: skip

    def chain_buffers(self, num_chains: int) -> ChainBuffers:
        """Buffers for a number of chains, those of the last runs if they had as many."""
        for buffers in self.kept:
            if buffers.num_chains == num_chains:
                return buffers
        replicas, padded_chains = self.shape[0], self.tiles.padded_chains(num_chains)
        visible, hidden = (
            torch.zeros(replicas, padded_chains, stride, dtype=torch.float16, device=self.device)
            for stride in self.strides
        )
        buffers = ChainBuffers(
            num_chains=num_chains,
            visible=visible,
            hidden=hidden,
            keys=torch.zeros(replicas, dtype=torch.int64, device=self.device),
            first_step=torch.zeros(1, dtype=torch.int64, device=self.device),
            graphs={},
        )
        self.kept.append(buffers)
        return buffers

    def hidden_probabilities(
        self, visible: UInt8[Tensor, "replica sample visible"]
    ) -> Float32[Tensor, "replica sample hidden"]:
        """p(h|v), from the weights that the sampler has."""
        replicas, num_visible, num_hidden = self.shape
        num_samples, tiles = visible.shape[1], self.tiles
        result = torch.empty(replicas, num_samples, num_hidden, device=self.device)
        kernels.hidden_probabilities[(replicas, -(-num_samples // tiles.chains), -(-num_hidden // tiles.units))](
            visible.contiguous(), result, self.weights, self.hbias, num_samples, num_visible, num_hidden,
            *self.strides, tiles.chains, tiles.units, tiles.inputs,
            num_warps=tiles.num_warps, num_stages=tiles.num_stages,
        )  # fmt: skip
        return result


_free: deque[Workspace] = deque(maxlen=MAX_FREE)


def take_workspace(machine: Machine, tiles: Tiles) -> Workspace:
    """A workspace of the machine's shape that nobody uses, else a new one. Its parameters are not loaded yet."""
    wanted = (machine.device, tiles, (machine.num_replicas, machine.num_visible, machine.num_hidden))
    for workspace in list(_free):
        if (workspace.device, workspace.tiles, workspace.shape) == wanted:
            try:
                _free.remove(workspace)
            except ValueError:  # another thread was faster
                continue
            return workspace
    return Workspace(machine, tiles)


def give_back(workspace: Workspace) -> None:
    """Let the next machine of this shape have the workspace, with its buffers and graphs."""
    _free.append(workspace)
