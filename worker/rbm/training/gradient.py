"""The gradient of the log-likelihood from samples, and a step along it, in torch; `compiled_step` is the CPU's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float32, UInt8
from torch import Tensor

from worker.rbm.machine import Machine
from worker.rbm.training.schedule import Ascent


@dataclass(frozen=True)
class Phase:
    """Visible states and the probabilities p(h|v) that go with them: the data's, or the model's."""

    visible: UInt8[Tensor, "replica sample visible"]
    hidden_probabilities: Float32[Tensor, "replica sample hidden"]


@dataclass(frozen=True)
class Gradient:
    """Ascent direction of each parameter; also the velocity, which is a decaying sum of steps."""

    weight_matrix: Float32[Tensor, "replica visible hidden"]
    vbias: Float32[Tensor, "replica visible"]
    hbias: Float32[Tensor, "replica hidden"]

    @classmethod
    def zeros(cls, machine: Machine) -> Gradient:
        """No direction: the velocity before the first update."""
        zeros = (torch.zeros_like(one) for one in (machine.weight_matrix, machine.vbias, machine.hbias))
        return cls(*zeros)


def log_likelihood_gradient(data: Phase, model: Phase, mask: Bool[Tensor, "replica visible hidden"]) -> Gradient:
    """<v h>_data - <v h>_model on the mask, <v>_data - <v>_model, <h>_data - <h>_model.

    Source: paper, eqs. 3-5.
    """
    data_visible, model_visible = data.visible.to(torch.float32), model.visible.to(torch.float32)
    weights = (
        torch.bmm(data_visible.mT, data.hidden_probabilities) / data_visible.shape[1]
        - torch.bmm(model_visible.mT, model.hidden_probabilities) / model_visible.shape[1]
    )
    return Gradient(
        weight_matrix=torch.where(mask, weights, 0.0),
        vbias=data_visible.mean(dim=1) - model_visible.mean(dim=1),
        hbias=data.hidden_probabilities.mean(dim=1) - model.hidden_probabilities.mean(dim=1),
    )


def centred(gradient: Gradient, data: Phase, mask: Bool[Tensor, "replica visible hidden"]) -> Gradient:
    """The gradient of a machine whose units are counted from their means mu = <v>_data and lambda = <h>_data.

    With dv and dh the bias gradients: W': G - mu dh - dv lambda on the mask, b': dv - W' lambda, c': dh - mu W'. It
    does not change when a unit's 0 and 1 are exchanged, and lets weights and biases move independently.

    Source: Melchior, Fischer and Wiskott, How to center deep Boltzmann machines (2016), eqs. 8-10 and section 4.
    """
    mu = data.visible.to(torch.float32).mean(dim=1)
    lam = data.hidden_probabilities.mean(dim=1)
    correction = mu[:, :, None] * gradient.hbias[:, None, :] + gradient.vbias[:, :, None] * lam[:, None, :]
    weights = torch.where(mask, gradient.weight_matrix - correction, 0.0)
    return Gradient(
        weight_matrix=weights,
        vbias=gradient.vbias - torch.einsum("rvh,rh->rv", weights, lam),
        hbias=gradient.hbias - torch.einsum("rvh,rv->rh", weights, mu),
    )


def gradient_step(
    machine: Machine,
    data: Phase,
    model: Phase,
    ascent: Ascent,
    active: Bool[Tensor, " replica"],
    *,
    velocity: Gradient | None = None,
    slope: Callable[[Phase, Phase, Tensor], Gradient] = log_likelihood_gradient,
) -> None:
    """Move the parameters of the active replicas along the gradient, in place; masked weights stay exactly 0.

    Args:
        velocity: where the last change is kept, for an ascent with momentum; changed in place.
        slope: computes `log_likelihood_gradient`.

    Source: paper, eqs. 3-5; Sutskever, Martens, Dahl and Hinton 2013, eqs. 1-4 (momentum).
    """
    gradient = slope(data, model, machine.mask)
    if ascent.gradient == "centred":
        gradient = centred(gradient, data, machine.mask)
    for name, decay in (("weight_matrix", ascent.weight_decay), ("vbias", 0.0), ("hbias", 0.0)):
        parameter = getattr(machine, name)
        change = (getattr(gradient, name) - decay * parameter) * ascent.rate
        if velocity is not None:
            kept = getattr(velocity, name).mul_(ascent.momentum).add_(change)
            change = ascent.momentum * kept + change if ascent.nesterov else kept
        shape = (-1, *[1] * (parameter.ndim - 1))
        parameter.add_(torch.where(active.reshape(shape), change, 0.0))


def within(parameter: Tensor, limit: float) -> Bool[Tensor, " replica"]:
    """For each replica whether every value is finite and at most `limit` in magnitude."""
    low, high = torch.aminmax(parameter.flatten(1), dim=1)
    # Written so that it holds for NaN, which is neither above nor below anything.
    return (low >= -limit) & (high <= limit)
