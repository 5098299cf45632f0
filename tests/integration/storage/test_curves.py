"""Curves against brute force, on both databases."""

import csv
import io
from collections import defaultdict
from typing import Any

import numpy as np
import pytest
from sqlalchemy import delete, event, insert

from backend.contracts.identity import new_id
from backend.contracts.messages import Curves
from backend.contracts.plan import EVALUATION
from backend.services.cells import list_cells
from backend.services.curves import COLUMNS, curves_csv, study_curves
from backend.services.errors import NotFound
from backend.services.jobs import list_jobs
from backend.services.laboratory import Laboratory
from backend.storage.repositories import cells as cell_rows
from backend.storage.repositories.references import record_references
from backend.storage.repositories.results import MetricValue
from backend.storage.tables import Artifact, Cell, Machine, Metric, Study, StudyCell
from tests import hands

E2, PLL = "second_moment_error", "pseudo_log_likelihood"


def values_by_point(lab: Laboratory, study_id: str) -> dict[tuple[float, float], dict[int, float]]:
    """By brute force: every evaluation's E(2) from the listing of cells."""
    found: dict[tuple[float, float], dict[int, float]] = defaultdict(dict)
    for cell in list_cells(lab, study_id, limit=500).items:
        if cell.kind == EVALUATION and E2 in cell.metrics:
            axes: dict[str, Any] = cell.axes
            found[axes["initial_dilution"], axes["pruning"]][axes["replica"]] = cell.metrics[E2]
    return found


def test_curves_are_the_statistics_of_all_replicas(laboratory: Laboratory) -> None:
    study = hands.submit(laboratory, num_replicas=5)
    hands.work_off(laboratory)
    expected = values_by_point(laboratory, study.id)
    curves = study_curves(laboratory, study.id)
    assert (curves.kind, curves.num_samples, curves.gibbs_steps) == ("pruning", 7, 3)
    assert [metric.name for metric in curves.metrics] == [E2]
    assert [(series.metric, series.initial_dilution) for series in curves.series] == [(E2, 0.0), (E2, 0.4)]
    seen = 0
    for series in curves.series:
        assert [point.x for point in series.points] == sorted(point.x for point in series.points)
        for point in series.points:
            values = expected[series.initial_dilution, point.x]
            numbers = np.array([values[replica] for replica in sorted(values)])
            assert [(one.replica, one.value) for one in point.replicas] == sorted(values.items())
            assert point.n == 5
            assert point.mean == pytest.approx(numbers.mean(), rel=1e-12)
            assert point.std == pytest.approx(numbers.std(ddof=1), rel=1e-12)
            assert point.sem == pytest.approx(numbers.std(ddof=1) / np.sqrt(5), rel=1e-12)
            assert point.ci_high == pytest.approx(numbers.mean() + 2.7764451 * numbers.std(ddof=1) / np.sqrt(5))
            assert (point.minimum, point.maximum) == (numbers.min(), numbers.max())
            seen += 1
    assert seen == len(expected) == 6


def test_every_value_names_its_machine_and_how_it_was_pruned(laboratory: Laboratory) -> None:
    study = hands.submit(laboratory, pruning_rule="random")
    hands.work_off(laboratory)
    machines = {cell.id: cell.machine_id for cell in list_cells(laboratory, study.id).items}
    for kind in ("pruning", "training"):
        curves = study_curves(laboratory, study.id, kind)  # type: ignore[arg-type]
        ones = [one for series in curves.series for point in series.points for one in point.replicas]
        assert ones
        assert curves.pruning_rule == ("random" if kind == "pruning" else None)
        assert all(one.machine_id is not None and one.machine_id == machines[one.cell_id] for one in ones)


def test_the_finished_part_is_drawn_while_the_rest_runs(laboratory: Laboratory) -> None:
    study = hands.submit(laboratory)
    assert study_curves(laboratory, study.id).series == []
    titles = {job.title: job.id for job in _jobs(laboratory, study.id)}
    hands.finish(laboratory, hands.must_claim(laboratory, titles["Train p0 = 0.4"]))
    judge = hands.must_claim(laboratory, titles["Prune and judge p0 = 0.4"])
    for cell in judge.cells[:4]:
        hands.fill(laboratory, judge, cell)
    [series] = study_curves(laboratory, study.id).series
    assert [(point.x, point.n) for point in series.points] == [(0.4, 2), (0.5, 1), (0.9, 1)]
    assert series.points[1].std is None


