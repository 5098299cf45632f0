"""Pseudo-log-likelihood: how well a machine predicts one unit of an image from all others."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float32, Float64, Int64, UInt8
from torch import Tensor

from worker.rbm.energy import hidden_field
from worker.rbm.machine import Machine, check_generators
from worker.rbm.metrics import compiled_conditional
from worker.rbm.metrics.bootstrap import Estimate, estimate, resampling_counts
from worker.rbm.metrics.inputs import MetricInputs
from worker.rbm.registry import MetricRegistration

IMAGES_PER_BLOCK = 2000
POSSIBLE = (-math.inf, 0.0)


def pseudo_log_likelihood(
    machine: Machine, images: UInt8[Tensor, "sample visible"], generators: Sequence[torch.Generator]
) -> Float64[Tensor, " replica"]:
    """Mean over images of N log sigmoid(F(v with one random bit flipped) - F(v)), N visible units; natural log.

    The mean over the random bit is the mean of sum_j log p(v_j | all other units).

    Raises:
        ValueError: if the images do not fit the machine or the generators are not one for each replica.

    Source: paper, section 3 (pseudo-likelihood); Besag 1975.
    """
    logs = sampled_logs(machine, images, generators)
    return sum_of_blocks(logs) * machine.num_visible / images.shape[0]


def sampled_logs(
    machine: Machine, images: UInt8[Tensor, "sample visible"], generators: Sequence[torch.Generator]
) -> list[Float64[Tensor, "replica _"]]:
    """Log p(v_j | all other units) of one random unit of each image, in blocks of images.

    Raises:
        ValueError: if the images do not fit the machine or the generators are not one for each replica.
    """
    if images.shape[1] != machine.num_visible or images.shape[0] < 1:
        wanted = f"(1 or more, {machine.num_visible})"
        raise ValueError(f"images have shape {tuple(images.shape)}; they must be {wanted}")
    check_generators(generators, machine.num_replicas)
    conditional = compiled_conditional.log_conditional if machine.device.type == "cpu" else log_conditional
    blocks = []
    for block in torch.split(images, IMAGES_PER_BLOCK):
        flipped = torch.stack(
            [torch.randint(machine.num_visible, (len(block),), generator=generator) for generator in generators]
        )
        logs = conditional(machine, block.to(machine.device), flipped.to(machine.device))
        blocks.append(logs.to(torch.float64))
    return blocks


def sum_of_blocks(blocks: Sequence[Float64[Tensor, "replica _"]]) -> Float64[Tensor, " replica"]:
    """The sum over all images, block by block."""
    total = torch.zeros(len(blocks[0]), dtype=torch.float64)
    for block in blocks:
        total += block.sum(dim=1).cpu()
    return total


def log_conditional(
    machine: Machine,
    images: UInt8[Tensor, "sample visible"],
    units: Int64[Tensor, "replica sample"],
) -> Float32[Tensor, "replica sample"]:
    """Log p(v_j | all other visible units) = log sigmoid(F(v with bit j flipped) - F(v)), j one unit of each image.

    The flip changes the hidden fields by (1 - 2 v_j) W_j, so no second matrix product is needed.
    """
    replicas = machine.num_replicas
    field = hidden_field(machine, images.expand(replicas, *images.shape))
    bits = images.T.gather(0, units).to(torch.float32)
    sign = 1 - 2 * bits
    index = units.unsqueeze(2).expand(-1, -1, machine.num_hidden)
    rows = machine.weight_matrix.gather(1, index)
    softplus = torch.nn.functional.softplus
    hidden_part = (softplus(field) - softplus(field + sign.unsqueeze(2) * rows)).sum(dim=2)
    difference = hidden_part - sign * machine.vbias.gather(1, units)
    return torch.nn.functional.logsigmoid(difference)


def _compute(inputs: MetricInputs) -> dict[str, Estimate]:
    machine, generators = inputs.required_machine(), inputs.required_generators()
    blocks = sampled_logs(machine, inputs.images, generators)
    values = sum_of_blocks(blocks) * machine.num_visible / len(inputs.images)
    scores = torch.cat(blocks, dim=1).cpu() * machine.num_visible
    estimates = []
    for value, of_images, generator in zip(values.tolist(), scores, generators, strict=True):
        resampled = resampling_counts(len(of_images), generator) @ of_images / len(of_images)
        estimates.append(estimate(value, resampled, POSSIBLE))
    return {"pseudo_log_likelihood": Estimate.joined(estimates)}


REGISTRATION = MetricRegistration(
    name="pseudo_log_likelihood",
    label="Pseudo-log-likelihood",
    description="Estimate of sum_j log p(v_j | all other pixels), from one random pixel of each image.",
    unit="nats per image",
    source="Paper, section 3; Besag 1975",
    formula="N mean_v log sigmoid(F(v, one random bit flipped) - F(v))",
    better="higher",
    needs="machine",
    function=_compute,
)
