"""Log Z and log-likelihood by annealed importance sampling, with an error bar."""

from __future__ import annotations

from worker.rbm.likelihood.annealing import anneal_in_blocks
from worker.rbm.likelihood.partition import LogPartition, log_partition, summarise
from worker.rbm.likelihood.path import base_rates, inverse_temperatures

__all__ = [
    "LogPartition",
    "anneal_in_blocks",
    "base_rates",
    "inverse_temperatures",
    "log_partition",
    "summarise",
]
