"""Annealed importance sampling: chains that are led from a base-rate machine to the machine, and their weights."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import torch
from jaxtyping import Float32, Float64
from torch import Tensor

from worker.rbm.energy import hidden_field, visible_field
from worker.rbm.machine import Machine, check_generators
from worker.rbm.sampling.float_sampler import bernoulli, device_generators


def anneal_in_blocks(
    machine: Machine,
    base_vbias: Float32[Tensor, " visible"],
    betas: Float64[Tensor, " temperature"],
    num_chains: int,
    generators: Sequence[torch.Generator],
) -> Iterator[tuple[int, Float64[Tensor, "replica chain"]]]:
    """Lead chains along the path; after each temperature its number, from 1, and the log weights so far.

        The distributions of the path are machines with the parameters beta W, (1 - beta) b_base + beta b and beta c:

        log p*_beta(v) = (1 - beta) b_base v + beta b v + sum_i log(1 + exp(beta x_i)),  x = c + v W

    A chain starts from the base, where every unit is independent. At each temperature its weight grows by
    log p*_beta(v) - log p*_before(v); then one Gibbs step with the parameters of beta follows, except at the last one.
    The mean of the final weights, not of their logarithms, is Z / Z_base without bias. The tensor of
    weights that is given is always the same one, which goes on changing.

    Args:
        machine: the replicas.
        base_vbias: visible biases of the base-rate machine.
        betas: inverse temperatures, ascending from 0 to 1.
        num_chains: independent runs for each replica.
        generators: one CPU generator for each replica.

    Raises:
        ValueError: if there are fewer than 2 chains, the path does not lead from 0 to 1, the base does not fit, or the
            generators are not one for each replica.

    Source: Neal, Annealed importance sampling (2001); Salakhutdinov and Murray, On the quantitative analysis of deep
        belief networks (2008), section 4.
    """
    _check(machine, base_vbias, betas, num_chains, generators)
    streams = device_generators(machine.device, generators)
    base = base_vbias.to(machine.device)
    start = torch.sigmoid(base).expand(machine.num_replicas, num_chains, -1)
    visible = bernoulli(start, streams)
    log_weights = torch.zeros(machine.num_replicas, num_chains, dtype=torch.float64, device=machine.device)
    for number, (before, beta) in enumerate(itertools.pairwise(betas.tolist()), start=1):
        x = hidden_field(machine, visible)
        log_weights += (beta - before) * torch.einsum("rcv,rv->rc", visible.double(), (machine.vbias - base).double())
        log_weights += softplus_difference(x, before, beta).sum(dim=2, dtype=torch.float64)
        yield number, log_weights
        if beta < 1:
            hidden = bernoulli(torch.sigmoid(beta * x), streams)
            field = (1 - beta) * base + beta * visible_field(machine, hidden)
            visible = bernoulli(torch.sigmoid(field), streams)


def softplus_difference(
    x: Float32[Tensor, "replica chain hidden"], before: float, beta: float
) -> Float32[Tensor, "replica chain hidden"]:
    """log(1 + exp(beta x)) - log(1 + exp(before x)), 0 <= before <= beta, without cancellation or overflow.

    Equals (beta - before) max(x, 0) + log1p(sigmoid(-before |x|) expm1(-(beta - before) |x|)), where the argument of
    log1p is in [-1/2, 0]: the relative error is that of float32 however small the step.
    """
    magnitude = x.abs()
    step = beta - before
    rest = torch.sigmoid(-before * magnitude) * torch.expm1(-step * magnitude)
    return step * x.clamp(min=0) + torch.log1p(rest)


def _check(
    machine: Machine,
    base_vbias: Tensor,
    betas: Tensor,
    num_chains: int,
    generators: Sequence[torch.Generator],
) -> None:
    check_generators(generators, machine.num_replicas)
    if num_chains < 2:
        raise ValueError(f"num_chains is {num_chains}; an error bar needs 2 chains or more")
    if tuple(base_vbias.shape) != (machine.num_visible,):
        raise ValueError(f"base_vbias has shape {tuple(base_vbias.shape)}; it must be ({machine.num_visible},)")
    if len(betas) < 2 or betas[0] != 0 or betas[-1] != 1 or bool((betas.diff() <= 0).any()):
        raise ValueError(f"{len(betas)} inverse temperatures that do not ascend from 0 to 1; give such a path")
