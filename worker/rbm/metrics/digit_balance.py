"""Digit imbalance d_f: how far the digits of the samples are from being equally frequent."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float64, Int64
from torch import Tensor

from worker.rbm.metrics.bootstrap import Estimate, estimate, resampling_counts
from worker.rbm.metrics.inputs import MetricInputs
from worker.rbm.registry import MetricRegistration

NUM_DIGITS = 10
MIN_ACCEPTED = 50
"""Five accepted samples for each digit if they are balanced, the usual least expectation for comparing counts with a
uniform law (Cochran 1954). There the floor is 0.0018, 2 % of the value of a single digit, 0.09."""
POSSIBLE = (0.0, (1 - 1 / NUM_DIGITS) / NUM_DIGITS)


def digit_imbalance(digits: Int64[Tensor, " accepted"]) -> float:
    """The digit imbalance d_f = (1/10) sum_i (f_i - 1/10)^2, f_i the frequency of digit i among accepted samples.

    NaN below `MIN_ACCEPTED` samples: a broken machine makes no digits to be balanced, and 0 would call it perfect.

    n samples of a perfectly balanced machine have a mean d_f of (1/10) sum_i f_i (1 - f_i) / n = 0.09 / n, the
    finite-sample floor; a machine that makes a single digit has 0.09.

    Raises:
        ValueError: if a digit is not 0 to 9.

    Source: paper, eq. 6; floor: variance of multinomial frequencies.
    """
    if len(digits) < MIN_ACCEPTED:
        return math.nan
    every = torch.ones(1, len(digits), dtype=torch.float64)
    return float(resampled_imbalances(digits, every)[0])


def resampled_imbalances(
    digits: Int64[Tensor, " accepted"], counts: Float64[Tensor, "resample accepted"]
) -> Float64[Tensor, " resample"]:
    """The digit imbalance of each resample, given how often each accepted sample is in it.

    Raises:
        ValueError: if a digit is not 0 to 9.
    """
    wrong = digits[(digits < 0) | (digits >= NUM_DIGITS)]
    if len(wrong):
        raise ValueError(f"the judge names a digit {int(wrong[0])}; digits must be 0 to {NUM_DIGITS - 1}")
    is_digit = torch.nn.functional.one_hot(digits, NUM_DIGITS).double()
    frequencies = counts @ is_digit / len(digits)
    return (frequencies - 1 / NUM_DIGITS).square().mean(dim=1)


def _compute(inputs: MetricInputs) -> dict[str, Estimate]:
    verdict = inputs.verdict
    replicas = zip(verdict.digit, verdict.accepted, inputs.required_generators(), strict=True)
    return {"digit_imbalance": Estimate.joined([_estimate(digit[taken], at) for digit, taken, at in replicas])}


def _estimate(digits: Int64[Tensor, " accepted"], generator: torch.Generator) -> Estimate:
    value = digit_imbalance(digits)
    if math.isnan(value):
        return Estimate.without_interval(torch.tensor([value], dtype=torch.float64))
    return estimate(value, resampled_imbalances(digits, resampling_counts(len(digits), generator)), POSSIBLE)


REGISTRATION = MetricRegistration(
    name="digit_imbalance",
    label="Digit imbalance d_f",
    description="Mean squared distance of the frequencies of the ten digits from 1/10, among accepted samples.",
    unit="1",
    source="Paper, eq. 6 and appendix A",
    formula=f"d_f = (1/10) sum_i (f_i - 1/10)^2 over samples with confidence > 1/2; undefined below {MIN_ACCEPTED}",
    better="lower",
    needs="judge",
    function=_compute,
)
