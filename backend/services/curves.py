"""The curves of a study: exact statistics over all replicas, at every point."""

import csv
import hashlib
import io
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cache
from importlib.metadata import version
from operator import itemgetter
from typing import Literal

from sqlalchemy.orm import Session

from backend.contracts.catalogue import catalogue
from backend.contracts.grid import TRAINED
from backend.contracts.messages import CurvePoint, Curves, CurveSeries, MetricInfo, ReferenceLine
from backend.services.errors import storage_in_words
from backend.services.laboratory import Laboratory
from backend.services.statistics import summarise
from backend.services.studies import study_row
from backend.storage.repositories import curves as rows
from backend.storage.repositories.curves import Origin, Place, Value
from backend.storage.repositories.references import references_for

CurveKind = Literal["pruning", "training"]
X_LABELS: Mapping[CurveKind, str] = {"pruning": "pruning level p", "training": "training update"}
COLUMNS = (
    "metric", "unit", "machine_class", "initial_dilution", "pruned_to", "x", "replica", "value", "low", "high",
    "num_samples", "gibbs_steps", "judge", "cell_id", "machine_id",
)  # fmt: skip

KEPT_ANSWERS, KEPT_REPLICAS = 64, 16
_kept: dict[str, Curves] = {}
"""Small answers by their tags: a page asks often."""

Key = tuple[str, str, float, float]
Replica = tuple[int, Value]
Grouped = dict[Key, dict[float, list[Replica]]]


def study_curves(
    lab: Laboratory,
    study_id: str,
    kind: CurveKind = "pruning",
    metrics_asked: Collection[str] | None = None,
    max_replicas: int | None = None,
    *,
    tag: str | None = None,
) -> Curves:
    """Metrics against the pruning level, or against the training update, for each initial dilution.

    Args:
        lab: the laboratory.
        study_id: the study.
        kind: evaluations against p, or trainings against their updates.
        metrics_asked: only the curves of these; `metrics` of the answer names all that have values.
        max_replicas: at most so many replicas, at least 1, are listed at each point, the first ones; the statistics are
            always those of all.
        tag: what `curves_tag` said to the same question, if it was asked before.

    Raises:
        NotFound: no such study.
    """
    asked = (study_id, kind, None if metrics_asked is None else frozenset(metrics_asked), max_replicas)
    with storage_in_words(), lab.database.read() as session:
        tag = tag or _tag(session, *asked)
        if tag in _kept:
            return _kept[tag]
        found = _read(session, *asked)
    if max_replicas is not None and max_replicas <= KEPT_REPLICAS:
        while len(_kept) >= KEPT_ANSWERS:
            _kept.pop(next(iter(_kept)), None)
        _kept[tag] = found
    return found


def curves_tag(
    lab: Laboratory,
    study_id: str,
    kind: CurveKind = "pruning",
    metrics_asked: Collection[str] | None = None,
    max_replicas: int | None = None,
) -> str:
    """A short text that is another one whenever `study_curves` would answer otherwise; read without the curves.

    Raises:
        NotFound: no such study.
    """
    with storage_in_words(), lab.database.read() as session:
        return _tag(session, study_id, kind, None if metrics_asked is None else frozenset(metrics_asked), max_replicas)


def _tag(
    session: Session, study_id: str, kind: CurveKind, metrics_asked: frozenset[str] | None, max_replicas: int | None
) -> str:
    study_row(session, study_id)
    names = None if metrics_asked is None else sorted(metrics_asked)
    asked = (study_id, kind, names, max_replicas, rows.version_of_study(session, study_id), _edition())
    return hashlib.sha256(repr(asked).encode()).hexdigest()[:32]


@cache
def _edition() -> str:
    """This version of the program and its catalogue, which names and explains the metrics."""
    return version("dilution-lab") + catalogue().model_dump_json()


def _read(
    session: Session,
    study_id: str,
    kind: CurveKind,
    metrics_asked: frozenset[str] | None,
    max_replicas: int | None,
) -> Curves:
    own = rows.CELL_KINDS[kind]
    places = rows.places_of_study(session, study_id, own)
    values = rows.values_of_study(session, study_id, own, metrics_asked)
    grouped = _grouped(values, places, kind)
    listed = {one.cell_id for points in grouped.values() for at in points.values() for _, one in at[:max_replicas]}
    origins = rows.origins(session, study_id, own, listed)
    metrics = [metric_info(*one) for one in rows.measured_in_study(session, study_id, own)]
    num_samples, gibbs_steps = _setting_of_samples(metrics, kind)
    judge = next((origin.judge for origin in origins.values() if origin.judge), None)
    rule = next((origin.pruning_rule for origin in origins.values() if origin.pruning_rule), None)
    references = _references(session, origins, num_samples, judge) if kind == "pruning" else []
    return Curves(
        study_id=study_id,
        kind=kind,
        x_label=X_LABELS[kind],
        num_samples=num_samples,
        gibbs_steps=gibbs_steps,
        judge=judge,
        pruning_rule=rule,
        metrics=metrics,
        series=_series(grouped, origins, max_replicas),
        references=references,
    )


