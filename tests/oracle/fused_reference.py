"""The bits of the GPU sampler, written a second time in plain numpy: nothing fused, nothing padded, no tiles."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from worker.rbm.machine import Machine
from worker.rbm.sampling.prepared import draw_keys

Words = tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any]]
LOW = np.uint64(0xFFFFFFFF)
HALF = np.uint64(32)


def philox(counter: Words, key: int, rounds: int) -> Words:
    """Philox4x32, every word in a uint64; Salmon et al. 2011, section 3."""
    c0, c1, c2, c3 = counter
    key_0, key_1 = np.uint64(key % 2**32), np.uint64(key // 2**32)
    for _ in range(rounds):
        left, right = np.uint64(0xD2511F53) * c0, np.uint64(0xCD9E8D57) * c2
        c0, c1, c2, c3 = (right >> HALF) ^ c1 ^ key_0, right & LOW, (left >> HALF) ^ c3 ^ key_1, left & LOW
        key_0, key_1 = (key_0 + np.uint64(0x9E3779B9)) & LOW, (key_1 + np.uint64(0xBB67AE85)) & LOW
    return c0, c1, c2, c3


def unit_words(num_chains: int, num_units: int, key: int, step: int, layer: int) -> NDArray[Any]:
    """The 32 bits that decide each unit, [chain unit], by the rule in `kernels.draw_units`, unit by unit."""
    words = np.empty((num_chains, num_units), np.uint64)
    chains = np.arange(num_chains, dtype=np.uint64)
    constant = [np.full(num_chains, value, np.uint64) for value in (step, layer)]
    for unit in range(num_units):
        group, within = divmod(unit, 32)
        word, rest = divmod(within, 8)
        call, odd = divmod(rest, 2)
        block = np.full(num_chains, 4 * group + call, np.uint64)
        drawn = philox((block, chains, constant[0], constant[1]), key, 7)[word]
        words[:, unit] = ((drawn << np.uint64(16)) & LOW) | (drawn >> np.uint64(16)) if odd else drawn
    return words


def draw(field: NDArray[Any], words: NDArray[Any]) -> NDArray[Any]:
    """u < sigmoid(field) in float32."""
    uniform = words.astype(np.float32) * np.float32(2.0**-32) + np.float32(2.0**-33)
    with np.errstate(over="ignore"):
        return (uniform * (np.float32(1) + np.exp(-field.astype(np.float32))) < 1).astype(np.float32)


def sample(machine: Machine, visible: Tensor, gibbs_steps: int, generators: list[torch.Generator]) -> list[Tensor]:
    """Last visible and hidden states, with weights rounded to float16."""
    pairs = []
    for index, signed_key in enumerate(draw_keys(generators).tolist()):
        key = signed_key % 2**64
        weights = machine.weight_matrix[index].half().float().numpy()
        vbias, hbias = machine.vbias[index].numpy(), machine.hbias[index].numpy()
        v = visible[index].float().numpy()
        for step in range(gibbs_steps):
            h = draw(v @ weights + hbias, unit_words(len(v), len(hbias), key, step, 0))
            v = draw(h @ weights.T + vbias, unit_words(len(v), len(vbias), key, step, 1))
        pairs.append((v, h))
    return [torch.from_numpy(np.stack([pair[layer] for pair in pairs])).to(torch.uint8) for layer in (0, 1)]
