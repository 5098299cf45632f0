"""Read machines and download them."""

from datetime import datetime

from sqlalchemy.orm import Session

from backend.contracts.messages import Machine, Page
from backend.services.cursors import check_limit, read_cursor, write_cursor
from backend.services.errors import NotFound, storage_in_words
from backend.services.laboratory import Laboratory
from backend.storage import tables
from backend.storage.repositories import artifacts
from backend.storage.repositories import machines as rows


def list_machines(
    lab: Laboratory,
    cursor: str | None = None,
    limit: int = 50,
    origin: str | None = None,
    study_id: str | None = None,
    *,
    name: str | None = None,
) -> Page[Machine]:
    """One page of machines, newest first; `name`: a part of it, in any case."""
    check_limit(limit)
    after = read_cursor(cursor, datetime, str) if cursor else None
    with storage_in_words(), lab.database.read() as session:
        found = rows.page_of_machines(session, after, limit + 1, origin=origin, study_id=study_id, name=name)
        shown = found[:limit]
        sizes = artifacts.sizes(session, {machine.artifact_digest for machine in shown})
        next_cursor = write_cursor(shown[-1].created_at, shown[-1].id) if len(found) > limit else None
        return Page(items=[_message(machine, sizes) for machine in shown], next_cursor=next_cursor)


def show_machine(lab: Laboratory, machine_id: str) -> Machine:
    """One machine. Raises `NotFound`."""
    with storage_in_words(), lab.database.read() as session:
        machine = machine_row(session, machine_id)
        return _message(machine, artifacts.sizes(session, {machine.artifact_digest}))


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


def _message(machine: tables.Machine, sizes: dict[str, int]) -> Machine:
    return Machine(
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
    )
