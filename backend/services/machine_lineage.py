"""A machine's line and its training."""

from itertools import groupby

from backend.contracts.messages import Lineage, MachineTraining, TrainingCurve, TrainingPoint
from backend.services.curves import X_LABELS, metric_info
from backend.services.errors import storage_in_words
from backend.services.laboratory import Laboratory
from backend.services.machines import machine_row, messages
from backend.storage.repositories import lineage as rows

MOST_CHILDREN = 200


def lineage(lab: Laboratory, machine_id: str) -> Lineage:
    """The machines before and after it. Raises `NotFound`."""
    with storage_in_words(), lab.database.read() as session:
        machine = machine_row(session, machine_id)
        children, num_children = rows.children_of(session, machine, MOST_CHILDREN)
        return Lineage(
            machine_id=machine_id,
            ancestors=messages(session, rows.ancestors_of(session, machine)),
            children=messages(session, children),
            num_children=num_children,
        )


def training(lab: Laboratory, machine_id: str) -> MachineTraining:
    """What was recorded at the updates of its training. Raises `NotFound`."""
    with storage_in_words(), lab.database.read() as session:
        machine = machine_row(session, machine_id)
        values = rows.training_values(session, machine.cell_id) if machine.cell_id else []
        curves = []
        for name, group in groupby(values, key=lambda value: value.name):
            own = list(group)
            points = [TrainingPoint(x=float(one.update or 0), value=one.value) for one in own]
            curves.append(TrainingCurve(metric=name, num_samples=own[-1].num_samples, points=points))
    return MachineTraining(
        machine_id=machine_id,
        x_label=X_LABELS["training"],
        metrics=[metric_info(curve.metric, curve.num_samples) for curve in curves],
        curves=curves,
    )
