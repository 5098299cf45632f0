"""The gradient step for NVIDIA GPUs: products of both phases and their difference on the mask in one Triton kernel.

States are 0 or 1, exact in float16; a probability is split into two float16 numbers that hold 22 of float32's 24
significant bits; sums are in float32. So the gradient is as precise as a float32 matrix product, on tensor cores. Sums
run in the order of the samples with tiles that never change, so a replica's bits do not depend on which replicas share
the batch; a library's batched product promises no such thing. (The centred gradient still uses one, for two vectors.)
"""

from __future__ import annotations

import torch
from jaxtyping import Bool
from torch import Tensor

from worker.rbm.machine import Machine
from worker.rbm.training import gradient
from worker.rbm.training.gradient import Gradient, Phase
from worker.rbm.training.schedule import Ascent

SAMPLES_PER_TILE, UNITS_PER_TILE, NUM_WARPS = 32, 128, 8
UNITS_PER_SPLIT = 32


def gradient_step(
    machine: Machine,
    data: Phase,
    model: Phase,
    ascent: Ascent,
    active: Bool[Tensor, " replica"],
    *,
    velocity: Gradient | None = None,
) -> None:
    """Move the parameters of the active replicas along the gradient, in place; see `gradient.gradient_step`."""
    gradient.gradient_step(machine, data, model, ascent, active, velocity=velocity, slope=log_likelihood_gradient)


def log_likelihood_gradient(data: Phase, model: Phase, mask: Bool[Tensor, "replica visible hidden"]) -> Gradient:
    """<v h>_data - <v h>_model on the mask, <v>_data - <v>_model, <h>_data - <h>_model.

    Source: paper, eqs. 3-5.
    """
    from worker.rbm.sampling.gpu import kernels

    replicas, num_visible, num_hidden = mask.shape
    weights = torch.empty(mask.shape, device=mask.device)
    (data_factors, data_mean), (model_factors, model_mean) = _factors(data), _factors(model)
    kernels.weight_gradient[(replicas, -(-num_visible // UNITS_PER_TILE), -(-num_hidden // UNITS_PER_TILE))](
        *data_factors, *model_factors, mask.contiguous().view(torch.uint8), weights,
        data.visible.shape[1], model.visible.shape[1], num_visible, num_hidden,
        SAMPLES_PER_TILE, UNITS_PER_TILE, UNITS_PER_TILE, num_warps=NUM_WARPS, enable_fp_fusion=False,
    )  # fmt: skip
    # Sums of 0 and 1 are exact in any order, so torch may choose it here.
    means = [phase.visible.sum(dim=1, dtype=torch.float32) / phase.visible.shape[1] for phase in (data, model)]
    return Gradient(weight_matrix=weights, vbias=means[0] - means[1], hbias=data_mean - model_mean)


def _factors(phase: Phase) -> tuple[tuple[Tensor, Tensor, Tensor], Tensor]:
    """States and both parts of the probabilities in float16, and the mean probability of each hidden unit."""
    from worker.rbm.sampling.gpu import kernels

    probabilities = phase.hidden_probabilities.contiguous()
    replicas, num_samples, num_hidden = probabilities.shape
    high, low = (torch.empty_like(probabilities, dtype=torch.float16) for _ in range(2))
    mean = torch.empty(replicas, num_hidden, device=probabilities.device)
    kernels.split_probabilities[(replicas, -(-num_hidden // UNITS_PER_SPLIT))](
        probabilities, high, low, mean, num_samples, num_hidden, SAMPLES_PER_TILE, UNITS_PER_SPLIT
    )
    return (phase.visible.to(torch.float16).contiguous(), high, low), mean
