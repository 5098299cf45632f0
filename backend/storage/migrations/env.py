"""Alembic's environment: always run on a connection that `storage.database` hands over."""

from typing import Any, Literal

from alembic import context

from backend.storage.tables import Base, UTCDateTime


def _render(kind: str, value: Any, _autogen: Any) -> str | Literal[False]:
    # Migrations must not depend on today's Python types.
    return "sa.DateTime(timezone=True)" if kind == "type" and isinstance(value, UTCDateTime) else False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_item=_render,
    render_as_batch=True,
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
