"""What a metric is for held-out test images: the lines that curves are read against."""

from collections.abc import Collection, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.storage.repositories.inserting import insert_missing
from backend.storage.repositories.results import MetricValue
from backend.storage.tables import Reference


def record_references(
    session: Session, dataset_digest: str, judge: str, num_samples: int, values: Sequence[MetricValue]
) -> None:
    """Write reference values; the first ones stay.

    Args:
        judge: digest of the judge that was asked, empty for none.
    """
    key = {"dataset_digest": dataset_digest, "judge": judge, "num_samples": num_samples}
    rows = [{**key, "name": one.name, "value": one.value, "low": one.low, "high": one.high} for one in values]
    insert_missing(session, Reference, rows)


def references_for(
    session: Session, dataset_digests: Collection[str], judge: str, num_samples: int
) -> dict[str, Reference]:
    """Reference values by metric, for that judge and number of samples."""
    query = select(Reference).where(
        Reference.dataset_digest.in_(dataset_digests), Reference.judge == judge, Reference.num_samples == num_samples
    )
    return {row.name: row for row in session.scalars(query)}
