"""Analyses of many machines and of their curves: what the figures of a study are computed from.

Each analysis is one file and gives a frozen dataclass. What cannot be computed from what was given is NaN there, and
`reason` says why; `ValueError` is for arguments that contradict themselves.
"""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import Any

from torch import Tensor

__all__ = ["plain"]


def plain(result: Any) -> Any:
    """A result as dictionaries, lists, numbers, texts and None, for JSON; NaN stays NaN."""
    if is_dataclass(result):
        return {field.name: plain(getattr(result, field.name)) for field in fields(result)}
    if isinstance(result, Tensor):
        return result.tolist()
    if isinstance(result, tuple | list):
        return [plain(item) for item in result]
    return result