def test_training_curves_run_over_updates(laboratory: Laboratory) -> None:
    study = hands.submit(laboratory)
    hands.work_off(laboratory)
    curves = study_curves(laboratory, study.id, "training")
    assert curves.x_label == "training update"
    assert [(one.metric, one.initial_dilution) for one in curves.series] == [(PLL, 0.0), (PLL, 0.4)]
    assert [point.x for point in curves.series[0].points] == [5.0, 10.0]
    assert [point.n for point in curves.series[0].points] == [2, 2]


def test_reference_lines_have_the_same_number_of_samples(laboratory: Laboratory) -> None:
    study = hands.submit(laboratory)
    hands.work_off(laboratory)
    with laboratory.database.read() as session:
        digest = next(iter(cell_rows.cells_of_study(session, study.id).values())).dataset_digest
    with laboratory.database.write() as session:
        record_references(session, digest, "", 7, [MetricValue(E2, 0.125, low=0.1, high=0.2)])
        record_references(session, digest, "", 7, [MetricValue(E2, 9.0)])
        record_references(session, digest, "", 8, [MetricValue(E2, 0.25)])
        record_references(session, digest, "another judge", 7, [MetricValue(E2, 0.75)])
        record_references(session, "another data set", "", 7, [MetricValue(E2, 0.5)])
    [line] = study_curves(laboratory, study.id).references
    assert (line.metric, line.value, line.label) == (E2, 0.125, "7 held-out test images")
    assert (line.low, line.high) == (0.1, 0.2)


def test_csv_has_one_row_for_each_value(laboratory: Laboratory) -> None:
    study = hands.submit(laboratory)
    hands.work_off(laboratory)
    curves = study_curves(laboratory, study.id)
    rows = list(csv.DictReader(io.StringIO(curves_csv(curves))))
    assert tuple(rows[0]) == COLUMNS
    expected = values_by_point(laboratory, study.id)
    found: dict[tuple[float, float], dict[int, float]] = defaultdict(dict)
    for row in rows:
        found[float(row["initial_dilution"]), float(row["x"])][int(row["replica"])] = float(row["value"])
        assert (row["metric"], row["num_samples"], row["gibbs_steps"]) == (E2, "7", "3")
    assert found == expected, "to the last bit"


def test_one_metric_and_few_replicas_have_the_statistics_of_all(laboratory: Laboratory) -> None:
    """Kills: a filter that lets other metrics through or unnamed, statistics of the listed replicas only."""
    study = hands.submit(laboratory, num_replicas=5)
    hands.work_off(laboratory)
    cells = [one for one in list_cells(laboratory, study.id, limit=500).items if one.kind == EVALUATION]
    with laboratory.database.write() as session:
        session.execute(insert(Metric), [{"cell_id": one.id, "name": "quality", "value": 0.5} for one in cells])
    everything = study_curves(laboratory, study.id)
    few = study_curves(laboratory, study.id, metrics_asked=[E2], max_replicas=2)
    assert few.metrics == everything.metrics
    assert [one.name for one in few.metrics] == ["quality", E2]
    wanted = [one for one in everything.series if one.metric == E2]
    assert len(few.series) == len(wanted) == 2
    for short, long in zip(few.series, wanted, strict=True):
        for point, full in zip(short.points, long.points, strict=True):
            assert point.replicas == full.replicas[:2]
            assert point.model_copy(update={"replicas": full.replicas}) == full
    assert study_curves(laboratory, study.id, metrics_asked=["nothing"]).series == []
    assert study_curves(laboratory, study.id, metrics_asked=[E2, "quality"]).series == everything.series


def test_a_study_that_is_not_done_is_read_anew(laboratory: Laboratory) -> None:
    """Kills: an answer kept while the study still runs."""
    study = hands.submit(laboratory)
    assert study_curves(laboratory, study.id, max_replicas=1).series == []
    hands.work_off(laboratory)
    done = study_curves(laboratory, study.id, max_replicas=1)
    assert [len(one.points) for one in done.series] == [3, 3]
    assert study_curves(laboratory, study.id, max_replicas=1) == done
    with laboratory.database.write() as session:
        session.execute(delete(StudyCell).where(StudyCell.study_id == study.id))
        session.execute(delete(Study).where(Study.id == study.id))
    with pytest.raises(NotFound):
        study_curves(laboratory, study.id, max_replicas=1)


