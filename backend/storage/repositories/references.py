"""What a metric is for held-out test images: the lines that curves are read against."""

from collections.abc import Collection

from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.storage.repositories.inserting import insert_missing
from backend.storage.tables import Reference


def record_reference(session: Session, dataset_digest: str, name: str, num_samples: int, value: float) -> None:
    """Write a reference value; the first one stays."""
    key = {"dataset_digest": dataset_digest, "name": name, "num_samples": num_samples}
    insert_missing(session, Reference, [{**key, "value": value}])


def references_for(session: Session, dataset_digests: Collection[str], num_samples: int) -> dict[str, float]:
    """Reference values by metric for that number of samples."""
    query = select(Reference.name, Reference.value).where(
        Reference.dataset_digest.in_(dataset_digests), Reference.num_samples == num_samples
    )
    return dict(session.execute(query).all())
