"""Machines: trained, from the zoo, imported."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.storage.repositories.inserting import insert_missing
from backend.storage.repositories.keyset import Position, older_than
from backend.storage.tables import Machine, StudyCell


def get_machine(session: Session, machine_id: str) -> Machine | None:
    """One machine."""
    return session.get(Machine, machine_id)


def add_machine(session: Session, **values: Any) -> None:
    """Write a machine; nothing happens when one with its key exists."""
    insert_missing(session, Machine, [values])


def page_of_machines(
    session: Session,
    after: Position | None,
    limit: int,
    *,
    origin: str | None = None,
    study_id: str | None = None,
    name: str | None = None,
) -> Sequence[Machine]:
    """Machines, newest first, after a position. Of a study: all that its grid contains, shared ones too.

    `name`: a part of the name, in any case.
    """
    query = select(Machine).order_by(Machine.created_at.desc(), Machine.id.desc()).limit(limit)
    if after is not None:
        query = query.where(older_than(Machine.created_at, Machine.id, after))
    if origin is not None:
        query = query.where(Machine.origin == origin)
    if study_id is not None:
        own = select(StudyCell.cell_id).where(StudyCell.study_id == study_id)
        query = query.where(Machine.key.in_(own))
    if name is not None:
        query = query.where(Machine.name.icontains(name, autoescape=True))
    return session.scalars(query).all()
