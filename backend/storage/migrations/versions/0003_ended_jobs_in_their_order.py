"""The listing of ended jobs, newest first, along an index.

Revision ID: 0003
Revises: 0002
"""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema to this revision."""
    op.create_index("ix_jobs_state_finished_at_id", "jobs", ["state", "finished_at", "id"])


def downgrade() -> None:
    """Go back to the revision before."""
    op.drop_index("ix_jobs_state_finished_at_id", table_name="jobs")
