"""Things that happen once in the life of a database."""

from sqlalchemy.orm import Session

from backend.storage.tables import Milestone


def reached(session: Session, name: str) -> bool:
    """Whether a milestone was reached before."""
    return session.get(Milestone, name) is not None


def reach(session: Session, name: str) -> None:
    """Note that a milestone is reached, in the same transaction as the deed."""
    session.add(Milestone(name=name))
    session.flush()
