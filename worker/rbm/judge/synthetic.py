"""Images that are no digits and come from no machine: noise, nearly black images, strokes."""

from __future__ import annotations

import math

import torch
from jaxtyping import UInt8
from torch import Tensor

from worker.rbm.judge.classifiers import SIDE

MOST_SPECKS = 6
SHORTEST_STROKE, LONGEST_STROKE = 3.0, 11.0
"""Lengths in pixels. MNIST fits every digit into a box of 20 x 20 pixels, so that no digit is that small."""
THINNEST_RADIUS, THICKEST_RADIUS = 0.6, 2.0
_POINTS = 24
_IMAGES_PER_BLOCK = 500


def noise(count: int, generator: torch.Generator) -> UInt8[Tensor, "image visible"]:
    """Independent pixels, each image with its own share of white ones, uniform in (0, 1)."""
    share = torch.rand(count, 1, generator=generator)
    return (torch.rand(count, SIDE * SIDE, generator=generator) < share).to(torch.uint8)


def specks(count: int, generator: torch.Generator) -> UInt8[Tensor, "image visible"]:
    """Black images, of which all but the first have up to 6 white pixels."""
    images = torch.zeros(count, SIDE * SIDE, dtype=torch.uint8)
    for image in images[1:]:
        number = int(torch.randint(0, MOST_SPECKS + 1, (), generator=generator))
        image[torch.randint(0, SIDE * SIDE, (number,), generator=generator)] = 1
    return images


def strokes(count: int, number: int, generator: torch.Generator) -> UInt8[Tensor, "image visible"]:
    """White strokes on black, as pruned machines draw them: arcs of 3 to 11 pixels near the middle.

    Args:
        count: how many images.
        number: how many strokes each of them has.
        generator: where the random numbers come from.
    """
    images = torch.zeros(count, SIDE * SIDE, dtype=torch.bool)
    for _ in range(number):
        for begin in range(0, count, _IMAGES_PER_BLOCK):
            images[begin : begin + _IMAGES_PER_BLOCK] |= _arcs(min(_IMAGES_PER_BLOCK, count - begin), generator)
    return images.to(torch.uint8)


def _arcs(count: int, generator: torch.Generator) -> Tensor:
    def between(low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(count, 1, generator=generator)

    length = between(SHORTEST_STROKE, LONGEST_STROKE)
    along = torch.linspace(-0.5, 0.5, _POINTS) * length
    angle = between(0.0, 2 * math.pi) + between(-0.25, 0.25) * along
    step = length / (_POINTS - 1)
    middle = SIDE // 2 - 0.5
    x = between(middle - 6, middle + 6) + _centred(torch.cumsum(torch.cos(angle) * step, dim=1))
    y = between(middle - 6, middle + 6) + _centred(torch.cumsum(torch.sin(angle) * step, dim=1))
    radius = between(THINNEST_RADIUS, THICKEST_RADIUS)
    axis = torch.arange(SIDE, dtype=torch.float32)
    across = (axis - x.unsqueeze(2)).square().unsqueeze(2)
    down = (axis - y.unsqueeze(2)).square().unsqueeze(3)
    nearest = (across + down).amin(dim=1)
    return (nearest <= radius.square().unsqueeze(2)).flatten(1)


def _centred(path: Tensor) -> Tensor:
    return path - path.mean(dim=1, keepdim=True)
