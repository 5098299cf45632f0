"""The sweep: once a second, put right what nobody is there to put right."""

from collections.abc import Sequence

from backend.contracts.messages import Event
from backend.services.errors import storage_in_words
from backend.services.laboratory import Laboratory
from backend.storage.repositories import reaper
from backend.storage.repositories.graph import studies_of_jobs
from backend.storage.repositories.job_listing import get_job
from backend.storage.repositories.studies import get_study


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
    lab.announce(*_news(lab, changed))


def _news(lab: Laboratory, job_ids: Sequence[str]) -> list[Event]:
    """What changed with these jobs, and with the studies that they work for."""
    if not job_ids:
        return []
    with storage_in_words(), lab.database.read() as session:
        jobs = [get_job(session, job_id) for job_id in job_ids]
        studies = [get_study(session, study_id) for study_id in studies_of_jobs(session, job_ids)]
        return [
            *(Event(kind="job", id=job.id, study_id=job.study_id, state=job.state) for job in jobs if job),
            *(Event(kind="study", id=one.id, study_id=one.id, state=one.state) for one in studies if one),
        ]
