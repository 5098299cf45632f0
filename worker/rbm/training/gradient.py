"""The gradient of the log-likelihood, from samples, in torch; `compiled_step` is the same for the CPU."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float32, UInt8
from torch import Tensor

from worker.rbm.machine import Machine


@dataclass(frozen=True)
class Phase:
    """Visible states and the probabilities p(h|v) that go with them: the data's, or the model's."""

    visible: UInt8[Tensor, "replica sample visible"]
    hidden_probabilities: Float32[Tensor, "replica sample hidden"]


@dataclass(frozen=True)
class Gradient:
    """Ascent direction of the mean log-likelihood for each parameter."""

    weight_matrix: Float32[Tensor, "replica visible hidden"]
    vbias: Float32[Tensor, "replica visible"]
    hbias: Float32[Tensor, "replica hidden"]


def log_likelihood_gradient(data: Phase, model: Phase) -> Gradient:
    """<v h>_data - <v h>_model, <v>_data - <v>_model, <h>_data - <h>_model; not masked.

    Source: paper, eqs. 3-5.
    """
    data_visible, model_visible = data.visible.to(torch.float32), model.visible.to(torch.float32)
    return Gradient(
        weight_matrix=torch.bmm(data_visible.mT, data.hidden_probabilities) / data_visible.shape[1]
        - torch.bmm(model_visible.mT, model.hidden_probabilities) / model_visible.shape[1],
        vbias=data_visible.mean(dim=1) - model_visible.mean(dim=1),
        hbias=data.hidden_probabilities.mean(dim=1) - model.hidden_probabilities.mean(dim=1),
    )


def gradient_step(
    machine: Machine, data: Phase, model: Phase, learning_rate: float, active: Bool[Tensor, " replica"]
) -> None:
    """Move the parameters of the active replicas along the gradient, in place; masked weights stay exactly 0.

    Source: paper, eqs. 3-5.
    """
    gradient = log_likelihood_gradient(data, model)
    rate = learning_rate * active.to(machine.device, torch.float32)
    step = gradient.weight_matrix * rate[:, None, None]
    machine.weight_matrix.copy_(torch.where(machine.mask, machine.weight_matrix + step, 0.0))
    machine.vbias.add_(gradient.vbias * rate[:, None])
    machine.hbias.add_(gradient.hbias * rate[:, None])
