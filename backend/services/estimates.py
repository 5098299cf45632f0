"""How long things still take: ranges, from measured speeds, and nothing where nothing was measured."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from backend.contracts.states import JobState
from backend.storage.repositories import workers
from backend.storage.repositories.studies import LiveShare
from backend.storage.tables import Worker

# Machines that learn change their speed, and two jobs on one computer share it: seen factors, not bounds.
OPTIMISM, PESSIMISM = 0.85, 1.5
START_SECONDS = 3.0
"""A worker's first jobs load compiled loops, images and judge."""


@dataclass(frozen=True)
class Crew:
    """The workers that are alive, and the speed that was measured last (chain steps a second)."""

    alive: int
    rate: float | None
    by_id: Mapping[str, Worker]

    @classmethod
    def of(cls, session: Session) -> "Crew":
        """Read it from the database."""
        recent = workers.recent_workers(session)
        alive = sum(is_alive for _, is_alive in recent)
        return cls(alive, workers.last_rate(session), {worker.id: worker for worker, _ in recent})


def as_range(seconds: float | None) -> tuple[float | None, float | None]:
    """An honest range around an estimate."""
    if seconds is None:
        return None, None
    return round(seconds * OPTIMISM, 1), round(seconds * PESSIMISM, 1)


def seconds_of(work: float, jobs: int, crew: Crew) -> float | None:
    """Time for work that so many jobs share, on the workers that are alive, or on one; None if no speed is known."""
    if not crew.rate:
        return None
    if not work:
        return 0.0
    return START_SECONDS + work / (crew.rate * max(1, min(crew.alive, jobs)))


def study_seconds(shares: Sequence[LiveShare], crew: Crew) -> float | None:
    """Time for the open work of a study's jobs, shared by the workers that are alive; None if unknown."""
    rates = [share.job.rate for share in shares if share.job.state == JobState.RUNNING and share.job.rate]
    rate = sum(rates) / len(rates) if rates else crew.rate
    if rate is None or crew.alive == 0 or not shares:
        return None
    # What a running training has done is not in its cells yet, but in its fraction.
    remaining = sum(
        share.job.work * (1 - share.job.fraction) if share.job.state == JobState.RUNNING else share.job_pending_work
        for share in shares
    )
    return remaining / (rate * min(crew.alive, len(shares)))
