"""One machine as bytes: a safetensors file with weights, biases, mask and free text metadata."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from worker.rbm.machine import Machine
from worker.rbm.tensor_bytes import pack, pack_bits, require, unpack, unpack_bits

FLOATS = (torch.float32, torch.float16)


def write_machine(machine: Machine, metadata: Mapping[str, str] | None = None) -> bytes:
    """A machine file: weight_matrix [visible hidden], vbias, hbias in float32 and the mask as bits.

    Args:
        machine: a batch of one replica.
        metadata: texts to keep with it.

    Raises:
        ValueError: if the batch does not hold exactly one replica.
    """
    if machine.num_replicas != 1:
        raise ValueError(f"the batch has {machine.num_replicas} replicas; a machine file holds one")
    tensors = {
        "weight_matrix": machine.weight_matrix[0],
        "vbias": machine.vbias[0],
        "hbias": machine.hbias[0],
        "mask": pack_bits(machine.mask),
    }
    return pack(tensors, metadata or {})


def read_machine(data: bytes) -> tuple[Machine, dict[str, str]]:
    """The machine, as a batch of one, and the metadata of a machine file.

    Weights in float16 are widened. Where there is no mask, the mask is the weights that are not 0.

    Raises:
        ValueError: if the bytes are cut off, a tensor is missing, has a wrong type or shape or is not finite, or a
            weight outside the mask is not 0.
    """
    tensors, metadata = unpack(data)
    weights = require(tensors, "weight_matrix", FLOATS, 2).to(torch.float32)
    machine = Machine(
        weight_matrix=weights.unsqueeze(0),
        vbias=require(tensors, "vbias", FLOATS, 1).to(torch.float32).unsqueeze(0),
        hbias=require(tensors, "hbias", FLOATS, 1).to(torch.float32).unsqueeze(0),
        mask=_mask(tensors, weights).unsqueeze(0),
    )
    return machine, metadata


def _mask(tensors: Mapping[str, Tensor], weights: Tensor) -> Tensor:
    if "mask" not in tensors:
        return weights != 0
    return unpack_bits(require(tensors, "mask", (torch.uint8,), 1), tuple(weights.shape))
