"""The sampler for NVIDIA GPUs: half a Gibbs step in one Triton kernel, all steps of a call in one CUDA graph.

What a step would otherwise write to memory and read again (fields, probabilities, uniform numbers) stays in registers;
`gpu/kernels.py` says how, and how precise it is. All random state is in the CPU generators: one key from each replica's
generator, as in the CPU's sampler, then Philox4x32 with 7 rounds at counter (block, chain, step, layer). So replicas do
not depend on each other, and a run that is resumed between two calls gives the bits of the uninterrupted one. Bits
depend on the kind of device and on Triton's version, because both decide in which order a tensor core sums.

Of a unit's 32 random bits 16 are its own and the lower 16 are its neighbour's own, so probabilities are resolved to
2^-32, those below 2^-33 count as 0, and the states of two neighbours are not quite independent given the other layer:
their covariance is at most 2^-16.
"""

from __future__ import annotations

import importlib.util
import os
import threading
import weakref
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float32, UInt8
from torch import Tensor

from worker.rbm.machine import Machine
from worker.rbm.registry import SamplerRegistration
from worker.rbm.sampling.gpu.tiles import Tiles
from worker.rbm.sampling.prepared import check_request, check_visible, draw_keys
from worker.rbm.transfer import send

if TYPE_CHECKING:
    from worker.rbm.sampling.gpu.workspace import Workspace

LEAST_CAPABILITY = (8, 0)
"""Compute capability from which Triton compiles and a multiprocessor's shared memory holds two programs' tiles."""


class FusedMachine:
    """A machine in the GPU sampler's buffers, which it has to itself until it is not used any more."""

    def __init__(self, machine: Machine, *, tiles: Tiles | None = None) -> None:
        from worker.rbm.sampling.gpu.workspace import give_back, take_workspace

        self._workspace: Workspace = take_workspace(machine, tiles or Tiles())
        self._workspace.load(machine)
        self._lock = threading.Lock()
        weakref.finalize(self, give_back, self._workspace)

    def sample(
        self,
        visible: UInt8[Tensor, "replica chain visible"],
        gibbs_steps: int,
        generators: Sequence[torch.Generator],
    ) -> tuple[UInt8[Tensor, "replica chain visible"], UInt8[Tensor, "replica chain hidden"]]:
        """Run Gibbs steps; see `worker.rbm.sampling.sample_gibbs`."""
        from worker.rbm.sampling.gpu import loops

        check_request(self._workspace.shape, visible, gibbs_steps, generators)
        _, num_visible, num_hidden = self._workspace.shape
        chains = visible.shape[1]
        with self._lock:
            buffers = self._workspace.chain_buffers(chains)
            loops.record_half_steps(self._workspace, buffers, gibbs_steps)
            buffers.visible[:, :chains, :num_visible].copy_(visible)
            buffers.keys.copy_(send(draw_keys(generators), self._workspace.device))
            loops.half_steps(self._workspace, buffers, gibbs_steps)
            last_visible = buffers.visible[:, :chains, :num_visible].to(torch.uint8)
            last_hidden = buffers.hidden[:, :chains, :num_hidden].to(torch.uint8)
        return last_visible, last_hidden

    def hidden_probabilities(
        self, visible: UInt8[Tensor, "replica sample visible"]
    ) -> Float32[Tensor, "replica sample hidden"]:
        """p(h_i = 1 | v) = sigmoid(c_i + sum_j v_j W_ji), with the weights that the sampler has (float16)."""
        check_visible(self._workspace.shape, visible)
        return self._workspace.hidden_probabilities(visible)


def to_fused(machine: Machine) -> FusedMachine:
    """Bring a machine into the GPU sampler's buffers.

    Raises:
        ValueError: if the sampler cannot run there, saying why.
    """
    reason = why_not(machine.device)
    if reason is not None:
        raise ValueError(f"the GPU sampler cannot run on {machine.device}: {reason}")
    return FusedMachine(machine)


def why_not(device: torch.device) -> str | None:
    """Why the GPU sampler does not run on a device, None if it does."""
    if importlib.util.find_spec("triton") is None:
        return "Triton is not installed; it comes with torch for CUDA"
    if os.environ.get("TRITON_INTERPRET") == "1":
        return None
    if device.type != "cuda":
        return "it needs CUDA, or TRITON_INTERPRET=1 for Triton's interpreter, which is for tests"
    return _why_not_cuda(device)


def _why_not_cuda(device: torch.device) -> str | None:
    if torch.version.cuda is None:
        return "this torch was not built for CUDA"
    if device.index not in {None, torch.cuda.current_device()}:
        return "it runs on torch's current CUDA device only"
    capability = torch.cuda.get_device_capability(device)
    if capability < LEAST_CAPABILITY:
        return f"compute capability {capability} is below {LEAST_CAPABILITY}"
    return None


REGISTRATION = SamplerRegistration(
    name="fused",
    label="Gibbs, GPU",
    description="Alternating Gibbs sampling with one Triton kernel for half a step and a CUDA graph for all of them.",
    unit="Gibbs steps",
    source="Paper, section 2; random numbers: Salmon et al. 2011, Philox4x32-7",
    function=to_fused,
    devices=("cpu", "cuda"),
)
