import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect, select, text

from backend.storage.database import open_database
from backend.storage.migrate import alembic_config, migrate
from backend.storage.tables import Base, Cell, Metric, Reference, Study


def test_migrations_make_exactly_the_tables(empty_database_url: str) -> None:
    migrate(empty_database_url)
    database = open_database(empty_database_url)
    with database.read() as session:
        context = MigrationContext.configure(session.connection(), opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []
    database.dispose()


def test_migrating_again_changes_nothing_and_keeps_rows(empty_database_url: str) -> None:
    migrate(empty_database_url)
    database = open_database(empty_database_url)
    with database.write() as session:
        session.add(Study(name="kept", type="t", parameters={}, code_version="0"))
    migrate(empty_database_url)
    with database.read() as session:
        assert session.scalars(select(Study.name)).all() == ["kept"]
    database.dispose()


def test_downgrade_removes_every_table(empty_database_url: str) -> None:
    migrate(empty_database_url)
    database = open_database(empty_database_url)
    with database.write() as session:
        command.downgrade(alembic_config(session.connection()), "base")
    assert set(inspect(database.engine).get_table_names()) <= {"alembic_version"}
    database.dispose()


def test_processes_that_start_at_once_all_find_the_schema(empty_database_url: str) -> None:
    program = f"from backend.storage.migrate import migrate; migrate({empty_database_url!r})"

    def start(_: int) -> "subprocess.CompletedProcess[str]":
        return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)

    with ThreadPoolExecutor(3) as pool:
        results = list(pool.map(start, range(3)))
    assert [result.returncode for result in results] == [0, 0, 0], [result.stderr for result in results]
    database = open_database(empty_database_url)
    assert "studies" in inspect(database.engine).get_table_names()
    database.dispose()


def test_rows_survive_the_second_schema_and_the_way_back(empty_database_url: str) -> None:
    """Kills: samples, values or reference lines lost on the way."""
    database = open_database(empty_database_url)
    with database.write() as session:
        command.upgrade(alembic_config(session.connection()), "0001")
    rows = (
        "INSERT INTO artifacts VALUES ('a', 'samples', 1, '2026-01-01')",
        "INSERT INTO cells (id, kind, parameters, dataset_digest, work, state, samples_digest, created_at)"
        " VALUES ('c', 'evaluation', '{}', 'd', 1, 'done', 'a', '2026-01-01')",
        "INSERT INTO metrics (cell_id, name, value) VALUES ('c', 'm', 0.5)",
        "INSERT INTO reference_values VALUES ('d', 'm', 7, 0.25)",
    )
    with database.write() as session:
        for row in rows:
            session.execute(text(row))
    migrate(empty_database_url)
    with database.write() as session:
        cell = session.get_one(Cell, "c")
        assert (cell.artifact_digest, cell.inputs) == ("a", [])
        [metric] = session.scalars(select(Metric))
        assert (metric.value, metric.low, metric.high) == (0.5, None, None)
        [reference] = session.scalars(select(Reference))
        assert (reference.judge, reference.value) == ("", 0.25)
        session.add(Reference(dataset_digest="d", name="m", num_samples=7, judge="j", value=1.0))
    with database.write() as session:
        command.downgrade(alembic_config(session.connection()), "0001")
        assert session.execute(text("SELECT samples_digest FROM cells")).scalars().all() == ["a"]
        assert session.execute(text("SELECT num_samples, value FROM reference_values")).all() == [(7, 0.25)]
    database.dispose()
