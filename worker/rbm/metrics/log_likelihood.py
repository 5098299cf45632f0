"""Log-likelihood: how probable images are under a machine, with log Z by annealed importance sampling."""

from __future__ import annotations

import torch
from jaxtyping import Float64, UInt8
from torch import Tensor

from worker.rbm.energy import free_energy
from worker.rbm.likelihood import LogPartition, base_rates, log_partition
from worker.rbm.machine import Machine
from worker.rbm.metrics.bootstrap import Estimate, estimate_of_mean
from worker.rbm.metrics.inputs import MetricInputs
from worker.rbm.registry import MetricRegistration

IMAGES_PER_BLOCK = 2000


def log_unnormalised(machine: Machine, images: UInt8[Tensor, "sample visible"]) -> Float64[Tensor, "replica sample"]:
    """-F(v) = log p(v) + log Z of every image, block by block.

    Raises:
        ValueError: if there is no image or the images do not fit the machine.
    """
    if images.shape[1] != machine.num_visible or images.shape[0] < 1:
        wanted = f"(1 or more, {machine.num_visible})"
        raise ValueError(f"images have shape {tuple(images.shape)}; they must be {wanted}")
    blocks = [
        -free_energy(machine, block.to(machine.device).expand(machine.num_replicas, *block.shape)).double().cpu()
        for block in torch.split(images, IMAGES_PER_BLOCK)
    ]
    return torch.cat(blocks, dim=1)


def log_likelihood(mean: Estimate, partition: LogPartition) -> Estimate:
    """Mean of -F(v) minus log Z; the ends of the two independent intervals are joined as errors are, by squares.

    The lower end is as far away as the lower end of the mean and the upper end of log Z together. Images are binary: a
    log-likelihood above 0 is impossible.

    Source: Bevington and Robinson, Data reduction and error analysis (2003), section 3.2 (errors add in quadrature).
    """
    value = mean.value - partition.value
    below = torch.hypot(mean.value - mean.low, partition.high - partition.value)
    above = torch.hypot(mean.high - mean.value, partition.value - partition.low)
    return Estimate(value, value - below, (value + above).clamp(max=0))


def _compute(inputs: MetricInputs) -> dict[str, Estimate]:
    machine, generators = inputs.required_machine(), inputs.required_generators()
    partition = inputs.log_partition or log_partition(machine, base_rates(inputs.images), generators)
    scores = log_unnormalised(machine, inputs.images)
    means = [estimate_of_mean(replica, generator) for replica, generator in zip(scores, generators, strict=True)]
    return {
        "log_likelihood": log_likelihood(Estimate.joined(means), partition),
        "log_partition": Estimate(partition.value, partition.low, partition.high),
        "effective_chains": Estimate.without_interval(partition.effective_chains),
    }


REGISTRATION = MetricRegistration(
    name="log_likelihood",
    label="Log-likelihood",
    description="Mean log p(v) of images, with log Z by annealed importance sampling.",
    unit="nats per image",
    source="Salakhutdinov and Murray, On the quantitative analysis of deep belief networks (2008), section 4",
    formula="mean_v -F(v) - log Z, log Z = log Z_base + log mean of the annealed weights",
    better="higher",
    needs="machine",
    parts={
        "log_partition": "log Z, with the interval of the annealed chains",
        "effective_chains": "Annealed chains that count, (sum w)^2 / sum w^2",
    },
    part_units={"log_partition": "nats", "effective_chains": "1"},
    function=_compute,
)
