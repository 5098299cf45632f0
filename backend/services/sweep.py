"""The sweep: once a second, put right what nobody is there to put right."""

from backend.contracts.messages import Event
from backend.services.errors import storage_in_words
from backend.services.laboratory import Laboratory
from backend.storage.repositories import reaper


def sweep(lab: Laboratory) -> None:
    """Take back expired leases, wake workers for ready jobs, forget old checkpoints and dead workers.

    Several processes may sweep at once.
    """
    with storage_in_words():
        with lab.database.read() as session:
            chores = reaper.chores(session)
            waiting = reaper.jobs_to_send(session)
        changed, digests = [], []
        if chores:
            with lab.database.write() as session:
                changed = reaper.reap(session) if chores.expired else []
                digests = reaper.drop_old_checkpoints(session) if chores.old_checkpoints else []
                if chores.dead_workers:
                    reaper.forget_dead_workers(session)
                waiting = reaper.jobs_to_send(session)
        lab.send(waiting)
        lab.remove_files(digests)
    lab.announce(*(Event(kind="job", id=job_id) for job_id in changed))
