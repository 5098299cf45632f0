"""Log p(v_j | all other units) for the CPU, compiled: exact fixed-point fields, one logarithm for 80 hidden units."""

# ruff: noqa: PLR0917 -- compiled functions take no keyword-only arguments

from __future__ import annotations

import math
from typing import no_type_check

import numpy as np
import torch
from jaxtyping import Float32, Int64, UInt8
from numba import prange
from torch import Tensor

from worker.rbm.machine import Machine
from worker.rbm.row_sums import TILE
from worker.rbm.sampling.fixed_point import kernel_lock, to_fixed_point
from worker.rbm.sampling.kernels import CHAINS_PER_TASK, UNITY, exp_of_minus, fields_of, serial, threaded


def log_conditional(
    machine: Machine,
    images: UInt8[Tensor, "sample visible"],
    units: Int64[Tensor, "replica sample"],
) -> Float32[Tensor, "replica sample"]:
    """What `pseudo_log_likelihood.log_conditional` gives, for a machine on the CPU."""
    fixed = to_fixed_point(machine)
    differences = torch.empty(units.shape)
    with kernel_lock:
        _fill(
            fixed.tiles, fixed.vbias, fixed.hbias, fixed.scale,
            images.contiguous().numpy(), units.contiguous().numpy(), differences.numpy(),
        )  # fmt: skip
    return torch.nn.functional.logsigmoid(differences)


@threaded
@no_type_check
def _fill(tiles, vbias, hbias, scale, images, units, differences):
    """Fill `differences` with F(v with one bit flipped) - F(v) of each replica and image."""
    num_replicas, num_images = units.shape
    tasks = (num_images + CHAINS_PER_TASK - 1) // CHAINS_PER_TASK
    for task in prange(num_replicas * tasks):
        replica, first = task // tasks, task % tasks * CHAINS_PER_TASK
        last = min(num_images, first + CHAINS_PER_TASK)
        fields = fields_of(tiles[replica], hbias[replica], images[first:last])
        ratios = np.empty(TILE, np.float32)
        for image in range(first, last):
            unit = units[replica, image]
            sign = np.int32(1 - 2 * np.int32(images[image, unit]))
            hidden_part = _hidden_part(fields[image - first], tiles[replica], unit, sign, scale[replica], ratios)
            differences[replica, image] = hidden_part - sign * vbias[replica, unit] * scale[replica]


@serial
@no_type_check
def _hidden_part(fields, tiles, unit, sign, scale, ratios):
    """Sum of softplus(x) - softplus(x with the unit flipped) over the hidden units.

    softplus(x) = max(x, 0) + log(1 + exp(-|x|)). The first parts are integers here; of the second ones, which are
    between 1 and 2 before the logarithm, the quotients of a tile are multiplied: at most 2^80.
    """
    positive, logarithms = np.int64(0), 0.0
    for tile in range(tiles.shape[0]):
        positive += _ratios(fields[tile * TILE : (tile + 1) * TILE], tiles[tile, unit], sign, scale, ratios)
        logarithms += math.log(_product(ratios))
    return positive * np.float64(scale) + logarithms


@serial
@no_type_check
def _ratios(fields, weights, sign, scale, ratios):
    """Fill `ratios` with the quotients of one tile, and return the sum of its integer parts."""
    positive = np.int64(0)
    for i in range(ratios.size):
        before = fields[i]
        after = np.int32(before + sign * weights[i])  # numba would go on in 64 bits, of which fewer fit a vector
        positive += np.int64(max(before, np.int32(0))) - np.int64(max(after, np.int32(0)))
        x, y = np.float32(abs(before)) * scale, np.float32(abs(after)) * scale
        ratios[i] = (UNITY + exp_of_minus(x)) / (UNITY + exp_of_minus(y))
    return positive


@serial
@no_type_check
def _product(values):
    """The product of `TILE` values, folded in halves; they are overwritten."""
    size = TILE
    while size % 2 == 0:
        size //= 2
        for i in range(size):
            values[i] *= values[size + i]
    product = np.float64(values[0])
    for i in range(1, size):
        product *= np.float64(values[i])
    return product
