"""The sampler for accelerators: float32 matrix products in torch, on any device that torch knows.

Its random numbers come from device generators that are seeded by the keys of the call, so all random state is in the
CPU generators here too. Bits depend on the device and on torch's version.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float32, UInt8
from torch import Tensor

from worker.rbm import energy
from worker.rbm.machine import Machine
from worker.rbm.registry import SamplerRegistration
from worker.rbm.sampling.prepared import check_request, check_visible, draw_keys


@dataclass(frozen=True)
class FloatMachine:
    """A machine sampled in float32, as it is."""

    machine: Machine

    def sample(
        self,
        visible: UInt8[Tensor, "replica chain visible"],
        gibbs_steps: int,
        generators: Sequence[torch.Generator],
    ) -> tuple[UInt8[Tensor, "replica chain visible"], UInt8[Tensor, "replica chain hidden"]]:
        """Run Gibbs steps; see `worker.rbm.sampling.sample_gibbs`."""
        check_request(self._shape(), visible, gibbs_steps, generators)
        streams = device_generators(self.machine.device, generators)
        last_visible, last_hidden = visible, visible
        for _ in range(gibbs_steps):
            last_hidden = bernoulli(energy.hidden_probabilities(self.machine, last_visible), streams)
            last_visible = bernoulli(energy.visible_probabilities(self.machine, last_hidden), streams)
        return last_visible, last_hidden

    def hidden_probabilities(
        self, visible: UInt8[Tensor, "replica sample visible"]
    ) -> Float32[Tensor, "replica sample hidden"]:
        """p(h_i = 1 | v) = sigmoid(c_i + sum_j v_j W_ji)."""
        check_visible(self._shape(), visible)
        return energy.hidden_probabilities(self.machine, visible)

    def _shape(self) -> tuple[int, int, int]:
        return self.machine.num_replicas, self.machine.num_visible, self.machine.num_hidden


def device_generators(device: torch.device, generators: Sequence[torch.Generator]) -> list[torch.Generator]:
    """One generator on the device for each replica, seeded by a key from the replica's CPU generator."""
    return [torch.Generator(device).manual_seed(key) for key in draw_keys(generators).tolist()]


def bernoulli(
    probabilities: Float32[Tensor, "replica chain unit"], streams: Sequence[torch.Generator]
) -> UInt8[Tensor, "replica chain unit"]:
    """Units that are 1 with the given probabilities, each replica from its own stream; resolution 2^-24."""
    uniform = torch.empty_like(probabilities)
    for replica, stream in zip(uniform, streams, strict=True):
        replica.uniform_(generator=stream)
    return (uniform < probabilities).to(torch.uint8)


REGISTRATION = SamplerRegistration(
    name="float",
    label="Gibbs, float32",
    description="Alternating Gibbs sampling with batched float32 matrix products on any device.",
    unit="Gibbs steps",
    source="Paper, section 2; Hinton, A practical guide to training RBMs (2012), eqs. 7 and 8",
    function=FloatMachine,
    devices=("cpu", "cuda"),
)