def test_annealed_chains_are_not_taken_for_samples(laboratory: Laboratory) -> None:
    """Kills: the number of chains or temperatures of a log-likelihood shown as those of every metric, or lost."""
    study = hands.submit(laboratory)
    hands.work_off(laboratory)
    [*_, cell] = [one for one in list_cells(laboratory, study.id, limit=500).items if one.kind == EVALUATION]
    names = {"log_likelihood_test": -91.0, "log_partition": 431.0, "effective_chains": 55.0}
    rows = [{"cell_id": cell.id, "name": name, "value": value} for name, value in names.items()]
    digest = next(iter(cells_of(laboratory, study.id).values())).dataset_digest
    with laboratory.database.write() as session:
        session.execute(insert(Metric), [{**row, "num_samples": 100, "gibbs_steps": 5000} for row in rows])
        record_references(session, digest, "", 7, [MetricValue(E2, 0.125)])
    curves = study_curves(laboratory, study.id)
    assert (curves.num_samples, curves.gibbs_steps) == (7, 3)
    assert [line.value for line in curves.references] == [0.125]
    found = {info.name: (info.unit, info.better, info.num_samples, info.gibbs_steps) for info in curves.metrics}
    assert found == {
        "effective_chains": ("1", "none", 100, 5000),
        "log_likelihood_test": ("nats per image", "higher", 100, 5000),
        "log_partition": ("nats", "none", 100, 5000),
        E2: ("1", "lower", 7, 3),
    }
    [label] = [info.label for info in curves.metrics if info.name == "log_likelihood_test"]
    assert label == "Log-likelihood, test images"
    settings = {
        (row["metric"], row["num_samples"], row["gibbs_steps"])
        for row in csv.DictReader(io.StringIO(curves_csv(curves)))
    }
    assert settings == {(E2, "7", "3"), *((name, "100", "5000") for name in names)}


def cells_of(lab: Laboratory, study_id: str) -> Any:
    with lab.database.read() as session:
        return cell_rows.cells_of_study(session, study_id)


def test_a_study_that_does_not_exist_has_no_curves(laboratory: Laboratory) -> None:
    with pytest.raises(NotFound):
        study_curves(laboratory, "nothing")


def test_fifteen_hundred_machines_at_twenty_levels_take_few_queries(laboratory: Laboratory) -> None:
    """The largest study that is allowed is smaller: its rows are written directly."""
    curves, queries = _large(laboratory)
    values = sum(point.n for series in curves.series for point in series.points)
    assert values == 1500 * 20
    assert queries <= 7


def _jobs(lab: Laboratory, study_id: str) -> Any:
    return list_jobs(lab, study_id=study_id).items


def _large(lab: Laboratory) -> tuple[Curves, int]:
    study_id, digest = new_id(), "0" * 64
    cells, places, metrics, machines = [], [], [], []
    common = {"parameters": {}, "dataset_digest": digest, "work": 1.0, "state": "done"}
    for number in range(1500):
        parent, axes = f"m{number}", {"initial_dilution": number // 300 / 5, "replica": number % 300}
        cells.append({"id": parent, "kind": "machine", "parent": None, **common})
        machines.append(_machine_row(parent, digest))
        for level in range(20):
            cell = f"{parent}-{level}"
            cells.append({"id": cell, "kind": EVALUATION, "parent": parent, **common})
            axes_here = {**axes, "pruning": level / 20}
            places.append({"study_id": study_id, "cell_id": cell, "position": len(places), "axes": axes_here})
            metrics.append({"cell_id": cell, "name": E2, "value": float(number + level), "num_samples": 9})
    with lab.database.write() as session:
        session.execute(insert(Artifact), [{"digest": digest, "kind": "machine", "size_bytes": 1}])
        study = {"id": study_id, "name": "large", "type": "dilution-sweep", "parameters": {}, "code_version": "0"}
        session.execute(insert(Study), [study])
        for table, rows in ((Cell, cells), (Machine, machines), (StudyCell, places), (Metric, metrics)):
            session.execute(insert(table.__table__), rows)  # type: ignore[arg-type]
    queries: list[str] = []
    event.listen(lab.database.engine, "before_cursor_execute", lambda *call: queries.append(call[2]))
    curves = study_curves(lab, study_id)
    return curves, sum(query.startswith("SELECT") for query in queries)


def _machine_row(key: str, digest: str) -> dict[str, Any]:
    return {
        "id": f"id-{key}",
        "key": key,
        "cell_id": key,
        "name": key,
        "origin": "trained",
        "initial_dilution": 0.0,
        "num_visible": 784,
        "num_hidden": 400,
        "parameters": {},
        "provenance": {},
        "artifact_digest": digest,
    }
