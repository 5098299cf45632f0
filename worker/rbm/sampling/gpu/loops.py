"""Gibbs steps over a workspace's buffers, in CUDA graphs; the last states are left in the buffers."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch

from worker.rbm.sampling.gpu import kernels
from worker.rbm.sampling.gpu.tiles import cut, padded, replica_bytes, replica_groups
from worker.rbm.sampling.gpu.workspace import ChainBuffers, Workspace

LANES = 3
"""Parts of a group that run side by side: while one draws its last tiles or waits for a kernel, another works."""

STEPS_PER_GRAPH = 100
"""Longer runs replay a graph of so many steps: the time to record it and its size stay bounded, 200 kernels a group."""

INTERPRETER_L2_BYTES = 50 * 2**20


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

    def launch(some: range) -> None:
        for step in range(gibbs_steps):
            for source, target, layer in ((0, 1, kernels.HIDDEN_LAYER), (1, 0, kernels.VISIBLE_LAYER)):
                grid = len(some) * (padded_chains // tiles.chains) * -(-num_units[target] // tiles.units)
                kernels.half_step[(grid,)](
                    states[source], states[target], workspace.weights, biases[target],
                    buffers.keys, buffers.first_step, step, some.start,
                    layer.value, padded(num_units[source], tiles.inputs), num_units[target], padded_chains,
                    strides[source], strides[target], tiles.chains, tiles.units, tiles.inputs,
                    num_warps=tiles.num_warps, num_stages=tiles.num_stages, maxnreg=tiles.max_registers,
                    enable_fp_fusion=False,
                )  # fmt: skip

    for group in replica_groups(replicas, bytes_per_replica, _l2_bytes(workspace.device)):
        _side_by_side(workspace.compiled, [partial(launch, lane) for lane in cut(group, LANES)])


def _side_by_side(compiled: bool, launches: list[Callable[[], None]]) -> None:
    """Launch on a stream each; what comes before or after is not on the device at the same time."""
    if not compiled:
        for launch in launches:
            launch()
        return
    current = torch.cuda.current_stream()
    streams = [torch.cuda.Stream() for _ in launches]  # type: ignore[no-untyped-call]
    for stream, launch in zip(streams, launches, strict=True):
        stream.wait_stream(current)
        with torch.cuda.stream(stream):
            launch()
    for stream in streams:
        current.wait_stream(stream)


def _l2_bytes(device: torch.device) -> int:
    if device.type != "cuda":
        return INTERPRETER_L2_BYTES
    return int(torch.cuda.get_device_properties(device).L2_cache_size)
