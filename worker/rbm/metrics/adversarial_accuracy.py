"""Adversarial accuracy: do samples have their nearest neighbours among themselves or among the data?"""

from __future__ import annotations

import math

import torch
from jaxtyping import Bool, Float32, Float64, UInt8
from torch import Tensor

from worker.rbm.metrics.bootstrap import SHARE, Estimate, estimate, resampling_counts
from worker.rbm.metrics.inputs import MetricInputs
from worker.rbm.registry import MetricRegistration

STATES_PER_TILE = 1000
POSSIBLE = (0.0, 0.25)


def nearest_in_own_set(
    generated: UInt8[Tensor, "sample visible"], data: UInt8[Tensor, "sample visible"]
) -> tuple[Bool[Tensor, " sample"], Bool[Tensor, " sample"]]:
    """Which generated and which data states have their nearest neighbour in their own set.

    A_T = mean 1[d_TS > d_TT] over the generated set T, A_S = mean 1[d_ST > d_SS] over the data S: the means of what
    is given back. A state is no neighbour of itself. The inequality is strict: a tie counts as "the other set is
    nearer". Binary images have many ties (5 to 6 % on MNIST), so the rule matters.

    Raises:
        ValueError: if the sets have different sizes or fewer than 2 states.

    Source: paper, section 3; Yale et al., Generation and evaluation of privacy preserving synthetic health data (2020).
    """
    if generated.shape != data.shape or len(data) < 2:
        given = f"{tuple(generated.shape)} and {tuple(data.shape)}"
        raise ValueError(f"the sets have shapes {given}; they must be equal, with 2 states or more")
    to_data, to_generated = nearest_between(generated, data)
    return to_data > nearest_within(generated), to_generated > nearest_within(data)


def adversarial_accuracy_error(
    accuracy_generated: Float64[Tensor, " resample"], accuracy_data: Float64[Tensor, " resample"]
) -> Float64[Tensor, " resample"]:
    """E_AAI = ((A_T - 1/2)^2 + (A_S - 1/2)^2) / 2: 0 for indistinguishable sets, at most 1/4.

    Source: paper, section 3 (mean squared deviation from 0.5).
    """
    return ((accuracy_generated - 0.5).square() + (accuracy_data - 0.5).square()) / 2


def squared_distances(
    states: Float32[Tensor, "sample visible"], others: Float32[Tensor, "other visible"]
) -> Float32[Tensor, "sample other"]:
    """|a - b|^2 = |a| + |b| - 2 a.b of binary states: how many units differ.

    One matrix product of counts, which float32 holds exactly up to 2^24 units (bfloat16 up to 256).
    """
    distances = torch.addmm(others.sum(dim=1), states, others.T, alpha=-2)
    return distances.add_(states.sum(dim=1)[:, None])


def nearest_between(
    states: UInt8[Tensor, "sample visible"], others: UInt8[Tensor, "other visible"]
) -> tuple[Float32[Tensor, " sample"], Float32[Tensor, " other"]]:
    """The squared distance of each state to the nearest other, and of each other to the nearest state.

    Tile by tile, so memory does not grow with the product of the sizes.
    """
    nearest, nearest_of_others = nothing_found(states), nothing_found(others)
    columns = tiles_of(others, nearest_of_others)
    for row, row_nearest in tiles_of(states, nearest):
        for column, column_nearest in columns:
            distances = squared_distances(row, column)
            keep_least(row_nearest, distances.amin(dim=1))
            keep_least(column_nearest, distances.amin(dim=0))
    return nearest, nearest_of_others


