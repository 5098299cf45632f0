"""The curves of one machine: whatever was measured of it after pruning, in any study or on request."""

from collections import defaultdict
from collections.abc import Sequence

from sqlalchemy.orm import Session

from backend.contracts.messages import MachineCurve, MachineCurves, MachinePoint, ReferenceLine
from backend.services.curves import X_LABELS, metric_info
from backend.services.errors import storage_in_words
from backend.services.laboratory import Laboratory
from backend.services.machines import machine_row
from backend.storage.repositories import curves as rows
from backend.storage.repositories.curves import MachineValue
from backend.storage.repositories.references import references_for

Key = tuple[str, str, int, int, str]


def machine_curves(lab: Laboratory, machine_id: str) -> MachineCurves:
    """Every metric against the pruning level; values that were measured in other ways are other curves.

    Raises:
        NotFound: no such machine.
    """
    with storage_in_words(), lab.database.read() as session:
        values = rows.values_of_machine(session, machine_row(session, machine_id).key)
        grouped: dict[Key, list[MachineValue]] = defaultdict(list)
        for value in values:
            grouped[_key(value)].append(value)
        curves = [_curve(session, members) for _, members in sorted(grouped.items())]
    return MachineCurves(
        machine_id=machine_id,
        x_label=X_LABELS["pruning"],
        metrics=[metric_info(name) for name in sorted({value.metric for value in values})],
        curves=curves,
    )


def _key(value: MachineValue) -> Key:
    return value.metric, value.pruning_rule, value.num_samples or 0, value.gibbs_steps or 0, value.judge or ""


def _curve(session: Session, members: Sequence[MachineValue]) -> MachineCurve:
    first = members[0]
    points = [
        MachinePoint(
            x=one.pruning,
            value=one.value,
            low=one.low,
            high=one.high,
            cell_id=one.cell_id,
            has_samples=one.has_samples,
        )
        for one in members
    ]
    return MachineCurve(
        metric=first.metric,
        pruning_rule=first.pruning_rule,
        num_samples=first.num_samples,
        gibbs_steps=first.gibbs_steps,
        judge=first.judge or None,
        points=points,
        reference=_reference(session, first),
    )


def _reference(session: Session, value: MachineValue) -> ReferenceLine | None:
    if value.num_samples is None:
        return None
    row = references_for(session, {value.dataset_digest}, value.judge or "", value.num_samples).get(value.metric)
    if row is None:
        return None
    label = f"{value.num_samples:,} held-out test images"
    return ReferenceLine(metric=value.metric, label=label, value=row.value, low=row.low, high=row.high)
