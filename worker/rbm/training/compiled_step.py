"""The gradient step for the CPU, compiled: adds only the rows of active visible units, without temporaries.

Every sum runs over the samples in their order, whatever the number of threads, so the bits do not depend on it, nor on
which replicas share the batch. Images have about 13 % active pixels, so this does an eighth of a matrix product's work.
"""

# ruff: noqa: PLR0917 -- compiled functions take no keyword-only arguments

from __future__ import annotations

from typing import no_type_check

import numba
import numpy as np
from jaxtyping import Bool
from numba import prange
from torch import Tensor

from worker.rbm.machine import Machine
from worker.rbm.sampling.fixed_point import kernel_lock
from worker.rbm.training.gradient import Phase

serial = numba.njit(cache=True, nogil=True)
threaded = numba.njit(cache=True, nogil=True, parallel=True)


def gradient_step(
    machine: Machine, data: Phase, model: Phase, learning_rate: float, active: Bool[Tensor, " replica"]
) -> None:
    """Move the parameters of the active replicas along the gradient, in place; masked weights stay exactly 0.

    Source: paper, eqs. 3-5.
    """
    data_arrays = (data.visible.contiguous().numpy(), data.hidden_probabilities.contiguous().numpy())
    model_arrays = (model.visible.contiguous().numpy(), model.hidden_probabilities.contiguous().numpy())
    rate, flags = np.float32(learning_rate), active.numpy()
    with kernel_lock:
        _step_weights(machine.weight_matrix.numpy(), machine.mask.numpy(), *data_arrays, *model_arrays, rate, flags)
        _step_bias(machine.vbias.numpy(), data_arrays[0], model_arrays[0], rate, flags)
        _step_bias(machine.hbias.numpy(), data_arrays[1], model_arrays[1], rate, flags)


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
def _step_weights(weights, mask, data_visible, data_hidden, model_visible, model_hidden, rate, active):
    """Move the weights: W += rate (<v h>_data - <v h>_model) on the mask, 0 outside it."""
    num_replicas, num_visible, num_hidden = weights.shape
    num_data, num_model = np.float32(data_visible.shape[1]), np.float32(model_visible.shape[1])
    block = 16
    blocks = (num_visible + block - 1) // block
    for task in prange(num_replicas * blocks):
        replica, first = task // blocks, task % blocks * block
        if active[replica]:
            data_total, model_total = np.empty(num_hidden, np.float32), np.empty(num_hidden, np.float32)
            samples = np.empty(max(data_visible.shape[1], model_visible.shape[1]) + 1, np.uint32)
            for j in range(first, min(num_visible, first + block)):
                _sum_active_rows(data_visible[replica], j, data_hidden[replica], samples, data_total)
                _sum_active_rows(model_visible[replica], j, model_hidden[replica], samples, model_total)
                for i in range(num_hidden):
                    step = rate * (data_total[i] / num_data - model_total[i] / num_model)
                    weights[replica, j, i] = weights[replica, j, i] + step if mask[replica, j, i] else np.float32(0)


@serial
@no_type_check
def _step_bias(bias, data, model, rate, active):
    """Move a bias: b += rate (<unit>_data - <unit>_model)."""
    num_replicas, num_units = bias.shape
    num_data, num_model = np.float32(data.shape[1]), np.float32(model.shape[1])
    for replica in range(num_replicas):
        if active[replica]:
            data_total, model_total = np.zeros(num_units, np.float32), np.zeros(num_units, np.float32)
            for sample in range(data.shape[1]):
                for i in range(num_units):
                    data_total[i] += np.float32(data[replica, sample, i])
            for sample in range(model.shape[1]):
                for i in range(num_units):
                    model_total[i] += np.float32(model[replica, sample, i])
            for i in range(num_units):
                bias[replica, i] += rate * (data_total[i] / num_data - model_total[i] / num_model)
