"""Metrics of machines and of generated samples.

A metric is one file with a `REGISTRATION`, whose function takes `MetricInputs` and returns one value for each replica
under the metric's own name, and under further names the parts that it is made of.
"""

from __future__ import annotations

from jaxtyping import Float64
from torch import Tensor

from worker.rbm.metrics.inputs import MetricInputs
from worker.rbm.registry import member

__all__ = ["MetricInputs", "evaluate"]


def evaluate(name: str, inputs: MetricInputs) -> dict[str, Float64[Tensor, " replica"]]:
    """Compute a metric by its name.

    Raises:
        ValueError: if there is no such metric or an input that it needs is missing.
    """
    values: dict[str, Float64[Tensor, " replica"]] = member("metrics", name).function(inputs)
    return values
