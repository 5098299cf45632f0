"""Log Z from the weights of annealed chains, and how far to trust it."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float32, Float64
from torch import Tensor

from worker.rbm.likelihood.annealing import anneal_in_blocks
from worker.rbm.likelihood.path import inverse_temperatures, log_base_partition
from worker.rbm.machine import Machine

NUM_TEMPERATURES = 1000
NUM_CHAINS = 100
NORMAL_QUANTILE = 1.959964


@dataclass(frozen=True)
class LogPartition:
    """Log Z of each replica with its 95 % interval, in nats.

    Attributes:
        value: the estimate.
        low: lower end of the interval.
        high: upper end of the interval.
        effective_chains: how many equally weighted chains would be as good, 1 to the number of chains.
    """

    value: Float64[Tensor, " replica"]
    low: Float64[Tensor, " replica"]
    high: Float64[Tensor, " replica"]
    effective_chains: Float64[Tensor, " replica"]


def log_partition(
    machine: Machine,
    base_vbias: Float32[Tensor, " visible"],
    generators: Sequence[torch.Generator],
    num_temperatures: int = NUM_TEMPERATURES,
    num_chains: int = NUM_CHAINS,
) -> LogPartition:
    """Log Z by annealed importance sampling, in one go.

    Raises:
        ValueError: if the base does not fit, there is no temperature or fewer than 2 chains, or the generators are not
            one for each replica.

    Source: Salakhutdinov and Murray, On the quantitative analysis of deep belief networks (2008), section 4.
    """
    betas = inverse_temperatures(num_temperatures)
    last = deque(anneal_in_blocks(machine, base_vbias, betas, num_chains, generators), maxlen=1)
    return summarise(last[0][1], log_base_partition(base_vbias, machine.num_hidden))


def summarise(log_weights: Float64[Tensor, "replica chain"], log_base: float) -> LogPartition:
    """Log Z = log Z_base + log mean w over n chains, with its 95 % interval.

    Both ends are those of the delta method, log Z -+ 1.96 s / (sqrt(n) mean w), s the deviation of the weights. Where
    a few chains carry all the weight, heavier ones are likely to have been missed and s is too small: the upper end is
    at least that of log-normal weights, m + d^2 / 2 + 1.96 sqrt(d^2 / n + d^4 / (2 (n - 1))), with m and d the mean and
    deviation of the log weights. The two agree where the weights are even.
    The effective number of chains is (sum w)^2 / sum w^2.

    Source: Salakhutdinov and Murray (2008), section 4 (delta method); Zhou and Gao, Confidence intervals for the
        log-normal mean (1997), Cox's method; Kish, Survey sampling (1965) (effective number).
    """
    log_weights = log_weights.cpu()
    num_chains = log_weights.shape[1]
    total = torch.logsumexp(log_weights, dim=1)
    relative = torch.exp(log_weights - total[:, None]) * num_chains
    mean = total - math.log(num_chains)
    error = relative.std(dim=1) / math.sqrt(num_chains)
    variance = log_weights.var(dim=1)
    lognormal_error = (variance / num_chains + variance.square() / (2 * (num_chains - 1))).sqrt()
    lognormal_high = log_weights.mean(dim=1) + variance / 2 + NORMAL_QUANTILE * lognormal_error
    return LogPartition(
        value=log_base + mean,
        low=log_base + mean - NORMAL_QUANTILE * error,
        high=log_base + torch.maximum(mean + NORMAL_QUANTILE * error, lognormal_high),
        effective_chains=num_chains**2 / relative.square().sum(dim=1),
    )
