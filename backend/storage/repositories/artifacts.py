"""Rows that name what lies in the models store, and who refers to it."""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import delete, exists, select
from sqlalchemy.orm import Session

from backend.storage.repositories.inserting import insert_missing
from backend.storage.tables import Artifact, Cell, Job, Machine


@dataclass(frozen=True)
class StoredArtifact:
    """Bytes that are in the store already.

    Attributes:
        kind: `machine`, `samples`, `checkpoint`, `result`, `couplings` or `judge`.
    """

    digest: str
    kind: str
    size_bytes: int


def add_artifact(session: Session, artifact: StoredArtifact) -> None:
    """Register stored bytes; nothing happens when they are registered already."""
    row = {"digest": artifact.digest, "kind": artifact.kind, "size_bytes": artifact.size_bytes}
    insert_missing(session, Artifact, [row])


def sizes(session: Session, digests: Collection[str]) -> dict[str, int]:
    """Size in bytes of each registered artifact."""
    query = select(Artifact.digest, Artifact.size_bytes).where(Artifact.digest.in_(digests))
    return dict(session.execute(query).all())


def kind_of(session: Session, digest: str | None) -> str | None:
    """What an artifact is; None for none."""
    artifact = session.get(Artifact, digest) if digest else None
    return artifact.kind if artifact else None


def drop_unreferenced(session: Session, digests: Collection[str]) -> list[str]:
    """Remove the rows, among these, that no cell, machine or job refers to.

    Returns:
        Their digests: the caller removes the files after the commit.
    """
    query = select(Artifact.digest).where(
        Artifact.digest.in_(digests),
        ~exists().where(Cell.artifact_digest == Artifact.digest),
        ~exists().where(Machine.artifact_digest == Artifact.digest),
        ~exists().where(Job.checkpoint_digest == Artifact.digest),
    )
    unreferenced = list(session.scalars(query))
    session.execute(delete(Artifact).where(Artifact.digest.in_(unreferenced)))
    return unreferenced
