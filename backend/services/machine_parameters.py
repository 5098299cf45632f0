"""A machine's parameters in a compact form that a page can read, and the file that they come from.

Layout, little-endian, in this order: `RBM1` (4 bytes); num_visible, num_hidden, number of weights inside the mask,
bytes of one weight (2 or 4), 0 (uint32 each); seed of the random pruning rule (uint64); vbias, hbias (float32); the
mask, one bit a weight, row-major, first bit highest, filled up with zeros to a multiple of 4 bytes; the weights inside
the mask, row-major, float16 or float32.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from backend.contracts.identity import derive_seed
from backend.contracts.machine_files import MAX_WEIGHTS
from backend.services.errors import ArtifactDamaged, Conflict, storage_in_words
from backend.services.laboratory import Laboratory
from backend.services.machines import machine_row

Precision = Literal["lossless", "float16"]
MAGIC = b"RBM1"
_HEADER_LENGTH_BYTES = 8
_TYPES = {"F16": "<f2", "F32": "<f4", "U8": "|u1"}


@dataclass(frozen=True)
class CompactParameters:
    """The bytes, and the SHA-256 of the file that they come from."""

    data: bytes
    digest: str


def compact_parameters(lab: Laboratory, machine_id: str, precision: Precision = "lossless") -> CompactParameters:
    """Weights, biases and mask of a machine in the compact form.

    Args:
        machine_id: the machine.
        precision: `lossless` sends float16 only where that changes no weight; `float16` rounds.

    Raises:
        NotFound: no such machine.
        Conflict: it has more than `MAX_WEIGHTS` weights.
        ArtifactDamaged: the stored bytes are missing, do not match or are no machine.
    """
    with storage_in_words():
        with lab.database.read() as session:
            machine = machine_row(session, machine_id)
            digest, key = machine.artifact_digest, machine.key
        if machine.num_visible * machine.num_hidden > MAX_WEIGHTS:
            raise Conflict(
                f"the machine has {machine.num_visible} x {machine.num_hidden} weights and at most {MAX_WEIGHTS:,} are "
                f"sent in the compact form: download its file instead"
            )
        data = lab.artifacts.get(digest)
    try:
        return CompactParameters(pack(read_tensors(data), derive_seed("pruning", key, "random"), precision), digest)
    except (ValueError, KeyError, TypeError) as error:
        raise ArtifactDamaged(f"the file {digest} is no machine: {error}") from error


def read_tensors(data: bytes) -> dict[str, NDArray[Any]]:
    """The tensors of a safetensors file, read without torch.

    Raises:
        ValueError: the bytes are cut off, or a tensor has a type that machines do not have.
        KeyError: the header lacks something.
    """
    start = _HEADER_LENGTH_BYTES + int.from_bytes(data[:_HEADER_LENGTH_BYTES], "little")
    header = json.loads(data[_HEADER_LENGTH_BYTES:start])
    if not isinstance(header, dict):
        raise ValueError("its header is no object")
    tensors = {}
    for name, about in header.items():
        if name != "__metadata__":
            first, last = about["data_offsets"]
            flat = np.frombuffer(data[start + first : start + last], dtype=_TYPES[about["dtype"]])
            tensors[name] = flat.reshape(about["shape"])
    return tensors


def pack(tensors: dict[str, NDArray[Any]], seed: int, precision: Precision) -> bytes:
    """The compact form of a machine's tensors. Without a mask, the mask is the weights that are not 0.

    Raises:
        ValueError: shapes disagree.
        KeyError: a tensor is missing.
    """
    weights = tensors["weight_matrix"]
    num_visible, num_hidden = weights.shape
    biases = [tensors["vbias"].astype("<f4"), tensors["hbias"].astype("<f4")]
    if [bias.shape for bias in biases] != [(num_visible,), (num_hidden,)]:
        raise ValueError(f"biases have the shapes {[bias.shape for bias in biases]}, weights {weights.shape}")
    mask = mask_of(tensors, weights)
    kept = _narrow(weights[mask], precision)
    sizes = np.array([num_visible, num_hidden, kept.size, kept.itemsize, 0], dtype="<u4")
    bits = np.packbits(mask).tobytes()
    parts = (MAGIC, sizes.tobytes(), seed.to_bytes(8, "little"), *(bias.tobytes() for bias in biases))
    return b"".join((*parts, bits, bytes(-len(bits) % 4), kept.tobytes()))


def mask_of(tensors: Mapping[str, NDArray[Any]], weights: NDArray[Any]) -> NDArray[np.bool_]:
    """The mask; without one in the file, the weights that are not 0."""
    if "mask" not in tensors:
        return np.asarray(weights != 0, dtype=np.bool_)
    return np.unpackbits(tensors["mask"], count=weights.size).astype(np.bool_).reshape(weights.shape)


def _narrow(kept: NDArray[Any], precision: Precision) -> NDArray[Any]:
    with np.errstate(over="ignore"):
        half = kept.astype("<f2")
    same = precision == "float16" or bool(np.array_equal(half.astype("<f4"), kept.astype("<f4")))
    return half if same else kept.astype("<f4")