def curves_csv(curves: Curves) -> str:
    """The curves as CSV: one row for each replica at each point."""
    metrics = {metric.name: metric for metric in curves.metrics}
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for series in curves.series:
        info = metrics[series.metric]
        head = (
            series.metric, info.unit, series.machine_class, series.initial_dilution, series.pruned_to,
        )  # fmt: skip
        setting = (info.num_samples, info.gibbs_steps, curves.judge)
        for point in series.points:
            for one in point.replicas:
                value = (one.replica, repr(one.value), one.low, one.high)
                writer.writerow((*head, point.x, *value, *setting, one.cell_id, one.machine_id))
    return text.getvalue()


def _grouped(values: Iterable[Value], places: Mapping[str, Place], kind: CurveKind) -> Grouped:
    """The values of each curve at each x, by replica."""
    found: Grouped = defaultdict(lambda: defaultdict(list))
    for value in values:
        place = places.get(value.cell_id)
        if place is not None:
            x = float((place.pruning if kind == "pruning" else value.update) or 0)
            found[_key(value.metric, place)][x].append((place.replica, value))
    for points in found.values():
        for at in points.values():
            at.sort(key=itemgetter(0))
    return found


def _series(grouped: Grouped, origins: Mapping[str, Origin], max_replicas: int | None) -> list[CurveSeries]:
    return [
        CurveSeries(
            metric=metric,
            machine_class=machine_class,
            initial_dilution=dilution,
            pruned_to=None if machine_class == TRAINED else pruned_to,
            points=[_point(x, at, origins, max_replicas) for x, at in sorted(points.items())],
        )
        for (metric, machine_class, dilution, pruned_to), points in sorted(grouped.items())
    ]


def _key(metric: str, place: Place) -> Key:
    return metric, place.machine_class or TRAINED, place.initial_dilution, place.pruned_to or 0.0


def _point(
    x: float, replicas: Sequence[Replica], origins: Mapping[str, Origin], max_replicas: int | None
) -> CurvePoint:
    summary = summarise([value.value for _, value in replicas])
    # Checked as one: a message made in Python for each replica is what a large study would wait for.
    listed = [
        {
            "replica": replica, "value": value.value, "low": value.low, "high": value.high,
            "cell_id": value.cell_id, "machine_id": origins[value.cell_id].machine_id,
        }
        for replica, value in replicas[:max_replicas]
    ]  # fmt: skip
    return CurvePoint.model_validate({"x": x, "replicas": listed, **vars(summary)})


def _references(
    session: Session, origins: Mapping[str, Origin], num_samples: int | None, judge: str | None
) -> list[ReferenceLine]:
    if num_samples is None:
        return []
    digests = {origin.dataset_digest for origin in origins.values()}
    label = f"{num_samples:,} held-out test images"
    found = references_for(session, digests, judge or "", num_samples)
    return [
        ReferenceLine(metric=name, label=label, value=row.value, low=row.low, high=row.high)
        for name, row in sorted(found.items())
    ]


def _setting_of_samples(metrics: Iterable[MetricInfo], kind: CurveKind) -> tuple[int | None, int | None]:
    """Number of samples and Gibbs steps of the evaluations, not of what is computed from a machine alone."""
    asked = [one for one in metrics if kind == "training" or not _of_machine(one.name)]
    return _greatest(one.num_samples for one in asked), _greatest(one.gibbs_steps for one in asked)


def _greatest(numbers: Iterable[int | None]) -> int | None:
    return max((number for number in numbers if number), default=None)


def _of_machine(name: str) -> bool:
    behind = catalogue().metric_behind(name)
    return behind is not None and behind[0].needs == "machine"


def metric_info(name: str, num_samples: int | None = None, gibbs_steps: int | None = None) -> MetricInfo:
    """What the catalogue says of a metric, or of a part of one."""
    behind = catalogue().metric_behind(name)
    setting: dict[str, int | None] = {"num_samples": num_samples, "gibbs_steps": gibbs_steps}
    if behind is None:  # of another version
        return MetricInfo(name=name, label=name, unit="1", better="none", formula="", source="", **setting)
    entry, own = behind
    return MetricInfo(
        name=name,
        label=catalogue().metric_label(name),
        unit=entry.part_units.get(own, entry.unit),
        better=entry.better if own == entry.name else "none",
        formula=entry.formula if own == entry.name else "",
        source=entry.source,
        **setting,
    )
