"""How many machines one job trains together: as many as fit into a share of a device's memory.

A batch makes a device work well, and a GPU needs some fifteen machines of 784 x 400 units for that; but a job of
hundreds of large machines would not fit into any.
"""

from collections.abc import Sequence
from itertools import pairwise

from backend.contracts.parameters import TrainingParameters
from backend.contracts.plan import CellPlan
from backend.contracts.work import NUM_VISIBLE

JOB_BYTES = 2 * 2**30
"""What the training of one job may take: half of a small computer's memory, a fortieth of a large GPU's."""

BYTES_OF_A_WEIGHT = 20
"""Weight, gradient, velocity and the sampler's copy, four bytes each; mask, and what is on its way."""
BYTES_OF_A_STATE = 6
"""A state and what is computed from it: its probability, or its copies."""


def training_bytes(training: TrainingParameters) -> int:
    """About what the training of one machine takes in memory: parameters, chains and batch."""
    units = NUM_VISIBLE + training.num_hidden
    states = (training.num_chains + training.batch_size) * units
    return BYTES_OF_A_WEIGHT * NUM_VISIBLE * training.num_hidden + BYTES_OF_A_STATE * states


def packed(machines: Sequence[CellPlan]) -> list[Sequence[CellPlan]]:
    """Machines of one training schedule in the fewest jobs that fit, as equal in size as possible, in order."""
    training = TrainingParameters.model_validate(machines[0].parameters["training"])
    most = max(1, JOB_BYTES // training_bytes(training))
    num_jobs = -(-len(machines) // most)
    borders = [index * len(machines) // num_jobs for index in range(num_jobs + 1)]
    return [machines[first:last] for first, last in pairwise(borders)]
