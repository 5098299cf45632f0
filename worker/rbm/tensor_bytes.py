"""Named tensors and text metadata as bytes, in the safetensors format: no code can hide in them."""

from __future__ import annotations

import json
from collections.abc import Mapping

import numpy as np
import torch
from jaxtyping import Bool, UInt8
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

HEADER_LENGTH_BYTES = 8


def pack(tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> bytes:
    """Tensors and metadata as one safetensors file's bytes."""
    contiguous = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    data: bytes = save(contiguous, dict(metadata))
    return data


def unpack(data: bytes) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The tensors and metadata of a safetensors file.

    Raises:
        ValueError: if the bytes are not a whole safetensors file.
    """
    try:
        tensors: dict[str, Tensor] = load(data)
    except SafetensorError as error:
        raise ValueError(f"these {len(data)} bytes are no whole safetensors file: {error}") from error
    length = int.from_bytes(data[:HEADER_LENGTH_BYTES], "little")
    header = json.loads(data[HEADER_LENGTH_BYTES : HEADER_LENGTH_BYTES + length])
    return tensors, dict(header.get("__metadata__", {}))


def require(tensors: Mapping[str, Tensor], name: str, dtypes: tuple[torch.dtype, ...], num_axes: int) -> Tensor:
    """A tensor that must be there with one of the given types and number of axes.

    Raises:
        ValueError: saying what is there and what is allowed.
    """
    if name not in tensors:
        raise ValueError(f"there is no tensor {name!r}; the file has {', '.join(sorted(tensors)) or 'none'}")
    tensor = tensors[name]
    if tensor.dtype not in dtypes or tensor.ndim != num_axes:
        wanted = " or ".join(str(dtype) for dtype in dtypes)
        raise ValueError(f"{name} is {tensor.dtype} {tuple(tensor.shape)}; it must be {wanted} with {num_axes} axes")
    return tensor


def pack_bits(mask: Bool[Tensor, ...]) -> UInt8[Tensor, " byte"]:
    """A boolean tensor as bits, eight in a byte, first bit highest."""
    return torch.from_numpy(np.packbits(mask.cpu().numpy().reshape(-1)))


def unpack_bits(bits: UInt8[Tensor, " byte"], shape: tuple[int, ...]) -> Bool[Tensor, ...]:
    """The boolean tensor of a given shape that `pack_bits` packed.

    Raises:
        ValueError: if there are too few or too many bytes.
    """
    count = int(np.prod(shape))
    if bits.numel() != (count + 7) // 8:
        raise ValueError(f"{bits.numel()} bytes of mask; a mask of shape {shape} has {(count + 7) // 8}")
    flat = np.unpackbits(bits.numpy(), count=count).astype(bool)
    return torch.from_numpy(flat.reshape(shape))
