"""Metrics of machines and of generated samples.

A metric is one file with a `REGISTRATION`, whose function takes `MetricInputs` and returns an `Estimate` (a value for
each replica, with its bootstrap interval) under the metric's own name, and under the names of its `parts` what it is
made of.
"""

from __future__ import annotations

from worker.rbm.metrics.bootstrap import Estimate
from worker.rbm.metrics.inputs import MetricInputs
from worker.rbm.registry import member

__all__ = ["Estimate", "MetricInputs", "evaluate"]


def evaluate(name: str, inputs: MetricInputs) -> dict[str, Estimate]:
    """Compute a metric by its name.

    Raises:
        ValueError: if there is no such metric or an input that it needs is missing.
    """
    values: dict[str, Estimate] = member("metrics", name).function(inputs)
    return values
