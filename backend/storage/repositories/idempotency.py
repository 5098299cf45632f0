"""First answers to keyed requests."""

from datetime import timedelta

from sqlalchemy import delete, or_, update
from sqlalchemy.orm import Session

from backend.storage.database import database_now, exclusive
from backend.storage.tables import IdempotencyKey

KEPT = timedelta(hours=24)
IN_FLIGHT = timedelta(minutes=2)  # longer than any request takes: its process died


def take(session: Session, key: str, request_digest: str) -> IdempotencyKey | None:
    """Take a key for a request. None: go ahead; a row: the key was taken before."""
    exclusive(session)
    now = database_now(session)
    abandoned = IdempotencyKey.status.is_(None) & (IdempotencyKey.created_at < now - IN_FLIGHT)
    session.execute(delete(IdempotencyKey).where(or_(IdempotencyKey.created_at < now - KEPT, abandoned)))
    row = session.get(IdempotencyKey, key, populate_existing=True)
    if row is None:
        session.add(IdempotencyKey(key=key, request_digest=request_digest, created_at=now))
        session.flush()
    return row


def keep(session: Session, key: str, status: int, headers: dict[str, str], body: str) -> None:
    """Keep the first answer."""
    change = update(IdempotencyKey).where(IdempotencyKey.key == key)
    session.execute(change.values(status=status, headers=headers, body=body))


def forget(session: Session, key: str) -> None:
    """Give a key back, because its request had no lasting effect."""
    session.execute(delete(IdempotencyKey).where(IdempotencyKey.key == key, IdempotencyKey.status.is_(None)))
