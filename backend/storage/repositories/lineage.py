"""Which machine began from which, and what was recorded while it was trained."""

from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from backend.contracts.plan import MACHINE
from backend.storage.tables import Cell, Machine, Metric

_LONGEST_LINE = 1000  # a guard: a line has as many steps as a study asked for


def ancestors_of(session: Session, machine: Machine) -> list[Machine]:
    """The machines of its line, the first one first, its parent last; those that were deleted end the line."""
    found: list[Machine] = []
    key = machine.key
    while len(found) < _LONGEST_LINE:
        query = select(Machine).join(Cell, Cell.parent == Machine.key).where(Cell.id == key)
        parent = session.scalars(query).first()
        if parent is None:
            break
        found.insert(0, parent)
        key = parent.key
    return found


def children_of(session: Session, machine: Machine, limit: int) -> tuple[list[Machine], int]:
    """The machines that began from it, oldest first, at most `limit`; and how many there are in all."""
    own = (Cell.parent == machine.key, Cell.kind == MACHINE)
    query = select(Machine).join(Cell, Cell.id == Machine.cell_id).where(*own)
    count = select(func.count()).select_from(Machine).join(Cell, Cell.id == Machine.cell_id).where(*own)
    ordered = query.order_by(Machine.created_at, Machine.id).limit(limit)
    return list(session.scalars(ordered)), session.execute(count).scalar_one()


def training_values(session: Session, cell_id: str) -> Sequence[Metric]:
    """Every recorded value of a training, metric by metric, in the order of the updates."""
    query = select(Metric).where(Metric.cell_id == cell_id, Metric.update.is_not(None))
    return session.scalars(query.order_by(Metric.name, Metric.update)).all()
