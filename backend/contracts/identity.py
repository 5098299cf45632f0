"""Identities: what makes two cells the same cell, and how seeds and row ids are made."""

import hashlib
import json
import secrets
import time
from collections.abc import Mapping, Sequence
from typing import Any

SEED_BITS = 48  # seeds stay exact in JSON readers that keep numbers as doubles


def canonical_json(value: Mapping[str, Any]) -> str:
    """The one spelling of a mapping: sorted keys, no spaces, shortest floats, no NaN."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False, ensure_ascii=True)


def cell_id(
    kind: str,
    parameters: Mapping[str, Any],
    dataset_digest: str,
    parent: str | None,
    inputs: Sequence[str] = (),
) -> str:
    """The identity of a cell: SHA-256 over its kind, non-default parameters, data set, parent and inputs.

    Args:
        kind: what the cell holds (`machine`, `evaluation`, `analysis`).
        parameters: the parameters that differ from their defaults, so that a new parameter with a default
            changes no identity.
        dataset_digest: SHA-256 of the data set's content.
        parent: identity of the machine that the cell starts from, if any.
        inputs: identities of the cells that it reads, in their order; none changes nothing.

    Returns:
        64 hexadecimal digits.
    """
    whole: dict[str, Any] = {"kind": kind, "parameters": dict(parameters), "dataset": dataset_digest, "parent": parent}
    if inputs:
        whole["inputs"] = list(inputs)
    return hashlib.sha256(canonical_json(whole).encode()).hexdigest()


def derive_seed(*parts: int | float | str) -> int:
    """A seed of 48 bits from named parts: unequal parts give independent streams.

    Source: the hash is SHA-256; 48 of its bits are kept.
    """
    text = "/".join(repr(part) for part in parts)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[: SEED_BITS // 8], "big")


def new_id() -> str:
    """A row id of 20 hexadecimal digits that sorts by the time of its making (to the millisecond)."""
    return f"{time.time_ns() // 1_000_000:011x}{secrets.token_hex(5)[:9]}"