def nearest_within(states: UInt8[Tensor, "sample visible"]) -> Float32[Tensor, " sample"]:
    """The squared distance of each state to the nearest other one of the same set; a duplicate is at distance 0."""
    nearest = nothing_found(states)
    tiles = tiles_of(states, nearest)
    for index, (row, row_nearest) in enumerate(tiles):
        keep_least(row_nearest, squared_distances(row, row).fill_diagonal_(math.inf).amin(dim=1))
        for column, column_nearest in tiles[index + 1 :]:
            distances = squared_distances(row, column)
            keep_least(row_nearest, distances.amin(dim=1))
            keep_least(column_nearest, distances.amin(dim=0))
    return nearest


def nothing_found(states: UInt8[Tensor, "sample visible"]) -> Float32[Tensor, " sample"]:
    """The distances to begin with, infinite."""
    return torch.full((len(states),), math.inf, device=states.device)


def tiles_of(
    states: UInt8[Tensor, "sample visible"], nearest: Float32[Tensor, " sample"]
) -> list[tuple[Float32[Tensor, "tile visible"], Float32[Tensor, " tile"]]]:
    """The states in tiles, each with its part of `nearest`, which may be written."""
    return list(zip(torch.split(states.float(), STATES_PER_TILE), torch.split(nearest, STATES_PER_TILE), strict=True))


def keep_least(least: Float32[Tensor, " sample"], found: Float32[Tensor, " sample"]) -> None:
    """Let `least` be the lesser of itself and what was found, in place."""
    torch.minimum(least, found, out=least)


def draw_subset(
    images: UInt8[Tensor, "image visible"], size: int, generator: torch.Generator
) -> UInt8[Tensor, "sample visible"]:
    """As many images as there are samples, drawn without replacement.

    Raises:
        ValueError: if there are not so many.
    """
    if size > len(images):
        raise ValueError(f"{size} samples but {len(images)} images; draw no more samples than there are images")
    return images[torch.randperm(len(images), generator=generator)[:size]]


def _compute(inputs: MetricInputs) -> dict[str, Estimate]:
    replicas = zip(inputs.required_samples(), inputs.required_generators(), strict=True)
    estimates = [_estimates(samples, inputs.images, generator) for samples, generator in replicas]
    return {name: Estimate.joined([of_replica[name] for of_replica in estimates]) for name in estimates[0]}


def _estimates(
    samples: UInt8[Tensor, "sample visible"], images: UInt8[Tensor, "image visible"], generator: torch.Generator
) -> dict[str, Estimate]:
    """Values and intervals of one replica.

    The bootstrap resamples the indicators, for each set on its own, and not the sets: in a resampled set every
    duplicate would have a nearest neighbour at distance 0.
    """
    size = len(samples)
    data = draw_subset(images, size, generator).to(samples.device)
    nearer = [own.double().cpu() for own in nearest_in_own_set(samples, data)]
    resampled = [resampling_counts(size, generator) @ own / size for own in nearer]
    accuracies = [own.mean() for own in nearer]
    error = float(adversarial_accuracy_error(accuracies[0][None], accuracies[1][None]))
    return {
        "adversarial_accuracy_error": estimate(error, adversarial_accuracy_error(*resampled), POSSIBLE),
        "adversarial_accuracy_generated": estimate(float(accuracies[0]), resampled[0], SHARE),
        "adversarial_accuracy_data": estimate(float(accuracies[1]), resampled[1], SHARE),
    }


REGISTRATION = MetricRegistration(
    name="adversarial_accuracy_error",
    label="Adversarial accuracy error E_AAI",
    description="Mean squared deviation from 1/2 of how often nearest neighbours are in the same set, samples or data.",
    unit="1",
    source="Paper, section 3; Yale et al., Neurocomputing 416 (2020)",
    formula="E_AAI = ((A_T - 1/2)^2 + (A_S - 1/2)^2) / 2, A_T = mean 1[d_TS > d_TT], A_S = mean 1[d_ST > d_SS]",
    better="lower",
    needs="samples",
    parts={
        "adversarial_accuracy_generated": "A_T, samples nearest to another sample",
        "adversarial_accuracy_data": "A_S, images nearest to another image",
    },
    function=_compute,
)
