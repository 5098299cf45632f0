"""Everything that a service works with, opened once for each process."""

from collections.abc import Collection
from dataclasses import dataclass

import structlog

from backend.contracts.messages import Event
from backend.services.queue import Queue
from backend.settings import Settings
from backend.storage.artifacts import ArtifactStore
from backend.storage.database import Database, exclusive, open_database
from backend.storage.errors import DatabaseUnavailable, StoreUnavailable
from backend.storage.events import EventBus
from backend.storage.repositories import reaper
from backend.storage.repositories.artifacts import sizes

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Laboratory:
    """Database, models store, events and queue of one laboratory."""

    database: Database
    artifacts: ArtifactStore
    events: EventBus
    queue: Queue
    settings: Settings

    def send(self, job_ids: Collection[str]) -> None:
        """Wake workers for jobs that are ready; called after the commit, so nothing here may fail the caller.

        What is not sent, or not noted as sent, the sweep sends.
        """
        sent = []
        for job_id in job_ids:
            if not self.queue.send(job_id):
                break
            sent.append(job_id)
        try:
            if sent:
                with self.database.write() as session:
                    reaper.mark_sent(session, sent)
        except DatabaseUnavailable as error:
            log.warning("wake-up calls not noted as sent", job_ids=sent, reason=str(error))

    def announce(self, *events: Event) -> None:
        """Tell open pages that something changed."""
        for event in events:
            self.events.publish(event)

    def remove_files(self, digests: Collection[str]) -> None:
        """Remove artifacts that no row names any more; called after the commit.

        The lock keeps an import of the same bytes from writing its row while their file goes.
        """
        for digest in digests:
            try:
                with self.database.write() as session:
                    exclusive(session)
                    if not sizes(session, [digest]):
                        self.artifacts.delete(digest)
            except (StoreUnavailable, DatabaseUnavailable) as error:
                log.warning("artifact not removed", digest=digest, reason=str(error))

    def close(self) -> None:
        """Close every connection."""
        self.queue.close()
        self.events.close()
        self.database.dispose()


def open_laboratory(settings: Settings) -> Laboratory:
    """Open the laboratory that the settings describe; connections are made on first use."""
    return Laboratory(
        database=open_database(settings.database),
        artifacts=ArtifactStore(settings.models_store),
        events=EventBus(settings.redis),
        queue=Queue(settings.celery_broker),
        settings=settings,
    )
