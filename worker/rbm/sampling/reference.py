"""The slow sampler that defines the bits of the fast CPU one: the same algorithm as plain numpy, nothing incremental.

Fields are summed anew in 64-bit integers at every step; random words, exponential and comparison are written a second
time. Use it to check the compiled sampler, not to sample.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float32, Int64, UInt8, UInt32
from numpy.typing import NDArray
from torch import Tensor

from worker.rbm.machine import Machine
from worker.rbm.registry import SamplerRegistration
from worker.rbm.sampling.prepared import check_request, check_visible, draw_keys

ROUNDS = 10
LOW_WORD = 0xFFFFFFFF
EXP_COEFFICIENTS = (
    1.9875691500e-4,
    1.3981999507e-3,
    8.3334519073e-3,
    4.1665795894e-2,
    1.6666665459e-1,
    5.0000001201e-1,
)


@dataclass(frozen=True)
class ReferenceMachine:
    """Fixed-point parameters of each replica as 64-bit integers."""

    weights: Int64[np.ndarray, "replica visible hidden"]
    vbias: Int64[np.ndarray, "replica visible"]
    hbias: Int64[np.ndarray, "replica hidden"]
    scale: Float32[np.ndarray, " replica"]

    def sample(
        self,
        visible: UInt8[Tensor, "replica chain visible"],
        gibbs_steps: int,
        generators: Sequence[torch.Generator],
    ) -> tuple[UInt8[Tensor, "replica chain visible"], UInt8[Tensor, "replica chain hidden"]]:
        """Run Gibbs steps; see `worker.rbm.sampling.sample_gibbs`."""
        check_request(self.weights.shape, visible, gibbs_steps, generators)
        keys = [key % 2**64 for key in draw_keys(generators).tolist()]
        pairs = [self._sample_replica(r, visible[r].numpy(), gibbs_steps, key) for r, key in enumerate(keys)]
        return (
            torch.from_numpy(np.stack([pair[0] for pair in pairs])),
            torch.from_numpy(np.stack([pair[1] for pair in pairs])),
        )

    def hidden_probabilities(
        self, visible: UInt8[Tensor, "replica sample visible"]
    ) -> Float32[Tensor, "replica sample hidden"]:
        """p(h_i = 1 | v) = sigmoid(c_i + sum_j v_j W_ji)."""
        check_visible(self.weights.shape, visible)
        field = visible.numpy().astype(np.int64) @ self.weights + self.hbias[:, None]
        scaled = field.astype(np.float32) * self.scale[:, None, None]
        return torch.from_numpy(np.float32(1) / (np.float32(1) + exp_of_minus(scaled)))

    def _sample_replica(
        self, replica: int, visible: NDArray[Any], gibbs_steps: int, key: int
    ) -> tuple[NDArray[Any], NDArray[Any]]:
        weights, scale = self.weights[replica], self.scale[replica]
        hidden = visible
        for step in range(gibbs_steps):
            hidden = draw_units(visible @ weights + self.hbias[replica], scale, key, step, layer=0)
            visible = draw_units(hidden @ weights.T + self.vbias[replica], scale, key, step, layer=1)
        return visible, hidden


def to_reference(machine: Machine) -> ReferenceMachine:
    """Round a machine's parameters to fixed point; see `fixed_point.to_fixed_point`."""
    exponents = [exponent(machine.replica(index)) for index in range(machine.num_replicas)]
    factor = np.ldexp(1.0, exponents)

    def rounded(tensor: Tensor) -> NDArray[Any]:
        shape = (-1,) + (1,) * (tensor.ndim - 1)
        scaled: NDArray[Any] = np.rint(tensor.to(torch.float64).numpy() * factor.reshape(shape))
        return scaled.astype(np.int64)

    return ReferenceMachine(
        weights=rounded(machine.weight_matrix),
        vbias=rounded(machine.vbias),
        hbias=rounded(machine.hbias),
        scale=(1 / factor).astype(np.float32),
    )


