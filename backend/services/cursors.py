"""Opaque cursors: where a listing goes on."""

import base64
import json
import math
from datetime import datetime
from typing import Any

from backend.contracts.messages import FieldProblem
from backend.services.errors import InvalidRequest

MAX_LIMIT = 500
_LONGEST_TEXT = 300


class Words(str):
    """A part of a cursor that is any text, such as a name."""

    __slots__ = ()


def write_cursor(*parts: str | float | datetime) -> str:
    """A cursor for the position that these parts name."""
    texts = [part.isoformat() if isinstance(part, datetime) else part for part in parts]
    return base64.urlsafe_b64encode(json.dumps(texts, ensure_ascii=False).encode()).decode().rstrip("=")


def read_cursor(cursor: str, *kinds: type) -> tuple[Any, ...]:
    """The parts of a cursor. Raises `InvalidRequest` for a text that is no cursor of this listing."""
    try:
        texts = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if not isinstance(texts, list) or len(texts) != len(kinds):
            raise ValueError("another number of parts")
        return tuple(_part(text, kind) for text, kind in zip(texts, kinds, strict=True))
    except (ValueError, TypeError, RecursionError) as error:
        detail = f"{cursor[:40]!r} is not a cursor of this listing: use next_cursor of the page before"
        raise InvalidRequest([FieldProblem(pointer="cursor", detail=detail)]) from error


def _part(text: object, kind: type) -> str | float | datetime:
    if kind is datetime and isinstance(text, str):
        at = datetime.fromisoformat(text)
        if at.tzinfo is not None:
            return at
    if kind is str and isinstance(text, str) and text.isalnum():
        return text
    if kind is Words and isinstance(text, str) and len(text) <= _LONGEST_TEXT:
        return text
    if kind is float and type(text) in (int, float) and math.isfinite(float(str(text))):
        return float(str(text))
    if kind is int and type(text) is int and 0 <= text < 2**31:
        return text
    raise ValueError("a part of another kind")


def check_limit(limit: int) -> int:
    """Refuse a page size outside 1 to `MAX_LIMIT`."""
    if not 1 <= limit <= MAX_LIMIT:
        detail = f"the limit is {limit}, allowed are 1 to {MAX_LIMIT}"
        raise InvalidRequest([FieldProblem(pointer="limit", detail=detail)])
    return limit
