"""Quality Q: how sure a judge is that the samples are digits."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from worker.rbm.metrics.bootstrap import SHARE, Estimate, estimate_of_mean
from worker.rbm.metrics.inputs import MetricInputs
from worker.rbm.registry import MetricRegistration


def _compute(inputs: MetricInputs) -> dict[str, Estimate]:
    return {
        "quality": _means(inputs, inputs.verdict.confidence),
        "digit_fraction": _means(inputs, inputs.verdict.accepted.float()),
    }


def _means(inputs: MetricInputs, values: Float[Tensor, "replica sample"]) -> Estimate:
    generators = inputs.required_generators()
    return Estimate.joined(
        [
            estimate_of_mean(replica, generator, SHARE)
            for replica, generator in zip(values.double(), generators, strict=True)
        ]
    )


REGISTRATION = MetricRegistration(
    name="quality",
    label="Quality Q",
    description="Mean confidence of the judge that a generated sample is a digit.",
    unit="1",
    source="Paper, appendix A",
    formula="Q = mean over samples of the judge's confidence",
    better="higher",
    needs="judge",
    parts={"digit_fraction": "Share of samples that the judge accepts (confidence > 1/2)"},
    function=_compute,
)
