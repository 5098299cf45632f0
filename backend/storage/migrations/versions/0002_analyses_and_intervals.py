"""Analyses: cells that read other cells, and leave one artifact of any kind; values with bootstrap intervals.

Revision ID: 0002
Revises: 0001
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema to this revision."""
    op.execute("ALTER TABLE cells RENAME COLUMN samples_digest TO artifact_digest")
    op.add_column("cells", sa.Column("inputs", sa.JSON(), nullable=False, server_default="[]"))
    for end in ("low", "high"):
        op.add_column("metrics", sa.Column(end, sa.Double(), nullable=True))
    _recreate_references(
        sa.Column("judge", sa.String(length=64), nullable=False),
        sa.Column("low", sa.Double(), nullable=True),
        sa.Column("high", sa.Double(), nullable=True),
        key=("dataset_digest", "name", "num_samples", "judge"),
        copied="dataset_digest, name, num_samples, value, ''",
        into="dataset_digest, name, num_samples, value, judge",
    )


def downgrade() -> None:
    """Go back to the revision before; reference values that a judge gave are dropped."""
    _recreate_references(
        key=("dataset_digest", "name", "num_samples"),
        copied="dataset_digest, name, num_samples, value",
        into="dataset_digest, name, num_samples, value",
        where="WHERE judge = ''",
    )
    for end in ("high", "low"):
        op.drop_column("metrics", end)
    op.drop_column("cells", "inputs")
    op.execute("ALTER TABLE cells RENAME COLUMN artifact_digest TO samples_digest")


def _recreate_references(*more: sa.Column[Any], key: tuple[str, ...], copied: str, into: str, where: str = "") -> None:
    # SQLite cannot change a primary key in place.
    op.create_table(
        "new_reference_values",
        sa.Column("dataset_digest", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("num_samples", sa.Integer(), nullable=False),
        *more,
        sa.Column("value", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint(*key, name=op.f("pk_new_reference_values")),
    )
    op.execute(f"INSERT INTO new_reference_values ({into}) SELECT {copied} FROM reference_values {where}")  # noqa: S608
    op.drop_table("reference_values")
    op.rename_table("new_reference_values", "reference_values")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER INDEX pk_new_reference_values RENAME TO pk_reference_values")
