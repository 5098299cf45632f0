"""Answers cost the same number of statements however many rows there are, and tags follow what they stand for."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import delete, event, insert, update

from backend.contracts.states import CellState
from backend.services.cells import list_analyses, list_cells
from backend.services.curves import curves_tag, study_curves
from backend.services.jobs import list_jobs
from backend.services.laboratory import Laboratory
from backend.services.machines import list_machines
from backend.services.studies import list_studies, show_study
from backend.storage.database import Database
from backend.storage.repositories import cells as cell_rows
from backend.storage.repositories.job_listing import page_of_jobs
from backend.storage.repositories.references import record_references
from backend.storage.repositories.results import MetricValue, write_metrics
from backend.storage.tables import Cell, Machine, Metric
from tests.scale import STATES, Shape, fill

FIRST = f"{0:032x}"
RUNNING = f"{STATES.index('running'):032x}"
ANSWERS: dict[str, Callable[[Laboratory], Any]] = {
    "studies": lambda lab: list_studies(lab, limit=500),
    "a study": lambda lab: show_study(lab, RUNNING),
    "jobs": lambda lab: list_jobs(lab, limit=500),
    "jobs of a study": lambda lab: list_jobs(lab, limit=500, study_id=RUNNING),
    "machines": lambda lab: list_machines(lab, limit=500),
    "cells": lambda lab: list_cells(lab, FIRST, limit=500),
    "analyses": lambda lab: list_analyses(lab, FIRST),
    "curves": lambda lab: study_curves(lab, FIRST),
    "tag of curves": lambda lab: curves_tag(lab, FIRST),
}


@contextmanager
def counted(database: Database) -> Iterator[list[str]]:
    """The statements that are sent meanwhile."""
    sent: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        sent.append(statement)

    event.listen(database.engine, "before_cursor_execute", note)
    yield sent
    event.remove(database.engine, "before_cursor_execute", note)


def test_no_answer_asks_row_by_row(laboratory: Laboratory) -> None:
    """Kills: a query in the loop over the rows of any listing."""
    fill(laboratory.database, [Shape(2, 1, 2)] * len(STATES))
    few = {name: _statements(laboratory, answer) for name, answer in ANSWERS.items()}
    with laboratory.database.write() as session:
        for name in ("metrics", "machines", "job_dependencies", "job_cells", "jobs", "study_cells", "cells"):
            session.connection().exec_driver_sql(f"DELETE FROM {name}")
        session.connection().exec_driver_sql("DELETE FROM studies")
        session.connection().exec_driver_sql("DELETE FROM artifacts")
    fill(laboratory.database, [Shape(6, 3, 4)] * (4 * len(STATES)))
    many = {name: _statements(laboratory, answer) for name, answer in ANSWERS.items()}
    assert len(list_studies(laboratory, limit=500).items) == 4 * len(STATES)
    assert few == many
    assert max(many.values()) <= 14


def _statements(lab: Laboratory, answer: Callable[[Laboratory], Any]) -> int:
    with counted(lab.database) as sent:
        answer(lab)
    return len(sent)


def test_jobs_come_in_the_order_of_their_sections_however_they_are_asked_for(laboratory: Laboratory) -> None:
    """Kills: the first jobs of one state hidden by those of another; a page lost between two."""
    fill(laboratory.database, [Shape(3, 2, 0)] * len(STATES))
    with laboratory.database.read() as session:
        whole = page_of_jobs(session, None, 500)
        pages, after = [], None
        while page := page_of_jobs(session, after, 7):
            pages += page
            after = page[-1][0]
    assert [job.id for _, job in pages] == [job.id for _, job in whole]
    assert len(whole) == 3 * 3 * len(STATES)
    ended = [(job.finished_at, job.id) for _, job in whole if job.finished_at is not None]
    assert ended == sorted(ended, reverse=True)
    assert {"done", "failed", "cancelled"} <= {job.state for _, job in whole}


def test_ended_jobs_are_read_along_their_index(sqlite_url: str, laboratory: Laboratory) -> None:
    """Kills: the index dropped, or an order that it does not have."""
    if laboratory.database.engine.dialect.name != "sqlite":
        return
    with laboratory.database.read() as session, counted(laboratory.database) as sent:
        page_of_jobs(session, None, 50)
        [ended] = [one for one in sent if "finished_at DESC" in one and "UNION ALL" in one]
        parameters = tuple("x" for _ in range(ended.count("?")))
        plan = session.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {ended}", parameters)
        steps = [row[3] for row in plan]
    assert sum("ix_jobs_state_finished_at_id" in step for step in steps) == 3, steps


def test_last_values_are_those_of_the_last_update_of_each_metric(laboratory: Laboratory) -> None:
    """Kills: the last update taken over all metrics or all cells; values without an update forgotten."""
    fill(laboratory.database, [Shape(2, 1, 3)], live=False)
    with laboratory.database.write() as session:
        one, other = sorted(
            cell for cell, row in cell_rows.cells_of_study(session, FIRST).items() if row.parent is None
        )
        session.execute(delete(Metric))
        rows = [
            (one, "a", 5, 1.0),
            (one, "a", 10, 2.0),
            (one, "b", 5, 3.0),
            (other, "a", 5, 4.0),
            (one, "c", None, 5.0),
        ]
        names = ("cell_id", "name", "update", "value")
        session.execute(insert(Metric), [dict(zip(names, row, strict=True)) for row in rows])
        found = cell_rows.last_metrics(session, [one, other])
    assert found == {one: {"a": 2.0, "b": 3.0, "c": 5.0}, other: {"a": 4.0}}


def test_a_done_study_counts_its_cells_without_looking_at_them(laboratory: Laboratory) -> None:
    """Kills: a done study without its cells, or with those of another."""
    fill(laboratory.database, [Shape(3, 2, 0), Shape(1, 1, 0)], live=False)
    progress = [study.progress for study in list_studies(laboratory).items]
    assert [(one.cells_total, one.cells_done, one.cells_failed, one.fraction) for one in progress] == [
        (2, 2, 0, 1.0),
        (9, 9, 0, 1.0),
    ]


def _measured_again(lab: Laboratory) -> None:
    with lab.database.write() as session:
        cell = next(iter(cell_rows.cells_of_study(session, FIRST)))
        write_metrics(session, cell, [MetricValue("pseudo_log_likelihood", 0.25, update=25)])


def _new_line(lab: Laboratory) -> None:
    with lab.database.write() as session:
        record_references(session, "0" * 64, "", 1000, [MetricValue("second_moment_error", 0.1)])


def _machine_lost(lab: Laboratory) -> None:
    with lab.database.write() as session:
        cell = next(iter(cell_rows.cells_of_study(session, FIRST)))
        session.execute(delete(Machine).where(Machine.key == cell))
        session.execute(update(Cell).where(Cell.id == cell).values(state=CellState.CANCELLED))


@pytest.mark.parametrize("change", [_measured_again, _new_line, _machine_lost])
def test_the_tag_of_curves_changes_with_what_they_show(
    laboratory: Laboratory, change: Callable[[Laboratory], None]
) -> None:
    """Kills: values, reference lines or machines that leave the tag as it is: an answer kept too long."""
    fill(laboratory.database, [Shape(2, 1, 2)] * 2, live=False)
    other = f"{1:032x}"
    before = curves_tag(laboratory, FIRST), curves_tag(laboratory, FIRST, max_replicas=1)
    shown = study_curves(laboratory, FIRST, "training", max_replicas=4)
    assert curves_tag(laboratory, FIRST) == before[0], "nothing happened"
    change(laboratory)
    assert curves_tag(laboratory, FIRST) != before[0]
    if change is _measured_again:
        assert study_curves(laboratory, FIRST, "training", max_replicas=4) != shown, "an old answer"
    tags = {
        curves_tag(laboratory, FIRST, "training"),
        curves_tag(laboratory, FIRST, metrics_asked=["quality"]),
        curves_tag(laboratory, FIRST, metrics_asked=[]),
        curves_tag(laboratory, FIRST, max_replicas=3),
        curves_tag(laboratory, FIRST),
        curves_tag(laboratory, other),
        *before,
    }
    assert len(tags) == 8
