"""States of studies, cells and jobs, and which of them are final."""

from enum import StrEnum


class StudyState(StrEnum):
    """Where a study stands; derived from its jobs."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class JobState(StrEnum):
    """Where a job stands. A final state never changes: a retry makes a new job."""

    BLOCKED = "blocked"
    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class CellState(StrEnum):
    """Where a cell stands. `DONE` is final; a failed or cancelled cell is open to the next retry."""

    PENDING = "pending"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


FINAL_JOB_STATES = frozenset({JobState.DONE, JobState.FAILED, JobState.CANCELLED})
FINAL_STUDY_STATES = frozenset({StudyState.DONE, StudyState.FAILED, StudyState.CANCELLED})