def exponent(machine: Machine) -> int:
    """The largest e, up to 28, for which no |bias| + sum |W| over a unit's inputs reaches 2^(30 - e)."""
    weights = machine.weight_matrix[0].to(torch.float64).abs()
    into_hidden = (weights.sum(dim=0) + machine.hbias[0].abs()).max()
    into_visible = (weights.sum(dim=1) + machine.vbias[0].abs()).max()
    bound = float(torch.maximum(into_hidden, into_visible))
    return min(28, 30 - math.frexp(bound)[1])


def draw_units(
    field: Int64[np.ndarray, "chain unit"], scale: np.float32, key: int, step: int, layer: int
) -> UInt8[np.ndarray, "chain unit"]:
    """1 with probability sigmoid(field scale), from the random words of this step and layer."""
    num_chains, num_units = field.shape
    words = np.stack([random_words(num_units, key, chain, step, layer) for chain in range(num_chains)])
    uniform = words.astype(np.float32) * np.float32(2.0**-32) + np.float32(2.0**-33)
    x = field.astype(np.float32) * scale
    return (uniform * (np.float32(1) + exp_of_minus(x)) < 1).astype(np.uint8)


def random_words(num_units: int, key: int, chain: int, step: int, layer: int) -> UInt32[np.ndarray, " unit"]:
    """The first words of Philox4x32-10 at counters (block, chain, step, layer), all first words of blocks first."""
    blocks = (num_units + 3) // 4
    words = np.array([philox((block, chain, step, layer), key) for block in range(blocks)], np.uint32)
    return words.T.reshape(-1)[:num_units]


def philox(counter: tuple[int, int, int, int], key: int) -> tuple[int, int, int, int]:
    """One block of Philox4x32 with 10 rounds.

    Source: Salmon et al., Parallel random numbers: as easy as 1, 2, 3 (2011), section 3.
    """
    key_0, key_1 = key & LOW_WORD, key >> 32
    for _ in range(ROUNDS):
        counter = philox_round(counter, key_0, key_1)
        key_0, key_1 = (key_0 + 0x9E3779B9) & LOW_WORD, (key_1 + 0xBB67AE85) & LOW_WORD
    return counter


def philox_round(counter: tuple[int, int, int, int], key_0: int, key_1: int) -> tuple[int, int, int, int]:
    """One round: two 32 x 32 bit products, halves exchanged and mixed with the key."""
    c0, c1, c2, c3 = counter
    product_0, product_1 = 0xD2511F53 * c0, 0xCD9E8D57 * c2
    return (
        (product_1 >> 32) ^ c1 ^ key_0,
        product_1 & LOW_WORD,
        (product_0 >> 32) ^ c3 ^ key_1,
        product_0 & LOW_WORD,
    )


def exp_of_minus(x: Float32[np.ndarray, ...]) -> Float32[np.ndarray, ...]:
    """exp(-x) in float32, x clamped to [-87, 87].

    Source: Moshier, Cephes mathematical library, expf.
    """
    y = np.clip(-x, np.float32(-87), np.float32(87))
    n = np.rint(y * np.float32(1.44269504))
    r = (y - n * np.float32(0.693359375)) - n * np.float32(-2.12194440e-4)
    polynomial = np.full_like(r, EXP_COEFFICIENTS[0])
    for coefficient in EXP_COEFFICIENTS[1:]:
        polynomial = polynomial * r + np.float32(coefficient)
    value = polynomial * (r * r) + r + np.float32(1)
    result: NDArray[Any] = np.ldexp(value, n.astype(np.int32))
    return result.astype(np.float32)


REGISTRATION = SamplerRegistration(
    name="reference",
    label="Gibbs, slow reference",
    description="The fixed-point sampler written a second time in plain numpy, to check the compiled one.",
    unit="Gibbs steps",
    source="Paper, section 2; random numbers: Salmon et al. 2011, Philox4x32-10",
    function=to_reference,
    devices=("cpu",),
)
