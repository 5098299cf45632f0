"""The path of distributions from a machine without couplings to the machine itself."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float32, Float64, UInt8
from torch import Tensor

from worker.rbm.machine import logit_of_means, pixel_means


def base_rates(images: UInt8[Tensor, "sample visible"]) -> Float32[Tensor, " visible"]:
    """Visible biases of the base-rate machine: the logits of the clamped pixel means, each pixel for itself.

    Any data that resemble the machine's samples will do: the estimate of log Z is right from every base, and has the
    less noise the nearer the base is.

    Source: Salakhutdinov and Murray, On the quantitative analysis of deep belief networks (2008), section 4.1.
    """
    return logit_of_means(pixel_means(images))


def inverse_temperatures(num_temperatures: int) -> Float64[Tensor, " temperature"]:
    """Beta of every distribution of the path: 1 - (1 - t)^2 for t = 0 to 1 in `num_temperatures` equal steps.

    They are densest near 1, where a machine that learnt digits changes most; which path is best was measured.

    Raises:
        ValueError: if there is no step.

    Source: Salakhutdinov and Murray (2008), section 4.1 (denser towards 1).
    """
    if num_temperatures < 1:
        raise ValueError(f"num_temperatures is {num_temperatures}; it must be at least 1")
    return 1 - torch.linspace(1, 0, num_temperatures + 1, dtype=torch.float64).square()


def log_base_partition(base_vbias: Float32[Tensor, " visible"], num_hidden: int) -> float:
    """Log Z of the base-rate machine: M log 2 + sum_j log(1 + exp(b_j)), M hidden units that see nothing."""
    return num_hidden * math.log(2) + float(torch.nn.functional.softplus(base_vbias.double()).sum())
