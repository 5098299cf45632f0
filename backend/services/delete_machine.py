"""Delete a machine, or say what still uses it."""

from sqlalchemy.orm import Session

from backend.contracts.messages import Dependant, Dependants, Event, FieldProblem
from backend.contracts.states import FINAL_STUDY_STATES, StudyState
from backend.services.errors import Conflict, InUse, storage_in_words
from backend.services.laboratory import Laboratory
from backend.services.machines import machine_row
from backend.storage import tables
from backend.storage.database import database_now, exclusive
from backend.storage.repositories import machines as rows
from backend.storage.repositories import studies as study_rows
from backend.storage.repositories.machine_deletion import MachineUse, delete_machine_rows, use_of

NAMED = 20


def dependants(lab: Laboratory, machine_id: str) -> Dependants:
    """What uses a machine. Raises `NotFound`."""
    with storage_in_words(), lab.database.read() as session:
        machine = machine_row(session, machine_id)
        return _dependants(machine, use_of(session, machine))


def delete_machine(lab: Laboratory, machine_id: str, *, with_dependants: bool = False) -> None:
    """Remove a machine, its samples and values, and its file. Deleting it again changes nothing.

    Args:
        with_dependants: whether machines that descend from it go too, and studies lose it: their cells are emptied,
            the studies count as cancelled, and a retry makes the machines again.

    Raises:
        Conflict: it belongs to the starter zoo.
        InUse: a live job uses it; or, without `with_dependants`, a study or another machine does.
    """
    with storage_in_words(), lab.database.write() as session:
        exclusive(session)
        machine = rows.get_machine(session, machine_id)
        if machine is None:
            return
        use = use_of(session, machine)
        found = _dependants(machine, use)
        _refuse_if_needed(found, machine.name, with_dependants=with_dependants)
        digests = delete_machine_rows(session, machine, use)
        changed = _reopen(session, use)
    lab.remove_files(digests)
    lab.announce(
        Event(kind="machine", id=machine_id, state="deleted"),
        *(Event(kind="machine", id=one.id, state="deleted") for one in found.machines),
        *(Event(kind="study", id=one, study_id=one, state=StudyState.CANCELLED) for one in changed),
    )


def _reopen(session: Session, use: MachineUse) -> list[str]:
    """Studies that were done are not any more: they lack cells, and can be retried."""
    now = database_now(session)
    done = [study.id for study in use.studies if study.state in FINAL_STUDY_STATES]
    for study_id in done:
        study_rows.set_state(session, study_id, StudyState.CANCELLED, now)
    return done


def _refuse_if_needed(found: Dependants, name: str, *, with_dependants: bool) -> None:
    if found.protected:
        raise Conflict(found.protected)
    if found.jobs:
        raise InUse(
            f"{len(found.jobs)} live jobs use “{name}” or make it: cancel them, or wait until they are done",
            _named(found.jobs),
        )
    users = [*found.studies, *found.machines]
    if users and not with_dependants:
        raise InUse(
            f"“{name}” is used by {_count(found.studies, 'study', 'studies')} and "
            f"{_count(found.machines, 'machine', 'machines')}: "
            f"with_dependants=true deletes those machines too and empties its places in the studies",
            _named(users),
        )


def _count(users: list[Dependant], one: str, several: str) -> str:
    return f"{len(users)} {one if len(users) == 1 else several}"


def _named(users: list[Dependant]) -> list[FieldProblem]:
    return [FieldProblem(pointer=one.url, detail=f"{one.kind} “{one.name}”") for one in users[:NAMED]]


def _dependants(machine: tables.Machine, use: MachineUse) -> Dependants:
    protected = None
    if machine.origin == "zoo":
        protected = f"“{machine.name}” belongs to the starter zoo, which every start puts back: it cannot be deleted"
    return Dependants(
        machine_id=machine.id,
        protected=protected,
        jobs=[
            Dependant(kind="job", id=job.id, name=job.title, state=job.state, url=f"/api/v1/jobs/{job.id}")
            for job in use.jobs
        ],
        studies=[
            Dependant(kind="study", id=one.id, name=one.name, state=one.state, url=f"/api/v1/studies/{one.id}")
            for one in use.studies
        ],
        machines=[
            Dependant(kind="machine", id=one.id, name=one.name, url=f"/api/v1/machines/{one.id}")
            for one in sorted(use.machines, key=lambda one: (one.created_at, one.id))
        ],
        num_cells=len(use.cells - {machine.cell_id}),
    )
