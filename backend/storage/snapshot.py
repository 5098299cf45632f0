"""Which snapshot of the database a reader would get now: a name that changes with every commit."""

import secrets
import sqlite3
import threading
from typing import Any

import psycopg
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import PoolProxiedConnection

_QUERIES = {"sqlite": "PRAGMA data_version", "postgresql": "SELECT pg_current_snapshot()"}
_FAILURES = (sqlite3.Error, psycopg.Error, SQLAlchemyError)


class SnapshotName:
    """Asks the database over a connection of its own which snapshot is the newest.

    Equal names mean equal rows. SQLite counts the commits of all other connections (`PRAGMA data_version`); the count
    belongs to this connection, so a name begins with a random word of it. PostgreSQL says which transactions are
    visible (`pg_current_snapshot()`). Either takes a fraction of a millisecond and reads no table.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._query = _QUERIES[engine.dialect.name]
        self._lock = threading.Lock()
        self._connection: PoolProxiedConnection | None = None
        self._word = ""

    def read(self) -> str | None:
        """The name of the newest snapshot; None if the database does not say."""
        with self._lock:
            try:
                number = self._driver().execute(self._query).fetchone()[0]
                return f"{self._word} {number}"
            except _FAILURES:
                self._disconnect()
                return None

    def close(self) -> None:
        """Close the connection; the next reading opens another."""
        with self._lock:
            self._disconnect()

    def _driver(self) -> Any:
        if self._connection is None:
            self._connection = self._engine.raw_connection()
            self._connection.detach()  # it is not the pool's any more
            self._word = secrets.token_hex(4)
            if self._engine.dialect.name == "postgresql":
                self._connection.rollback()
                driver: Any = self._connection.dbapi_connection
                driver.autocommit = True  # no transaction stays open
        return self._connection.dbapi_connection

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
