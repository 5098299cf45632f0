"""E(2): how far the covariances of the samples are from those of the data."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float32, Float64, UInt8
from torch import Tensor

from worker.rbm.metrics.bootstrap import Estimate, estimate, resampling_counts
from worker.rbm.metrics.inputs import MetricInputs
from worker.rbm.registry import MetricRegistration

SAMPLES_PER_BLOCK = 1000
POSSIBLE = (0.0, math.inf)


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


def resampled_errors(
    samples: UInt8[Tensor, "sample visible"],
    data_covariance: Float64[Tensor, "visible visible"],
    counts: Float64[Tensor, "resample sample"],
) -> Float64[Tensor, " resample"]:
    """E(2) of each resample of the samples of one replica, without building its covariance.

    With w the counts of a resample of n, X the samples, m = X^T w / n, K = X X^T and D the covariance of the data, the
    covariance of the resample is C = (X^T diag(w) X - n m m^T) / (n - 1), so that

    - E(2) visible^2 = |C|^2 - 2 <C, D> + |D|^2,
    - (n - 1)^2 |C|^2 = sum_ij w_i K_ij^2 w_j - (2 / n) sum_i w_i (K w)_i^2 + (w^T K w)^2 / n^2,
    - (n - 1) <C, D> = sum_i w_i x_i^T D x_i - n m^T D m.

    X^T w is all that is needed of K w and w^T K w. The sum over pairs is one of integers, exact in float64 up to 2^53.

    Args:
        samples: generated samples of one replica.
        data_covariance: `covariance` of the training data.
        counts: `resampling_counts` of the samples.

    Raises:
        ValueError: if there are fewer than 2 samples.
    """
    n, num_visible = samples.shape
    if n < 2:
        raise ValueError(f"{n} samples; a covariance needs 2 or more")
    blocks = weighted_blocks(samples, counts)
    sums = torch.stack([weights @ states.double() for states, weights in blocks]).sum(dim=0)
    square = sum_over_pairs(blocks) + sums.square().sum(dim=1).square() / n**2
    product = -((sums @ data_covariance) * sums).sum(dim=1) / n
    for states, weights in blocks:
        active = states.double()
        square -= 2 / n * (weights * (sums @ active.T).square()).sum(dim=1)
        product += weights @ ((active @ data_covariance) * active).sum(dim=1)
    total = square / (n - 1) ** 2 - 2 * product / (n - 1) + data_covariance.square().sum()
    return total / num_visible**2


def weighted_blocks(
    samples: UInt8[Tensor, "sample visible"], counts: Float64[Tensor, "resample sample"]
) -> list[tuple[Float32[Tensor, "block visible"], Float64[Tensor, "resample block"]]]:
    """The samples in blocks, each with its counts, so that no matrix grows with the square of their number."""
    states = torch.split(samples.float(), SAMPLES_PER_BLOCK)
    return list(zip(states, torch.split(counts, SAMPLES_PER_BLOCK, dim=1), strict=True))


def sum_over_pairs(
    blocks: Sequence[tuple[Float32[Tensor, "_ visible"], Float64[Tensor, "resample _"]]],
) -> Float64[Tensor, " resample"]:
    """sum_ij w_i (x_i . x_j)^2 w_j of each resample w; the square is symmetric, so half of the blocks are enough."""
    total = torch.zeros_like(blocks[0][1][:, 0])
    for index, (states, weights) in enumerate(blocks):
        for other_states, other_weights in blocks[index:]:
            squares = (states @ other_states.T).double().square_()
            times = 1 if other_states is states else 2
            total += times * ((weights @ squares) * other_weights).sum(dim=1)
    return total


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
    data_covariance = (covariance(inputs.images) if known is None else known).to(samples.device)
    values = second_moment_error(samples, data_covariance).tolist()
    estimates = []
    for replica, value, generator in zip(samples, values, inputs.required_generators(), strict=True):
        counts = resampling_counts(len(replica), generator).to(samples.device)
        estimates.append(estimate(value, resampled_errors(replica, data_covariance, counts).cpu(), POSSIBLE))
    return {"second_moment_error": Estimate.joined(estimates)}


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
