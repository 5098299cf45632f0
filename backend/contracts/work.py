"""The unit of progress and of estimates: what a cell costs, in chain steps.

A chain step is one Gibbs step of one chain of a machine of 784 x 400 units. What else a cell costs is counted as the
chain steps that take as long, as measured on a processor (`docs/benchmarks`): so that one speed, in chain steps a
second, serves trainings and evaluations alike.
"""

from collections.abc import Mapping
from typing import Any

NUM_VISIBLE, USUAL_HIDDEN = 784, 400
FIXED_SHARE = 0.2
"""Part of a chain step that does not grow with the hidden units: drawing 784 visible units."""

STEPS_PER_UPDATE = 150.0
"""The fixed part of an update: rounding the weights to fixed point, and moving them."""
STEPS_PER_SAMPLE = 0.8
"""An image or a chain in the gradient of an update."""
STEPS_PER_JUDGED_SAMPLE = 52.0
"""A sample in the metrics with their intervals and in the judge."""
STEPS_PER_PAIR_OF_SAMPLES = 0.004
"""Two samples in the metrics that compare all with all."""
STEPS_PER_TEMPERATURE = 6.0
"""One chain at one temperature of the annealing: dense products in float32."""


def size_of(num_hidden: int) -> float:
    """What a chain step of a machine costs beside one of 784 x 400 units."""
    return FIXED_SHARE + (1 - FIXED_SHARE) * num_hidden / USUAL_HIDDEN


def work_of_training(training: Mapping[str, Any]) -> float:
    """All updates of one machine: their chain steps, and what an update costs besides."""
    chains, batch = training["num_chains"], training["batch_size"]
    of_update = training["gibbs_steps"] * chains + STEPS_PER_SAMPLE * (chains + batch) + STEPS_PER_UPDATE
    return float(training["num_updates"] * of_update * size_of(training["num_hidden"]))


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
