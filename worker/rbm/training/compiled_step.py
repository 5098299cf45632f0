"""The gradient step for the CPU, compiled: adds only the rows of active visible units, without temporaries.

Every sum runs over the samples in their order, whatever the number of threads, so the bits do not depend on it, nor on
which replicas share the batch. Images have about 13 % active pixels, so this does an eighth of a matrix product's work.
"""

# ruff: noqa: PLR0917 -- compiled functions take no keyword-only arguments

from __future__ import annotations

from typing import no_type_check

import numba
import numpy as np
import torch
from jaxtyping import Bool
from numba import prange
from torch import Tensor

from worker.rbm.machine import Machine
from worker.rbm.sampling.fixed_point import kernel_lock
from worker.rbm.training.gradient import Gradient, Phase
from worker.rbm.training.schedule import Ascent

serial = numba.njit(cache=True, nogil=True)
threaded = numba.njit(cache=True, nogil=True, parallel=True)

NO_VELOCITY = np.empty((0, 0), np.float32)


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
    phases = [array.contiguous().numpy() for one in (data, model) for array in (one.visible, one.hidden_probabilities)]
    mask = machine.mask.numpy()
    slope = [torch.empty_like(one).numpy() for one in (machine.weight_matrix, machine.vbias, machine.hbias)]
    with kernel_lock:
        _weight_gradient(slope[0], mask, *phases)
        _mean_difference(slope[1], phases[0], phases[2])
        _mean_difference(slope[2], phases[1], phases[3])
        if ascent.gradient == "centred":
            _centre(*slope, mask, phases[0], phases[1])
        for gradient, name in zip(slope, ("weight_matrix", "vbias", "hbias"), strict=True):
            _ascend(
                _rows(getattr(machine, name)),
                gradient.reshape(machine.num_replicas, -1),
                NO_VELOCITY if velocity is None else _rows(getattr(velocity, name)),
                np.float32(ascent.rate),
                np.float32(ascent.weight_decay if name == "weight_matrix" else 0),
                np.float32(ascent.momentum),
                ascent.nesterov,
                active.numpy(),
            )


def _rows(parameter: Tensor) -> np.ndarray:
    """A parameter as one row for each replica, in the same memory."""
    rows: np.ndarray = parameter.view(parameter.shape[0], -1).numpy()
    return rows


@serial
@no_type_check
def _sum_active_rows(visible, unit, hidden, active_samples, total):
    """Sum into `total` the rows of `hidden` whose sample has the unit on, four at a time in the samples' order."""
    count = 0
    for sample in range(visible.shape[0]):
        active_samples[count] = sample
        count += visible[sample, unit]
    total[:] = np.float32(0)
    in_fours = count // 4 * 4
    for k in range(0, in_fours, 4):
        a, b = hidden[active_samples[k]], hidden[active_samples[k + 1]]
        c, d = hidden[active_samples[k + 2]], hidden[active_samples[k + 3]]
        for i in range(total.size):
            total[i] += (a[i] + b[i]) + (c[i] + d[i])
    for k in range(in_fours, count):
        a = hidden[active_samples[k]]
        for i in range(total.size):
            total[i] += a[i]


@threaded
@no_type_check
def _weight_gradient(gradient, mask, data_visible, data_hidden, model_visible, model_hidden):
    """Fill with <v h>_data - <v h>_model on the mask, 0 outside it."""
    num_replicas, num_visible, num_hidden = gradient.shape
    num_data, num_model = np.float32(data_visible.shape[1]), np.float32(model_visible.shape[1])
    block = 16
    blocks = (num_visible + block - 1) // block
    for task in prange(num_replicas * blocks):
        replica, first = task // blocks, task % blocks * block
        data_total, model_total = np.empty(num_hidden, np.float32), np.empty(num_hidden, np.float32)
        samples = np.empty(max(data_visible.shape[1], model_visible.shape[1]) + 1, np.uint32)
        for j in range(first, min(num_visible, first + block)):
            _sum_active_rows(data_visible[replica], j, data_hidden[replica], samples, data_total)
            _sum_active_rows(model_visible[replica], j, model_hidden[replica], samples, model_total)
            for i in range(num_hidden):
                slope = data_total[i] / num_data - model_total[i] / num_model
                gradient[replica, j, i] = slope if mask[replica, j, i] else np.float32(0)


@serial
@no_type_check
def _mean(states, mean):
    """Fill with the mean of each unit over the samples of one replica."""
    mean[:] = np.float32(0)
    for sample in range(states.shape[0]):
        for i in range(mean.size):
            mean[i] += np.float32(states[sample, i])
    for i in range(mean.size):
        mean[i] /= np.float32(states.shape[0])


@serial
@no_type_check
def _mean_difference(gradient, data, model):
    """Fill with <unit>_data - <unit>_model of each replica."""
    num_replicas, num_units = gradient.shape
    data_mean, model_mean = np.empty(num_units, np.float32), np.empty(num_units, np.float32)
    for replica in range(num_replicas):
        _mean(data[replica], data_mean)
        _mean(model[replica], model_mean)
        gradient[replica] = data_mean - model_mean


@threaded
@no_type_check
def _centre(weights, vbias, hbias, mask, data_visible, data_hidden):
    """Turn a gradient into the centred one, in place; see `gradient.centred`."""
    num_replicas, num_visible, num_hidden = weights.shape
    for replica in prange(num_replicas):
        mu, lam = np.empty(num_visible, np.float32), np.empty(num_hidden, np.float32)
        _mean(data_visible[replica], mu)
        _mean(data_hidden[replica], lam)
        on_hidden = np.zeros(num_hidden, np.float32)
        for j in range(num_visible):
            on_visible = np.float32(0)
            for i in range(num_hidden):
                if mask[replica, j, i]:
                    weights[replica, j, i] -= mu[j] * hbias[replica, i] + vbias[replica, j] * lam[i]
                on_visible += weights[replica, j, i] * lam[i]
                on_hidden[i] += weights[replica, j, i] * mu[j]
            vbias[replica, j] -= on_visible
        hbias[replica] -= on_hidden


@threaded
@no_type_check
def _ascend(parameter, gradient, velocity, rate, weight_decay, momentum, nesterov, active):
    """Move each active replica's row of a parameter; `velocity` has no rows where there is no momentum."""
    num_replicas, size = parameter.shape
    block = 8192
    blocks = (size + block - 1) // block
    for task in prange(num_replicas * blocks):
        replica, first = task // blocks, task % blocks * block
        if active[replica]:
            for i in range(first, min(size, first + block)):
                change = rate * (gradient[replica, i] - weight_decay * parameter[replica, i])
                if velocity.size:
                    velocity[replica, i] = momentum * velocity[replica, i] + change
                    change = momentum * velocity[replica, i] + change if nesterov else velocity[replica, i]
                parameter[replica, i] += change
