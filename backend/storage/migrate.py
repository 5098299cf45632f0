"""The schema brought up to date. Only who migrates pays for importing Alembic."""

import threading
from pathlib import Path

import alembic.command
import alembic.config
from sqlalchemy import Connection

from backend.storage.database import exclusive, open_database

_MIGRATIONS = Path(__file__).parent / "migrations"
_alembic_is_not_thread_safe = threading.Lock()


def migrate(url: str) -> None:
    """Bring the schema up to date. When several processes start at once, one migrates and the others wait."""
    database = open_database(url)
    try:
        with _alembic_is_not_thread_safe, database.write() as session:
            exclusive(session)
            alembic.command.upgrade(alembic_config(session.connection()), "head")
    finally:
        database.dispose()


def alembic_config(connection: Connection) -> alembic.config.Config:
    """Alembic's configuration for commands on an open connection."""
    config = alembic.config.Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
