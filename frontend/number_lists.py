"""Lists of numbers as people write them: `0, 0.2, 0.4`, or `0:0.95:0.05` for a range with both ends."""

import math
import re
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from itertools import pairwise

MAX_VALUES = 1000
_SEPARATORS = re.compile(r"[,;\s]+")


def parse_numbers(text: str) -> list[float]:
    """The numbers that `text` lists, in the order written.

    Items are separated by commas, semicolons or spaces. An item `start:stop:step` stands for start,
    start + step, ... up to and including stop; steps are added in decimal, so `0:0.3:0.1` ends with 0.3.

    Raises:
        ValueError: naming the item that cannot be read, and what is allowed.
    """
    ranges = re.sub(r"\s*:\s*", ":", text)
    values: list[float] = []
    for item in filter(None, _SEPARATORS.split(ranges)):
        values += _range(item) if ":" in item else [float(_decimal(item, item))]
        if len(values) > MAX_VALUES:
            raise ValueError(f"more than {MAX_VALUES} numbers: use a larger step")
    return values


def format_numbers(values: Sequence[float]) -> str:
    """The shortest text that `parse_numbers` reads back as `values`: a range if the steps are equal."""
    numbers = [Decimal(repr(float(value))) for value in values]
    if len(numbers) > 3:
        step = numbers[1] - numbers[0]
        even = all(after - before == step for before, after in pairwise(numbers))
        if even and step:
            return ":".join(map(_plain, (numbers[0], numbers[-1], step)))
    return ", ".join(map(_plain, numbers))


def _range(item: str) -> list[float]:
    parts = item.split(":")
    if len(parts) != 3:
        raise ValueError(f"{item!r} is not a range: write start:stop:step, such as 0:0.95:0.05")
    start, stop, step = (_decimal(part, item) for part in parts)
    if step == 0 or (stop - start) / step < 0:
        raise ValueError(f"{item!r} never reaches its stop: the step must lead from start to stop")
    count = int((stop - start) / step) + 1
    if count > MAX_VALUES:
        raise ValueError(f"{item!r} has {count} numbers, at most {MAX_VALUES} are allowed: use a larger step")
    return [float(start + index * step) for index in range(count)]


def _decimal(text: str, item: str) -> Decimal:
    try:
        number = Decimal(text)
    except InvalidOperation:
        number = Decimal("NaN")
    if not math.isfinite(number):
        raise ValueError(f"{item!r} is not a number: write numbers such as 0, 0.2, 0.4 or a range 0:0.95:0.05")
    return number


def _plain(number: Decimal) -> str:
    text = format(number, "f")
    return (text.rstrip("0").rstrip(".") if "." in text else text) or "0"
