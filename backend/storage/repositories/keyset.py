"""Keyset paging: the rows after a position, without counting the rows before it."""

from typing import Any

from sqlalchemy import ColumnElement, and_, or_
from sqlalchemy.orm import InstrumentedAttribute

_Column = ColumnElement[Any] | InstrumentedAttribute[Any]
Position = tuple[Any, str]
"""Ordering value and id of the last row before."""


def older_than(value: _Column, row_id: _Column, position: Position) -> ColumnElement[bool]:
    """Rows after a position in a descending order."""
    at, last = position
    return or_(value < at, and_(value == at, row_id < last))


def newer_than(value: _Column, row_id: _Column, position: Position) -> ColumnElement[bool]:
    """Rows after a position in an ascending order."""
    at, last = position
    return or_(value > at, and_(value == at, row_id > last))
