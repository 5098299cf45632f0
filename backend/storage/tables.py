"""The tables. Rows are the truth of the laboratory: the broker only wakes workers up."""

from datetime import UTC, datetime
from typing import Any, ClassVar

from sqlalchemy import (
    JSON,
    BigInteger,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Text,
    TypeDecorator,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from backend.contracts.identity import new_id
from backend.contracts.states import CellState, JobState, StudyState

ID = String(64)


def utcnow() -> datetime:
    """The time now, aware, UTC."""
    return datetime.now(UTC)


class UTCDateTime(TypeDecorator[datetime]):
    """Aware UTC times on every database (SQLite keeps no zone)."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse naive times, store UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"naive time {value!r}: give an aware one")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give back aware UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Base(DeclarativeBase):
    """Declarative base; constraint names are fixed so that migrations can name them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar[dict[Any, Any]] = {dict[str, Any]: JSON, datetime: UTCDateTime, str: String(255)}


class Study(Base):
    """A question: a grid of cells. `state` follows from its cells and jobs (`repositories/studies.py`)."""

    __tablename__ = "studies"

    id: Mapped[str] = mapped_column(ID, primary_key=True, default=new_id)
    name: Mapped[str]
    type: Mapped[str]
    parameters: Mapped[dict[str, Any]]
    state: Mapped[str] = mapped_column(String(16), default=StudyState.QUEUED, index=True)
    code_version: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(default=utcnow)
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]


class Cell(Base):
    """One point of a grid, shared by all studies that contain it.

    `parent`: identity of the machine that it starts from. `inputs`: ids of the cells that it reads. `work`: Gibbs steps
    times chains. `artifact_digest`: samples of an evaluation, result of an analysis; a machine has a row of its own.
    `version` rises whenever its values or its machine are written.
    """

    __tablename__ = "cells"

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    kind: Mapped[str] = mapped_column(String(32))
    parameters: Mapped[dict[str, Any]]
    dataset_digest: Mapped[str] = mapped_column(ID)
    parent: Mapped[str | None] = mapped_column(ID, index=True)
    inputs: Mapped[list[str]] = mapped_column(JSON, default=list, server_default="[]")
    work: Mapped[float]
    state: Mapped[str] = mapped_column(String(16), default=CellState.PENDING)
    error: Mapped[str | None] = mapped_column(Text)
    artifact_digest: Mapped[str | None] = mapped_column(
        ForeignKey("artifacts.digest", name="fk_cells_samples_digest_artifacts")
    )
    version: Mapped[int] = mapped_column(default=0, server_default="0")
    created_at: Mapped[datetime] = mapped_column(default=utcnow)
    done_at: Mapped[datetime | None]


class StudyCell(Base):
    """A cell's place in a study's grid."""

    __tablename__ = "study_cells"

    study_id: Mapped[str] = mapped_column(ForeignKey("studies.id", ondelete="CASCADE"), primary_key=True)
    cell_id: Mapped[str] = mapped_column(ForeignKey("cells.id"), primary_key=True, index=True)
    position: Mapped[int]
    axes: Mapped[dict[str, Any]]


class Job(Base):
    """A unit of work, claimed by one worker at a time through a lease.

    `token` rises with every claim; a worker writes only while its token is the row's (fencing).
    """

    __tablename__ = "jobs"

    id: Mapped[str] = mapped_column(ID, primary_key=True, default=new_id)
    study_id: Mapped[str | None] = mapped_column(ForeignKey("studies.id", ondelete="SET NULL"), index=True)
    kind: Mapped[str] = mapped_column(String(32))
    title: Mapped[str]
    state: Mapped[str] = mapped_column(String(16), default=JobState.BLOCKED)
    work: Mapped[float]
    fraction: Mapped[float] = mapped_column(default=0.0)
    stage: Mapped[str | None]
    rate: Mapped[float | None]
    attempt: Mapped[int] = mapped_column(default=0)
    max_attempts: Mapped[int] = mapped_column(default=5)
    token: Mapped[int] = mapped_column(default=0)
    worker_id: Mapped[str | None] = mapped_column(ID)
    lease_expires_at: Mapped[datetime | None]
    checkpoint_digest: Mapped[str | None] = mapped_column(ID)
    cancel_requested: Mapped[bool] = mapped_column(default=False)
    error: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(default=utcnow)
    sent_at: Mapped[datetime | None]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]

    __table_args__ = (
        Index("ix_jobs_state_created_at", "state", "created_at"),
        Index("ix_jobs_state_finished_at_id", "state", "finished_at", "id"),
    )


