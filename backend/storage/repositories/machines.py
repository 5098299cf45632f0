"""Machines: trained, from the zoo, imported."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.orm import Session

from backend.contracts.grid import TRAINED
from backend.storage.repositories.inserting import insert_missing
from backend.storage.repositories.keyset import Position, newer_than, older_than
from backend.storage.tables import Artifact, Machine, Study, StudyCell

SortKey = Literal["created", "name", "origin", "machine_class", "first_dilution", "dilution", "hidden", "study", "size"]
SORT_KEYS: tuple[SortKey, ...] = get_args(SortKey)


@dataclass(frozen=True)
class MachineFilter:
    """Which machines. Of a study: all that its grid contains, shared ones too.

    Attributes:
        name: a part of the name, in any case.
        search: words that all are in the machine's name or in its study's, in any case.
        machine_class: how it was made.
        first_dilution: least and greatest p0 of the first machine of its line.
        dilution: least and greatest fraction of its weights that are outside its mask.
    """

    origin: str | None = None
    study_id: str | None = None
    name: str | None = None
    search: str | None = None
    machine_class: str | None = None
    first_dilution: tuple[float | None, float | None] = (None, None)
    dilution: tuple[float | None, float | None] = (None, None)


@dataclass(frozen=True)
class MachineOrder:
    """By what machines are ordered; equal ones by their id."""

    key: SortKey = "created"
    descending: bool = True


@dataclass(frozen=True)
class Placed:
    """What the database knows of a machine beyond its row."""

    study_name: str | None
    machine_class: str
    first_dilution: float


def get_machine(session: Session, machine_id: str) -> Machine | None:
    """One machine."""
    return session.get(Machine, machine_id)


def machine_with_file(session: Session, digest: str) -> Machine | None:
    """The oldest machine that has this file."""
    query = select(Machine).where(Machine.artifact_digest == digest).order_by(Machine.created_at, Machine.id).limit(1)
    return session.scalars(query).first()


def add_machine(session: Session, **values: Any) -> None:
    """Write a machine; nothing happens when one with its key exists."""
    insert_missing(session, Machine, [values])


def page_of_machines(
    session: Session,
    which: MachineFilter,
    order: MachineOrder,
    limit: int,
    *,
    after: Position | None = None,
    skip: int = 0,
) -> list[tuple[Machine, Any]]:
    """Machines in an order, each with the value that orders it, after a position or after so many others.

    Args:
        after: ordering value and id of the last machine before.
        skip: how many to leave out.
    """
    value = _ordering(order.key)
    directed = (value.desc(), Machine.id.desc()) if order.descending else (value.asc(), Machine.id.asc())
    query = _chosen(select(Machine, value), which).order_by(*directed).limit(limit).offset(skip)
    if after is not None:
        beyond = older_than if order.descending else newer_than
        query = query.where(beyond(value, Machine.id, after))
    return [(machine, at) for machine, at in session.execute(query)]


def count_machines(session: Session, which: MachineFilter) -> int:
    """How many machines there are of these."""
    return int(session.execute(_chosen(select(func.count()).select_from(Machine), which)).scalar_one())


def placed(session: Session, machines: Collection[Machine]) -> dict[str, Placed]:
    """Class, first dilution and study's name of each machine, by its id."""
    ids = [machine.id for machine in machines]
    query = (
        select(Machine.id, Study.name, _axis("machine_class"), _first_dilution())
        .outerjoin(Study, Study.id == Machine.study_id)
        .where(Machine.id.in_(ids))
    )
    return {row[0]: Placed(row[1], row[2] or TRAINED, row[3]) for row in session.execute(query)}


def _chosen(query: Select[Any], which: MachineFilter) -> Select[Any]:
    conditions: list[ColumnElement[bool]] = []
    if which.origin is not None:
        conditions.append(Machine.origin == which.origin)
    if which.study_id is not None:
        own = select(StudyCell.cell_id).where(StudyCell.study_id == which.study_id)
        conditions.append(Machine.key.in_(own))
    if which.name is not None:
        conditions.append(Machine.name.icontains(which.name, autoescape=True))
    for word in (which.search or "").split():
        in_study = select(Study.id).where(Study.name.icontains(word, autoescape=True))
        conditions.append(Machine.name.icontains(word, autoescape=True) | Machine.study_id.in_(in_study))
    if which.machine_class is not None:
        conditions.append(func.coalesce(_axis("machine_class"), TRAINED) == which.machine_class)
    conditions += _within(_first_dilution(), which.first_dilution)
    conditions += _within(Machine.initial_dilution, which.dilution)
    return query.where(*conditions)


def _within(value: Any, bounds: tuple[float | None, float | None]) -> Sequence[ColumnElement[bool]]:
    low, high = bounds
    return [*([value >= low] if low is not None else []), *([value <= high] if high is not None else [])]


def _ordering(key: SortKey) -> ColumnElement[Any]:
    study = select(Study.name).where(Study.id == Machine.study_id).scalar_subquery()
    size = select(Artifact.size_bytes).where(Artifact.digest == Machine.artifact_digest).scalar_subquery()
    values: dict[SortKey, Any] = {
        "created": Machine.created_at,
        "name": func.lower(Machine.name),
        "origin": Machine.origin,
        "machine_class": func.coalesce(_axis("machine_class"), TRAINED),
        "first_dilution": _first_dilution(),
        "dilution": Machine.initial_dilution,
        "hidden": Machine.num_hidden,
        "study": func.lower(func.coalesce(study, "")),
        "size": func.coalesce(size, 0),
    }
    found: ColumnElement[Any] = values[key]
    return found


def _axis(name: str) -> ColumnElement[Any]:
    """A coordinate of the machine's cell in the first study that contains it; a machine's place is the same in all."""
    axes = StudyCell.axes[name]
    value = axes.as_float() if name == "initial_dilution" else axes.as_string()
    return (
        select(value)
        .where(StudyCell.cell_id == Machine.cell_id)
        .order_by(StudyCell.study_id)
        .limit(1)
        .correlate(Machine)
        .scalar_subquery()
    )


def _first_dilution() -> ColumnElement[Any]:
    return func.coalesce(_axis("initial_dilution"), Machine.initial_dilution)
