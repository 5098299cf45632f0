"""Two ways to run Gibbs steps over a workspace's buffers; both give the same bits.

A loop is told the number of steps and leaves the last states in the buffers. Which one is faster depends on the device
and on the number of replicas: `tests/benchmark/gibbs_step_gpu.py` measures both.
"""

from __future__ import annotations

from collections.abc import Callable

import torch

from worker.rbm.sampling.gpu import kernels
from worker.rbm.sampling.gpu.tiles import padded, replica_bytes, replica_groups
from worker.rbm.sampling.gpu.workspace import ChainBuffers, Workspace

STEPS_PER_GRAPH = 100
"""Longer runs replay a graph of so many steps: the time to record it and its size stay bounded, 200 kernels a group."""

INTERPRETER_L2_BYTES = 50 * 2**20

Loop = Callable[[Workspace, ChainBuffers, int], None]


def half_steps(workspace: Workspace, buffers: ChainBuffers, gibbs_steps: int) -> None:
    """One kernel for each layer and step, and for each group of replicas that fits into the L2 cache.

    On a device the kernels of up to `STEPS_PER_GRAPH` steps are recorded once and replayed as a CUDA graph, so that the
    host does not have to keep up with kernels that take microseconds.
    """
    for first in range(0, gibbs_steps, STEPS_PER_GRAPH):
        steps = min(STEPS_PER_GRAPH, gibbs_steps - first)
        buffers.first_step.fill_(first)
        if workspace.compiled:
            buffers.graphs[steps].replay()
        else:
            _launch_half_steps(workspace, buffers, steps)


def record_half_steps(workspace: Workspace, buffers: ChainBuffers, gibbs_steps: int) -> None:
    """Record the graphs that `half_steps` will replay, those that are not there yet. Overwrites the states."""
    lengths = {min(gibbs_steps, STEPS_PER_GRAPH), gibbs_steps % STEPS_PER_GRAPH} - {0, *buffers.graphs}
    if not workspace.compiled or not lengths:
        return
    _launch_half_steps(workspace, buffers, 1)  # compiles and loads the kernels, which must not happen while recording
    for steps in lengths:
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, capture_error_mode="thread_local"):
            _launch_half_steps(workspace, buffers, steps)
        buffers.graphs[steps] = graph


def _launch_half_steps(workspace: Workspace, buffers: ChainBuffers, gibbs_steps: int) -> None:
    tiles, strides = workspace.tiles, workspace.strides
    replicas, num_visible, num_hidden = workspace.shape
    num_units = (num_visible, num_hidden)
    padded_chains = buffers.visible.shape[1]
    states, biases = (buffers.visible, buffers.hidden), (workspace.vbias, workspace.hbias)
    bytes_per_replica = replica_bytes(tiles, num_visible, num_hidden, buffers.num_chains)
    for group in replica_groups(replicas, bytes_per_replica, _l2_bytes(workspace.device)):
        for step in range(gibbs_steps):
            for source, target, layer in ((0, 1, kernels.HIDDEN_LAYER), (1, 0, kernels.VISIBLE_LAYER)):
                grid = len(group) * (padded_chains // tiles.chains) * -(-num_units[target] // tiles.units)
                kernels.half_step[(grid,)](
                    states[source], states[target], workspace.weights, biases[target],
                    buffers.keys, buffers.first_step, step, group.start,
                    layer.value, padded(num_units[source], tiles.inputs), num_units[target], padded_chains,
                    strides[source], strides[target], tiles.chains, tiles.units, tiles.inputs,
                    num_warps=tiles.num_warps, num_stages=tiles.num_stages, maxnreg=tiles.max_registers,
                    enable_fp_fusion=False,
                )  # fmt: skip


def all_steps(workspace: Workspace, buffers: ChainBuffers, gibbs_steps: int) -> None:
    """One kernel for everything: each program owns a tile of chains and runs all their steps.

    Programs that run at a time belong to neighbouring replicas, so the cache holds few weights without any grouping.
    """
    tiles, (replicas, num_visible, num_hidden) = workspace.tiles, workspace.shape
    padded_chains = buffers.visible.shape[1]
    kernels.all_steps[(replicas * (padded_chains // tiles.chains),)](
        buffers.visible, buffers.hidden, workspace.weights, workspace.vbias, workspace.hbias,
        buffers.keys, gibbs_steps, num_visible, num_hidden, padded_chains,
        *workspace.strides, tiles.chains, tiles.units, tiles.inputs,
        num_warps=tiles.num_warps, num_stages=tiles.num_stages, enable_fp_fusion=False,
    )  # fmt: skip


def _l2_bytes(device: torch.device) -> int:
    if device.type != "cuda":
        return INTERPRETER_L2_BYTES
    return int(torch.cuda.get_device_properties(device).L2_cache_size)
