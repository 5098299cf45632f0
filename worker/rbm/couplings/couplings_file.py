"""The effective couplings of one machine as bytes: a safetensors file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float32, Int64
from torch import Tensor

from worker.rbm.couplings.two_body import num_visible_of
from worker.rbm.tensor_bytes import pack, require, unpack

FLOAT = (torch.float32,)


@dataclass(frozen=True)
class EffectiveCouplings:
    """Fields and couplings of one machine.

    Attributes:
        fields: H of each visible unit.
        two_body: J of each pair, in the order of `condensed`.
        triples: the triples that were asked for; none by default.
        three_body: J of each of them.

    Raises:
        ValueError: if the numbers of units, pairs and triples do not fit each other.
    """

    fields: Float32[Tensor, " visible"]
    two_body: Float32[Tensor, " pair"]
    triples: Int64[Tensor, "triple 3"]
    three_body: Float32[Tensor, " triple"]

    def __post_init__(self) -> None:
        if num_visible_of(len(self.two_body)) != len(self.fields):
            raise ValueError(f"{len(self.fields)} fields and {len(self.two_body)} pairs; n units have n (n - 1) / 2")
        if len(self.triples) != len(self.three_body):
            raise ValueError(f"{len(self.triples)} triples and {len(self.three_body)} couplings; give one for each")


def write_couplings(couplings: EffectiveCouplings, metadata: Mapping[str, str] | None = None) -> bytes:
    """A couplings file: the tensors under the names of the attributes, and texts to keep with them."""
    names = ("fields", "two_body", "triples", "three_body")
    return pack({name: getattr(couplings, name) for name in names}, metadata or {})


def read_couplings(data: bytes) -> EffectiveCouplings:
    """The couplings of a file.

    Raises:
        ValueError: if the bytes are cut off, a tensor is missing, has a wrong type or shape or does not fit the others.
    """
    tensors, _ = unpack(data)
    return EffectiveCouplings(
        fields=require(tensors, "fields", FLOAT, 1),
        two_body=require(tensors, "two_body", FLOAT, 1),
        triples=require(tensors, "triples", (torch.int64,), 2),
        three_body=require(tensors, "three_body", FLOAT, 1),
    )
