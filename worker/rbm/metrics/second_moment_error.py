"""E(2): how far the covariances of the samples are from those of the data."""

from __future__ import annotations

import torch
from jaxtyping import Float64, UInt8
from torch import Tensor

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
    data_covariance: Float64[Tensor, "visible visible"], num_samples: int, num_images: int | None = None
) -> float:
    """What E(2) of independent draws from the data's own law is expected to be, if the law were Gaussian.

    E[(cov_ab - C_ab)^2] = (C_ab^2 + C_aa C_bb) (1 / (n - 1) + 1 / (m - 1)), averaged over all entries; on MNIST this is
    within 1 % of `held_out_floor`.

    Args:
        data_covariance: C.
        num_samples: n, generated samples.
        num_images: m, if C itself was estimated from a few images; by default they are taken to be the law.

    Raises:
        ValueError: if there are fewer than 2 samples or images.

    Source: Anderson, An introduction to multivariate statistical analysis, section 3.4 (Wishart moments).
    """
    counts = [num_samples] if num_images is None else [num_samples, num_images]
    if min(counts) < 2:
        raise ValueError(f"num_samples and num_images are {counts}; each must be at least 2")
    variances = data_covariance.diagonal()
    second_moments = data_covariance.square().mean() + torch.outer(variances, variances).mean()
    return float(second_moments) * sum(1 / (count - 1) for count in counts)


def held_out_floor(
    images: UInt8[Tensor, "sample visible"],
    data_covariance: Float64[Tensor, "visible visible"],
    num_samples: int,
    generator: torch.Generator,
) -> float:
    """E(2) of `num_samples` images drawn without replacement: what a perfect sampler would still show.

    Raises:
        ValueError: if there are fewer images than samples.
    """
    if num_samples > images.shape[0]:
        raise ValueError(f"num_samples is {num_samples}; there are {images.shape[0]} images")
    rows = torch.randperm(images.shape[0], generator=generator)[:num_samples]
    return float(second_moment_error(images[rows].unsqueeze(0), data_covariance)[0])


def _compute(inputs: MetricInputs) -> dict[str, Float64[Tensor, " replica"]]:
    samples = inputs.required_samples()
    known = inputs.covariance
    data_covariance = covariance(inputs.images) if known is None else known
    return {"second_moment_error": second_moment_error(samples, data_covariance.to(samples.device))}


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
