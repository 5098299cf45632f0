"""Pairs (p0, p) as people write them: `0:0.7, 0.4:0.85`."""

import re
from collections.abc import Sequence

from frontend.number_lists import format_numbers, parse_numbers

Pair = tuple[float, float]
_SEPARATORS = re.compile(r"[,;\s]+")


def parse_pairs(text: str) -> list[Pair]:
    """The pairs that `text` lists, in the order written: two numbers with a colon between, then a comma or a space.

    Raises:
        ValueError: naming the item that cannot be read, and what is allowed.
    """
    return [_pair(item) for item in filter(None, _SEPARATORS.split(re.sub(r"\s*:\s*", ":", text)))]


def format_pairs(pairs: Sequence[Sequence[float]]) -> str:
    """The text that `parse_pairs` reads back as `pairs`."""
    return ", ".join(":".join(format_numbers([number]) for number in pair) for pair in pairs)


def _pair(item: str) -> Pair:
    parts = item.split(":")
    if len(parts) != 2 or not all(parts):
        raise ValueError(f"{item!r} is not a pair: write p0:p, such as 0.4:0.85")
    first, second = (parse_numbers(part)[0] for part in parts)
    return first, second
