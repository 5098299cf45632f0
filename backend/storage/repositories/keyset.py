"""Keyset paging: the rows after a position, without counting the rows before it."""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, or_
from sqlalchemy.orm import InstrumentedAttribute

Position = tuple[datetime, str]


def older_than(
    time: InstrumentedAttribute[Any], row_id: InstrumentedAttribute[str], position: Position
) -> ColumnElement[bool]:
    """Rows after a position in an order from newest to oldest."""
    at, last = position
    return or_(time < at, and_(time == at, row_id < last))


def newer_than(
    time: InstrumentedAttribute[Any], row_id: InstrumentedAttribute[str], position: Position
) -> ColumnElement[bool]:
    """Rows after a position in an order from oldest to newest."""
    at, last = position
    return or_(time > at, and_(time == at, row_id > last))
