"""How the house is: its workers, and whether each part answers."""

from importlib.metadata import version

from sqlalchemy import text

from backend.contracts.messages import Health, Worker
from backend.services.errors import storage_in_words
from backend.services.laboratory import Laboratory
from backend.storage.errors import DatabaseUnavailable
from backend.storage.repositories import workers as rows


def list_workers(lab: Laboratory) -> list[Worker]:
    """Workers seen in the last ten minutes, alive or not."""
    with storage_in_words(), lab.database.read() as session:
        busy = rows.busy_shares(session)
        return [
            Worker(
                id=worker.id,
                hostname=worker.hostname,
                pid=worker.pid,
                device=worker.device,
                device_name=worker.device_name,
                num_threads=worker.num_threads,
                started_at=worker.started_at,
                heartbeat_at=worker.heartbeat_at,
                alive=alive,
                job_id=worker.job_id,
                rate=worker.rate,
                busy=round(busy.get(worker.id, 0.0), 3),
            )
            for worker, alive in rows.recent_workers(session)
        ]


def health(lab: Laboratory) -> Health:
    """Whether database, broker and at least one worker answer. Never raises."""
    alive = 0
    try:
        with lab.database.read() as session:
            session.execute(text("SELECT 1"))
            alive = sum(is_alive for _, is_alive in rows.recent_workers(session))
        database = True
    except DatabaseUnavailable:
        database = False
    broker = lab.events.ping()
    return Health(
        ok=database and broker and alive > 0,
        database="up" if database else "down",
        broker="up" if broker else "down",
        workers_alive=alive,
        message=_message(database, broker, alive),
        version=version("dilution-lab"),
    )


def _message(database: bool, broker: bool, alive: int) -> str:
    if not database:
        return "the database does not answer: check DATABASE_URL and that its server runs"
    if not broker:
        return "the broker does not answer: jobs stay queued and nothing is lost; check REDIS_URL and that it runs"
    if alive == 0:
        return "no worker is running. Start one with: make worker"
    return f"{alive} worker{'s' if alive > 1 else ''} running"
