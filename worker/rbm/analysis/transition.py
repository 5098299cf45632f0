"""Where a quality curve falls, and over which width: how abrupt the transition is."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float64, Int64
from torch import Tensor

HIGH_QUALITY, HALF_QUALITY, LOW_QUALITY = 0.9, 0.5, 0.1


@dataclass(frozen=True)
class Transition:
    """The fall of each curve, in units of its levels; NaN where a curve does not fall so far.

    Attributes:
        start: where Q falls to 0.9, the last time before it is at 1/2.
        half: where Q falls to 1/2, the first time.
        end: where Q falls to 0.1, the first time from there on.
        width: end - start.
    """

    start: Float64[Tensor, " curve"]
    half: Float64[Tensor, " curve"]
    end: Float64[Tensor, " curve"]
    width: Float64[Tensor, " curve"]


def falling_points(
    levels: Float64[Tensor, " level"], quality: Float64[Tensor, "curve level"], at: float = HALF_QUALITY
) -> Float64[Tensor, " curve"]:
    """Where each curve first falls to a value, on the straight line between two levels; NaN if it never does.

    A curve that begins at or below the value does not fall to it. Curves have no gaps (`filled`).
    """
    falls = _falls(quality, at)
    return _crossing(levels, quality, at, falls, falls.to(torch.int8).argmax(dim=1))


def transition(levels: Float64[Tensor, " level"], quality: Float64[Tensor, "curve level"]) -> Transition:
    """Start, half point, end and width of the fall of each curve from 0.9 to 0.1.

    Source: paper, section 4.1 (the abrupt breakdown), made a number by the usual 10-90 % width.
    """
    half_falls = _falls(quality, HALF_QUALITY)
    half_segment = half_falls.to(torch.int8).argmax(dim=1)
    segment = torch.arange(len(levels)).expand_as(half_falls)
    known = half_falls.any(dim=1, keepdim=True)
    before = _falls(quality, HIGH_QUALITY) & (segment <= half_segment[:, None]) & known
    after = _falls(quality, LOW_QUALITY) & (segment >= half_segment[:, None]) & known
    last_before = torch.where(before, segment, -1).argmax(dim=1)
    start = _crossing(levels, quality, HIGH_QUALITY, before, last_before)
    end = _crossing(levels, quality, LOW_QUALITY, after, after.to(torch.int8).argmax(dim=1))
    return Transition(start, _crossing(levels, quality, HALF_QUALITY, half_falls, half_segment), end, end - start)


def _falls(quality: Float64[Tensor, "curve level"], at: float) -> Bool[Tensor, "curve level"]:
    """Whether a curve falls to the value between each level and the next; never after the last."""
    falls = (quality[:, :-1] > at) & (quality[:, 1:] <= at)
    return torch.nn.functional.pad(falls, (0, 1), value=False)


def _crossing(
    levels: Float64[Tensor, " level"],
    quality: Float64[Tensor, "curve level"],
    at: float,
    falls: Bool[Tensor, "curve level"],
    segment: Int64[Tensor, " curve"],
) -> Float64[Tensor, " curve"]:
    """Where each curve has the value within one segment; NaN for curves without any fall."""
    following = (segment + 1).clamp(max=len(levels) - 1)
    above, below = quality.gather(1, segment[:, None])[:, 0], quality.gather(1, following[:, None])[:, 0]
    left, right = levels[segment], levels[following]
    return torch.where(falls.any(dim=1), left + (right - left) * (above - at) / (above - below), torch.nan)
