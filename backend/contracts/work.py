"""The unit of progress and of estimates: what a cell costs, in chain steps.

A chain step is one Gibbs step of one chain of a machine of 784 x 400 units. What else a cell costs is counted as the
chain steps that take as long, as measured on a processor (`docs/benchmarks`): so that one speed, in chain steps a
second, serves trainings and evaluations alike.
"""

import math
from collections.abc import Mapping
from typing import Any

NUM_VISIBLE, USUAL_HIDDEN = 784, 400
FIXED_SHARE = 0.2
"""Part of a chain step that does not grow with the hidden units: drawing 784 visible units."""

STEPS_PER_UPDATE = 320.0
"""The fixed part of an update: rounding the weights to fixed point, and moving them."""
STEPS_PER_SAMPLE = 1.5
"""An image or a chain in the gradient of an update."""
EXTRA_WHILE_NEW = 1.5
"""What a step of a machine that has learned nothing takes longer, in units of a step: it flips more units. An
accelerator's steps all take the same time; there the first prediction is too long (20 % for the paper's schedule)."""
LEARNED = 40.0
"""Sum of the learning rates of a machine's updates at which 1/e of `EXTRA_WHILE_NEW` is left."""
NUM_RECORDS = 40
"""About as often a training records its likelihood."""
STEPS_PER_RECORD = 4000.0
"""The likelihood of 2,000 images, recorded while a machine learns."""
STEPS_PER_JUDGED_SAMPLE = 52.0
"""A sample in the metrics with their intervals and in the judge."""
STEPS_PER_PAIR_OF_SAMPLES = 0.004
"""Two samples in the metrics that compare all with all."""
STEPS_PER_TEMPERATURE = 6.0
"""One chain at one temperature of the annealing: dense products in float32."""


def size_of(num_hidden: int) -> float:
    """What a chain step of a machine costs beside one of 784 x 400 units."""
    return FIXED_SHARE + (1 - FIXED_SHARE) * num_hidden / USUAL_HIDDEN


def record_updates(num_updates: int) -> frozenset[int]:
    """The updates at which the likelihood is recorded: 0, about forty evenly spaced ones, and the last."""
    step = max(1, num_updates // NUM_RECORDS)
    return frozenset([*range(0, num_updates, step), num_updates])


def work_of_training(training: Mapping[str, Any], *, new: bool = True) -> float:
    """All updates of one machine: their chain steps, what an update costs besides, and the likelihood along the way.

    Args:
        training: `backend.contracts.parameters.TrainingParameters` as a mapping.
        new: whether the machine has learned nothing at the first update.
    """
    chains, batch, updates = training["num_chains"], training["batch_size"], training["num_updates"]
    steps = training["gibbs_steps"] * chains
    work = updates * (steps + STEPS_PER_SAMPLE * (chains + batch) + STEPS_PER_UPDATE)
    work += STEPS_PER_RECORD * len(record_updates(updates))
    if new:
        while_new = LEARNED / training["learning_rate"]
        work += EXTRA_WHILE_NEW * steps * while_new * -math.expm1(-updates / while_new)
    return float(work * size_of(training["num_hidden"]))


def work_of_sampling(parameters: Mapping[str, Any]) -> float:
    """The chain steps of an evaluation's samples."""
    generation, num_hidden = parameters["generation"], parameters.get("num_hidden", USUAL_HIDDEN)
    return float(generation["gibbs_steps"] * generation["num_samples"] * size_of(num_hidden))


def work_of_evaluation(parameters: Mapping[str, Any]) -> float:
    """The samples of an evaluation, their metrics, and its annealed chains if it has some."""
    samples, annealing = parameters["generation"]["num_samples"], parameters.get("annealing")
    work = work_of_sampling(parameters)
    work += samples * (STEPS_PER_JUDGED_SAMPLE + samples * STEPS_PER_PAIR_OF_SAMPLES)
    if annealing is not None:
        work += STEPS_PER_TEMPERATURE * annealing["num_temperatures"] * annealing["num_chains"]
    return float(work)
