"""E(2): how far the covariances of the samples are from those of the data."""

from __future__ import annotations

import torch
from jaxtyping import Float64, UInt8
from torch import Tensor

from worker.rbm.metrics.bootstrap import Estimate
from worker.rbm.metrics.inputs import MetricInputs
from worker.rbm.registry import MetricRegistration


def covariance(states: UInt8[Tensor, "sample visible"]) -> Float64[Tensor, "visible visible"]:
    """Unbiased covariances of binary states: (sum v v^T - n m m^T) / (n - 1).

    The products are counts, which float32 holds exactly up to 2^24 samples.

    Raises:
        ValueError: if there are fewer than 2 or more than 2^24 samples.
    """
    num_samples = states.shape[0]
    if not 2 <= num_samples <= 2**24:
        raise ValueError(f"{num_samples} samples; a covariance needs 2 to {2**24}")
    active = states.to(torch.float32)
    counts = (active.T @ active).to(torch.float64)
    mean = counts.diagonal() / num_samples
    return (counts - num_samples * torch.outer(mean, mean)) / (num_samples - 1)


def second_moment_error(
    samples: UInt8[Tensor, "replica sample visible"], data_covariance: Float64[Tensor, "visible visible"]
) -> Float64[Tensor, " replica"]:
    """E(2) = mean over all visible^2 entries of (cov(samples) - cov(data))^2.

    Args:
        samples: generated samples of each replica.
        data_covariance: `covariance` of the training data, computed once.

    Raises:
        ValueError: if the numbers of visible units differ or there are too few samples.

    Source: paper, section 3.
    """
    if data_covariance.shape != (samples.shape[2], samples.shape[2]):
        wanted = (samples.shape[2], samples.shape[2])
        raise ValueError(f"data_covariance has shape {tuple(data_covariance.shape)}; it must be {wanted}")
    return torch.stack([(covariance(replica) - data_covariance).square().mean() for replica in samples])


def finite_sample_floor(
    images: UInt8[Tensor, "sample visible"], data_covariance: Float64[Tensor, "visible visible"], num_samples: int
) -> float:
    """The mean E(2) of `num_samples` independent draws from the images: what a perfect sampler would still show.

    With C the covariance and m the means of the images, the variance of an unbiased covariance from n draws is
    M_ab / n - (n - 2) C_ab^2 / (n (n - 1)) + C_aa C_bb / (n (n - 1)), M_ab = <(v_a - m_a)^2 (v_b - m_b)^2>, averaged
    here over all entries. The mean of M over entries is <s^2> / visible^2, s = |v - m|^2. It falls as 1/n; comparing
    with another n draws instead of with all of the images doubles it.

    Raises:
        ValueError: if there are fewer than 2 samples.

    Source: Hoeffding 1948 (variance of a U-statistic of degree 2, here the unbiased covariance).
    """
    n = num_samples
    if n < 2:
        raise ValueError(f"num_samples is {n}; it must be at least 2")
    mean = images.sum(dim=0, dtype=torch.float64) / images.shape[0]
    squared_distance = images.to(torch.float64) @ (1 - 2 * mean) + mean.square().sum()
    fourth = float(squared_distance.square().mean()) / images.shape[1] ** 2
    square = float(data_covariance.square().mean())
    product = float(data_covariance.diagonal().mean()) ** 2
    return fourth / n - (n - 2) * square / (n * (n - 1)) + product / (n * (n - 1))


def _compute(inputs: MetricInputs) -> dict[str, Estimate]:
    samples = inputs.required_samples()
    known = inputs.covariance
    data_covariance = covariance(inputs.images) if known is None else known
    value = second_moment_error(samples, data_covariance.to(samples.device))
    return {"second_moment_error": Estimate.without_interval(value)}


REGISTRATION = MetricRegistration(
    name="second_moment_error",
    label="Second moment error E(2)",
    description="Mean squared difference of the covariances of generated samples and training data.",
    unit="1",
    source="Paper, section 3",
    formula="E(2) = mean_ab (cov_ab(samples) - cov_ab(data))^2, unbiased covariances, all visible^2 entries",
    better="lower",
    needs="samples",
    function=_compute,
)
