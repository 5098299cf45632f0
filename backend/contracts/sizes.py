"""What a cell takes on the disk, in bytes, as far as it can be told before it is filled."""

import math

from backend.contracts.catalogue import catalogue
from backend.contracts.plan import EVALUATION, MACHINE, CellPlan

KEPT_SAMPLES = 256
"""As many samples of an evaluation are kept."""
ROWS = 4000
"""A cell in the database, its values included."""
HEADER = 500
"""Names, shapes and texts of a file."""
RESULT = 50_000
"""The result of an analysis: 2 to 125 kB of JSON."""
JUDGE = 1_254_000
FLOAT, INTEGER = 4, 8


def bytes_of(cell: CellPlan) -> int:
    """The cell's file and its rows: weights in float32 with a mask in bits, or packed samples, or a result."""
    num_visible = catalogue().dataset(cell.parameters["dataset"]).num_visible
    return ROWS + HEADER + _file(cell, num_visible)


def _file(cell: CellPlan, num_visible: int) -> int:
    if cell.kind == MACHINE:
        num_hidden = int(cell.parameters["training"]["num_hidden"])
        weights = num_visible * num_hidden
        return FLOAT * (weights + num_visible + num_hidden) + math.ceil(weights / 8)
    if cell.kind == EVALUATION:
        return min(KEPT_SAMPLES, int(cell.parameters["generation"]["num_samples"])) * math.ceil(num_visible / 8)
    if cell.parameters["analysis"] == "couplings":
        pairs = num_visible * (num_visible - 1) // 2
        return FLOAT * (num_visible + pairs) + (3 * INTEGER + FLOAT) * len(cell.parameters.get("triples", []))
    return JUDGE if cell.parameters["analysis"] == "judge" else RESULT
