"""Read machines and download them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from backend.contracts.messages import FieldProblem, Machine, MachinePage
from backend.services.cursors import Words, check_limit, read_cursor, write_cursor
from backend.services.errors import InvalidRequest, NotFound, storage_in_words
from backend.services.laboratory import Laboratory
from backend.storage import tables
from backend.storage.repositories import artifacts
from backend.storage.repositories import machines as rows
from backend.storage.repositories.machines import MachineFilter, MachineOrder

EVERY = MachineFilter()
NEWEST_FIRST = MachineOrder()
_KINDS: dict[str, type] = {"created": datetime, "first_dilution": float, "dilution": float, "hidden": int, "size": int}


def list_machines(
    lab: Laboratory,
    cursor: str | None = None,
    limit: int = 50,
    which: MachineFilter = EVERY,
    order: MachineOrder = NEWEST_FIRST,
    *,
    skip: int = 0,
) -> MachinePage:
    """One page of machines in an order.

    Args:
        cursor: where the page before ended, in the same order.
        skip: how many to leave out instead, for a table that is scrolled to a place.
    """
    check_limit(limit)
    if cursor and skip:
        raise InvalidRequest([FieldProblem(pointer="skip", detail="give cursor or skip, not both")])
    after = _position(cursor, order) if cursor else None
    with storage_in_words(), lab.database.read() as session:
        found = rows.page_of_machines(session, which, order, limit + 1, after=after, skip=skip)
        next_cursor = _cursor(found[limit - 1], order) if len(found) > limit else None
        return MachinePage(
            items=messages(session, [machine for machine, _ in found[:limit]]),
            next_cursor=next_cursor,
            total=rows.count_machines(session, which),
        )


def _position(cursor: str, order: MachineOrder) -> tuple[Any, str]:
    key, direction, value, machine_id = read_cursor(cursor, Words, str, _KINDS.get(order.key, Words), str)
    if (key, direction) != (order.key, _direction(order)):
        detail = f"the cursor belongs to another order ({key}, {direction}): begin again without it"
        raise InvalidRequest([FieldProblem(pointer="cursor", detail=detail)])
    return value, machine_id


def _cursor(last: tuple[tables.Machine, Any], order: MachineOrder) -> str:
    machine, value = last
    return write_cursor(order.key, _direction(order), value, machine.id)


def _direction(order: MachineOrder) -> str:
    return "desc" if order.descending else "asc"


def show_machine(lab: Laboratory, machine_id: str) -> Machine:
    """One machine. Raises `NotFound`."""
    with storage_in_words(), lab.database.read() as session:
        return messages(session, [machine_row(session, machine_id)])[0]


def machine_bytes(lab: Laboratory, machine_id: str) -> bytes:
    """The machine's safetensors file, verified against its digest.

    Raises:
        NotFound: no such machine.
        ArtifactDamaged: the stored bytes are missing or do not match.
    """
    with storage_in_words():
        with lab.database.read() as session:
            digest = machine_row(session, machine_id).artifact_digest
        return lab.artifacts.get(digest)


def machine_row(session: Session, machine_id: str) -> tables.Machine:
    """The row of a machine. Raises `NotFound`."""
    machine = rows.get_machine(session, machine_id)
    if machine is None:
        raise NotFound(f"no machine has the id {machine_id[:80]!r}: see GET /api/v1/machines")
    return machine


def messages(session: Session, machines: Sequence[tables.Machine]) -> list[Machine]:
    """Machines as the API shows them."""
    sizes = artifacts.sizes(session, {machine.artifact_digest for machine in machines})
    places = rows.placed(session, machines)
    return [
        Machine(
            id=machine.id,
            name=machine.name,
            origin=machine.origin,
            initial_dilution=machine.initial_dilution,
            num_visible=machine.num_visible,
            num_hidden=machine.num_hidden,
            parameters=machine.parameters,
            provenance=machine.provenance,
            digest=machine.artifact_digest,
            size_bytes=sizes.get(machine.artifact_digest, 0),
            study_id=machine.study_id,
            cell_id=machine.cell_id,
            created_at=machine.created_at,
            **vars(places[machine.id]),
        )
        for machine in machines
    ]
