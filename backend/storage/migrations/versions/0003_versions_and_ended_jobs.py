"""A version of what each cell holds, for tags of curves; the listing of ended jobs, newest first, along an index.

Revision ID: 0003
Revises: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema to this revision."""
    op.add_column("cells", sa.Column("version", sa.Integer(), nullable=False, server_default="0"))
    op.create_index("ix_jobs_state_finished_at_id", "jobs", ["state", "finished_at", "id"])


def downgrade() -> None:
    """Go back to the revision before."""
    op.drop_index("ix_jobs_state_finished_at_id", table_name="jobs")
    op.drop_column("cells", "version")
