"""The gradient step for the CPU, compiled: adds only the rows of active visible units, without temporaries.

Every sum runs over the samples in their order, whatever the number of threads, so the bits do not depend on it, nor on
which replicas share the batch. Images have about 13 % active pixels, so this does an eighth of a matrix product's work.
"""

# ruff: noqa: PLR0917 -- compiled functions take no keyword-only arguments

from __future__ import annotations

from typing import no_type_check

import numpy as np
import torch
from jaxtyping import Bool
from numba import prange
from torch import Tensor

from worker.rbm.machine import Machine
from worker.rbm.row_sums import TILE, sum_rows
from worker.rbm.sampling.fixed_point import kernel_lock
from worker.rbm.sampling.kernels import serial, threaded
from worker.rbm.training.gradient import Gradient, Phase
from worker.rbm.training.schedule import Ascent

UNITS_PER_TASK = 28
"""Visible units of one task: a tile of hidden probabilities is read once for all of them."""

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
        _visible_gradient(slope[0], slope[1], mask, *phases)
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


def within(parameter: Tensor, limit: float) -> Bool[Tensor, " replica"]:
    """For each replica whether every value is finite and at most `limit` in magnitude."""
    rows = _rows(parameter)
    with kernel_lock:
        outside = _count_outside(rows, np.float32(limit))
    return torch.from_numpy(outside == 0)


def _rows(parameter: Tensor) -> np.ndarray:
    """A parameter as one row for each replica, in the same memory."""
    rows: np.ndarray = parameter.view(parameter.shape[0], -1).numpy()
    return rows


@serial
@no_type_check
def _list_active(visible, listed, counts):
    """For each visible unit: in which samples it is on, in their order, and how many these are."""
    for j in range(visible.shape[1]):
        counts[j] = 0
    for sample in range(visible.shape[0]):
        for j in range(visible.shape[1]):
            listed[j, counts[j]] = sample
            counts[j] += visible[sample, j]


@serial
@no_type_check
def _sum_last_columns(total, hidden, first, listed, count):
    """What `sum_rows` does, for the columns from `first` on that fill no tile."""
    fours = count // 4 * 4
    for i in range(first, hidden.shape[1]):
        value = np.float32(0)
        for k in range(0, fours, 4):
            a, b = hidden[listed[k], i], hidden[listed[k + 1], i]
            c, d = hidden[listed[k + 2], i], hidden[listed[k + 3], i]
            value += (a + b) + (c + d)
        for k in range(fours, count):
            value += hidden[listed[k], i]
        total[i - first] = value


@serial
@no_type_check
def _sums(total, hidden, tile, listed, count):
    """The sum of the listed samples' hidden probabilities in one tile of hidden units."""
    first = tile * TILE
    if first + TILE <= hidden.shape[1]:
        sum_rows(total, 0, hidden, first, hidden.shape[1], listed, count)
    else:
        _sum_last_columns(total, hidden, first, listed, count)


@serial
@no_type_check
def _slopes(weights, mask, data_total, num_data, model_total, num_model):
    """Fill with data_total / num_data - model_total / num_model on the mask, 0 outside it."""
    for i in range(weights.size):
        slope = data_total[i] / num_data - model_total[i] / num_model
        weights[i] = slope if mask[i] else np.float32(0)


@serial
@no_type_check
def _gradient_of_units(weights, vbias, mask, data_visible, data_hidden, model_visible, model_hidden):
    """The gradient of some visible units of one replica; a tile of hidden units at a time stays in the cache."""
    num_units, num_hidden = weights.shape
    num_data, num_model = np.float32(data_visible.shape[0]), np.float32(model_visible.shape[0])
    data_listed = np.empty((num_units, data_visible.shape[0] + 1), np.uint32)
    model_listed = np.empty((num_units, model_visible.shape[0] + 1), np.uint32)
    data_counts, model_counts = np.empty(num_units, np.int64), np.empty(num_units, np.int64)
    _list_active(data_visible, data_listed, data_counts)
    _list_active(model_visible, model_listed, model_counts)
    data_total, model_total = np.empty(TILE, np.float32), np.empty(TILE, np.float32)
    for tile in range((num_hidden + TILE - 1) // TILE):
        first, last = tile * TILE, min(num_hidden, (tile + 1) * TILE)
        for j in range(num_units):
            _sums(data_total, data_hidden, tile, data_listed[j], data_counts[j])
            _sums(model_total, model_hidden, tile, model_listed[j], model_counts[j])
            _slopes(weights[j, first:last], mask[j, first:last], data_total, num_data, model_total, num_model)
    for j in range(num_units):
        vbias[j] = np.float32(data_counts[j]) / num_data - np.float32(model_counts[j]) / num_model


@threaded
@no_type_check
def _visible_gradient(weights, vbias, mask, data_visible, data_hidden, model_visible, model_hidden):
    """Fill with <v h>_data - <v h>_model on the mask, 0 outside it, and with <v>_data - <v>_model."""
    num_replicas, num_visible, _ = weights.shape
    blocks = (num_visible + UNITS_PER_TASK - 1) // UNITS_PER_TASK
    for task in prange(num_replicas * blocks):
        replica, first = task // blocks, task % blocks * UNITS_PER_TASK
        last = min(num_visible, first + UNITS_PER_TASK)
        _gradient_of_units(
            weights[replica, first:last], vbias[replica, first:last], mask[replica, first:last],
            data_visible[replica, :, first:last], data_hidden[replica],
            model_visible[replica, :, first:last], model_hidden[replica],
        )  # fmt: skip


@serial
@no_type_check
def _mean(states, mean):
    """Fill with the mean of each unit over the samples of one replica."""
    for i in range(mean.size):
        mean[i] = np.float32(0)
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
        for i in range(num_units):
            gradient[replica, i] = data_mean[i] - model_mean[i]


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
        for i in range(num_hidden):
            hbias[replica, i] -= on_hidden[i]


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


@threaded
@no_type_check
def _count_outside(rows, limit):
    """How many values of each row are not between -limit and limit. Written so that it counts NaN."""
    outside = np.zeros(rows.shape[0], np.int32)
    for row in prange(rows.shape[0]):
        count = np.int32(0)
        for i in range(rows.shape[1]):
            count += np.int32(not abs(rows[row, i]) <= limit)
        outside[row] = count
    return outside