class JobCell(Base):
    """Which cells a job fills, in order."""

    __tablename__ = "job_cells"

    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    cell_id: Mapped[str] = mapped_column(ForeignKey("cells.id"), primary_key=True, index=True)
    position: Mapped[int]


class JobDependency(Base):
    """`job_id` may start only when `depends_on_id` is done."""

    __tablename__ = "job_dependencies"

    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    depends_on_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True, index=True)


class JobLog(Base):
    """What a job said, line by line."""

    __tablename__ = "job_log"

    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True)
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), index=True)
    at: Mapped[datetime] = mapped_column(default=utcnow)
    level: Mapped[str] = mapped_column(String(16), default="info")
    message: Mapped[str] = mapped_column(Text)


class Artifact(Base):
    """Bytes in the models store, named by their SHA-256."""

    __tablename__ = "artifacts"

    digest: Mapped[str] = mapped_column(ID, primary_key=True)
    kind: Mapped[str] = mapped_column(String(32))
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[datetime] = mapped_column(default=utcnow)


class Machine(Base):
    """A trained RBM. `key` is its identity as a parent of cells: its cell's id, or its artifact's digest."""

    __tablename__ = "machines"

    id: Mapped[str] = mapped_column(ID, primary_key=True, default=new_id)
    key: Mapped[str] = mapped_column(ID, unique=True)
    cell_id: Mapped[str | None] = mapped_column(ForeignKey("cells.id"))
    study_id: Mapped[str | None] = mapped_column(ForeignKey("studies.id", ondelete="SET NULL"), index=True)
    name: Mapped[str]
    origin: Mapped[str] = mapped_column(String(16))
    initial_dilution: Mapped[float]
    num_visible: Mapped[int]
    num_hidden: Mapped[int]
    parameters: Mapped[dict[str, Any]]
    provenance: Mapped[dict[str, Any]]
    artifact_digest: Mapped[str] = mapped_column(ForeignKey("artifacts.digest"), index=True)
    created_at: Mapped[datetime] = mapped_column(default=utcnow, index=True)


class Metric(Base):
    """One value of one metric: of an evaluation (`update` is null) or of a training at an update.

    `low`, `high`: its 95 % bootstrap interval, where it has one.
    """

    __tablename__ = "metrics"

    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True)
    cell_id: Mapped[str] = mapped_column(ForeignKey("cells.id"))
    name: Mapped[str] = mapped_column(String(64))
    update: Mapped[int | None]
    value: Mapped[float]
    low: Mapped[float | None]
    high: Mapped[float | None]
    num_samples: Mapped[int | None]
    gibbs_steps: Mapped[int | None]

    __table_args__ = (Index("ix_metrics_cell_id_name_update", "cell_id", "name", "update"),)


class Reference(Base):
    """A metric of held-out test images, for the same number of samples: the line a curve is read against.

    `judge`: digest of the judge that was asked, empty for metrics that ask none.
    """

    __tablename__ = "reference_values"

    dataset_digest: Mapped[str] = mapped_column(ID, primary_key=True)
    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    num_samples: Mapped[int] = mapped_column(primary_key=True)
    judge: Mapped[str] = mapped_column(ID, primary_key=True, default="")
    value: Mapped[float]
    low: Mapped[float | None]
    high: Mapped[float | None]


class Worker(Base):
    """A worker process, alive while its heartbeat is fresh."""

    __tablename__ = "workers"

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    hostname: Mapped[str]
    pid: Mapped[int]
    device: Mapped[str] = mapped_column(String(32))
    device_name: Mapped[str]
    num_threads: Mapped[int]
    started_at: Mapped[datetime]
    heartbeat_at: Mapped[datetime] = mapped_column(index=True)
    job_id: Mapped[str | None] = mapped_column(ID)
    rate: Mapped[float | None]


class IdempotencyKey(Base):
    """The first answer to a keyed request, kept for a day. `status` is null while it is in flight."""

    __tablename__ = "idempotency_keys"

    key: Mapped[str] = mapped_column(primary_key=True)
    request_digest: Mapped[str] = mapped_column(ID)
    status: Mapped[int | None]
    headers: Mapped[dict[str, Any] | None]
    body: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(default=utcnow, index=True)


class Milestone(Base):
    """Things that happen once in the life of a database, such as the demo study of the first start."""

    __tablename__ = "milestones"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    reached_at: Mapped[datetime] = mapped_column(default=utcnow)
