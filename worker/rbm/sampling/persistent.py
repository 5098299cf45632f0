"""The GPU sampler with one kernel for a whole call: each program owns a tile of chains and runs all their steps.

The same bits as `fused`, other timing: no kernel is launched between steps and no program waits for another, but the
number of programs is the number of tiles of chains, which fills a large GPU from some 30 replicas on.
"""

from __future__ import annotations

from worker.rbm.machine import Machine
from worker.rbm.registry import SamplerRegistration
from worker.rbm.sampling.fused import FusedMachine, checked


def to_persistent(machine: Machine) -> FusedMachine:
    """Bring a machine into the GPU sampler's buffers.

    Raises:
        ValueError: if the sampler cannot run there, saying why.
    """
    return FusedMachine(checked(machine), persistent=True)


REGISTRATION = SamplerRegistration(
    name="persistent",
    label="Gibbs, GPU, one kernel",
    description="Alternating Gibbs sampling in one Triton kernel whose programs own chains and loop over the steps.",
    unit="Gibbs steps",
    source="Paper, section 2; random numbers: Salmon et al. 2011, Philox4x32-7",
    function=to_persistent,
    devices=("cpu", "cuda"),
)
