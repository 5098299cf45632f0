"""Exact enumeration of tiny machines in float64, written without the code under test."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor

from worker.rbm.machine import Machine

NUM_VISIBLE, NUM_HIDDEN = 7, 5
"""Distinct primes, so that no transposed axis goes unnoticed."""


def seeded(count: int, first_seed: int = 0) -> list[torch.Generator]:
    """Generators with the seeds first_seed, first_seed + 1, ..."""
    return [torch.Generator().manual_seed(first_seed + index) for index in range(count)]


def tiny_machine(
    replicas: int = 1,
    num_visible: int = NUM_VISIBLE,
    num_hidden: int = NUM_HIDDEN,
    seed: int = 1,
    dilution: float = 0.25,
    spread: float = 1.0,
) -> Machine:
    """A machine with strong random weights and biases and a random mask."""
    generator = torch.Generator().manual_seed(seed)
    shape = (replicas, num_visible, num_hidden)
    mask = torch.rand(shape, generator=generator) >= dilution
    return Machine(
        weight_matrix=torch.where(mask, torch.randn(shape, generator=generator) * spread, 0.0),
        vbias=torch.randn(shape[:2], generator=generator) * spread / 2,
        hbias=torch.randn(shape[0], shape[2], generator=generator) * spread / 2,
        mask=mask,
    )


def repeated(machine: Machine, times: int) -> Machine:
    """A batch of equal replicas."""
    return Machine(
        machine.weight_matrix.repeat(times, 1, 1),
        machine.vbias.repeat(times, 1),
        machine.hbias.repeat(times, 1),
        machine.mask.repeat(times, 1, 1),
    )


def all_states(num_units: int) -> Tensor:
    """Every binary state, uint8 [2^units units]."""
    return torch.tensor(list(itertools.product((0, 1), repeat=num_units)), dtype=torch.uint8)


def parameters(machine: Machine) -> tuple[Tensor, Tensor, Tensor]:
    """W, b, c of the only replica, in float64."""
    return machine.weight_matrix[0].double(), machine.vbias[0].double(), machine.hbias[0].double()


def log_joint(weights: Tensor, vbias: Tensor, hbias: Tensor, visible: Tensor) -> Tensor:
    """-E(v, h) for every given v and every h, by the sum over h that the paper writes, [sample 2^hidden]."""
    hidden = all_states(hbias.numel()).double()
    v = visible.double()
    return v @ weights @ hidden.T + (v @ vbias)[:, None] + (hidden @ hbias)[None, :]


def log_unnormalised(weights: Tensor, vbias: Tensor, hbias: Tensor, visible: Tensor) -> Tensor:
    """log sum_h exp(-E(v, h)) for every given v."""
    return torch.logsumexp(log_joint(weights, vbias, hbias, visible), dim=1)


def log_partition(weights: Tensor, vbias: Tensor, hbias: Tensor) -> Tensor:
    """log Z."""
    return torch.logsumexp(log_unnormalised(weights, vbias, hbias, all_states(vbias.numel())), dim=0)


def state_probabilities(machine: Machine) -> Tensor:
    """p(v) of every visible state, in the order of `all_states`."""
    weights, vbias, hbias = parameters(machine)
    logs = log_unnormalised(weights, vbias, hbias, all_states(machine.num_visible))
    return torch.exp(logs - log_partition(weights, vbias, hbias))


def mean_log_likelihood(machine: Machine, images: Tensor) -> float:
    """Mean of log p(v) over the images."""
    weights, vbias, hbias = parameters(machine)
    return float(log_unnormalised(weights, vbias, hbias, images).mean() - log_partition(weights, vbias, hbias))


def exact_gradient(machine: Machine, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Autograd of the mean log-likelihood for W, b and c, the mask not applied."""
    weights, vbias, hbias = (parameter.requires_grad_() for parameter in parameters(machine))
    objective = log_unnormalised(weights, vbias, hbias, images).mean() - log_partition(weights, vbias, hbias)
    gradients = torch.autograd.grad(objective, (weights, vbias, hbias))
    return gradients[0], gradients[1], gradients[2]
