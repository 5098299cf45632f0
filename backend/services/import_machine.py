"""Import a machine from a file: checked whole, then stored and written down in one step, or not at all."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from backend.contracts.identity import new_id
from backend.contracts.messages import Event, FieldProblem, Machine
from backend.services.errors import InvalidRequest, storage_in_words
from backend.services.laboratory import Laboratory
from backend.services.machine_file import MachineFile, read_machine_file
from backend.services.machines import show_machine
from backend.storage.database import exclusive
from backend.storage.errors import StorageError
from backend.storage.repositories.artifacts import StoredArtifact, add_artifact
from backend.storage.repositories.machines import add_machine, machine_with_file

LONGEST_NAME = 200


def import_machine(lab: Laboratory, data: bytes, name: str | None = None) -> tuple[Machine, bool]:
    """Put a machine from a safetensors file on the shelf. A file that is here already gives the machine that has it.

    Args:
        data: the file.
        name: what to call it; else the file's own `name`, else a name made of its digest.

    Returns:
        The machine, and whether it is new.

    Raises:
        InvalidRequest: the file is no machine that can be used here; every fault is named.
        StorageUnavailable: nothing was written.
    """
    file = read_machine_file(data)
    digest = hashlib.sha256(data).hexdigest()
    with storage_in_words():
        try:
            machine_id, is_new = _write(lab, data, digest, _name(name, file, digest), file)
        except StorageError:
            lab.remove_files([digest])  # of a transaction that failed; a file that a row names stays
            raise
    if is_new:
        lab.announce(Event(kind="machine", id=machine_id, state="imported"))
    return show_machine(lab, machine_id), is_new


def _write(lab: Laboratory, data: bytes, digest: str, name: str, file: MachineFile) -> tuple[str, bool]:
    with lab.database.write() as session:
        exclusive(session)  # whoever removes files holds it too, and looks again whether a row names them
        lab.artifacts.put(data)
        known = machine_with_file(session, digest)
        if known is not None:
            return known.id, False
        machine_id = new_id()
        add_artifact(session, StoredArtifact(digest, "machine", len(data)))
        add_machine(session, id=machine_id, key=digest, name=name, **_about(file, digest))
    return machine_id, True


def _name(given: str | None, file: MachineFile, digest: str) -> str:
    name = (given or file.metadata.get("name", "")).strip() or f"Imported {digest[:8]}"
    if len(name) > LONGEST_NAME or not name.isprintable():
        detail = f"the name has {len(name)} characters; 1 to {LONGEST_NAME} printable ones are allowed"
        raise InvalidRequest([FieldProblem(pointer="name", detail=detail)])
    return name


def _about(file: MachineFile, digest: str) -> dict[str, Any]:
    return {
        "origin": "imported",
        "initial_dilution": file.initial_dilution,
        "num_visible": file.num_visible,
        "num_hidden": file.num_hidden,
        "parameters": {"dataset": file.dataset},
        "provenance": {name: _readable(text) for name, text in file.metadata.items()},
        "artifact_digest": digest,
    }


def _readable(text: str) -> Any:
    """Groups of parameters, which machine files carry as JSON, are opened; every other text stays a text."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return value if isinstance(value, Mapping) else text
