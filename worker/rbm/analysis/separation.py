"""Whether classes of machines lie apart: the pseudo-F of their distances, with a permutation test."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float64, Int64
from torch import Tensor

NUM_PERMUTATIONS = 9999
PERMUTATIONS_PER_BLOCK = 1000
TIE = 1e-9
"""Sums of squares whose relative difference is below this count as equal."""


@dataclass(frozen=True)
class Separation:
    """How far classes of points lie apart.

    Attributes:
        classes: the labels, in alphabetical order.
        num_points: points of each class.
        pseudo_f: mean square between classes over mean square within them; about 1 without a difference.
        r_squared: the part of the total sum of squares that lies between classes, 0 to 1.
        within: mean square distance of the points of each class from its centre; very unequal values are a
            difference of spread, which pseudo-F also answers to.
        p_value: of the permutation test.
        least_p_value: the smallest p that this number of points, strata and permutations can give.
        num_permutations: permutations drawn.
        reason: why a value is missing; None if nothing is.
    """

    classes: tuple[str, ...]
    num_points: tuple[int, ...]
    pseudo_f: float
    r_squared: float
    within: tuple[float, ...]
    p_value: float
    least_p_value: float
    num_permutations: int
    reason: str | None


@dataclass(frozen=True)
class PairSeparation:
    """The separation of two classes; `adjusted_p_value` is Holm's, over all pairs."""

    first: str
    second: str
    separation: Separation
    adjusted_p_value: float


def separation(
    points: Float64[Tensor, "machine component"],
    labels: Sequence[str],
    generator: torch.Generator,
    *,
    strata: Sequence[int] | None = None,
    num_permutations: int = NUM_PERMUTATIONS,
) -> Separation:
    """Pseudo-F of labelled points by Euclidean distances, and how often permuted labels reach it.

    SS_T = sum_{i<j} d_ij^2 / N, SS_W = sum over classes of sum_{i<j within} d_ij^2 / n_class,
    F = ((SS_T - SS_W) / (classes - 1)) / (SS_W / (N - classes)), p = (1 + #{F_permuted >= F}) / (1 + permutations).

    Args:
        points: one row for each machine: a plane, or all components for the full space.
        labels: the class of each point.
        generator: draws the permutations.
        strata: where given, labels are exchanged only within the points of equal stratum, for instance the replica
            whose seed or mask the machines share.
        num_permutations: how many to draw.

    Raises:
        ValueError: if the numbers of points, labels and strata differ, or none is given.

    Source: Anderson, A new method for non-parametric multivariate analysis of variance (2001).
    """
    _check(points, labels, strata)
    classes = tuple(sorted(set(labels)))
    label = torch.tensor([classes.index(one) for one in labels])
    stratum = _numbered(strata, len(labels))
    sizes = torch.bincount(label)
    squares = _square_distances(points)
    within = _within(squares, label[None])[0]
    total, inside = float(squares.sum()) / (2 * len(labels)), float(within.sum())
    reason = _undefined(classes, len(labels), total)
    p_value = _p_value(squares, label, stratum, generator, num_permutations) if reason is None else math.nan
    r_squared = 1 - inside / total if reason is None else math.nan
    if reason is None and inside <= TIE * total:
        reason = "the points of each class are the same: pseudo-F is infinite"
    freedom = (len(labels) - len(classes)) / max(1, len(classes) - 1)
    return Separation(
        classes=classes,
        num_points=tuple(sizes.tolist()),
        pseudo_f=(total - inside) / inside * freedom if reason is None else math.nan,
        r_squared=r_squared,
        within=tuple((within / sizes).tolist()),
        p_value=p_value,
        least_p_value=max(_least_exact_p(labels, stratum.tolist()), 1 / (1 + num_permutations)),
        num_permutations=num_permutations,
        reason=reason,
    )


def pairwise_separation(
    points: Float64[Tensor, "machine component"],
    labels: Sequence[str],
    generator: torch.Generator,
    *,
    strata: Sequence[int] | None = None,
    unpaired: Collection[str] = (),
    num_permutations: int = NUM_PERMUTATIONS,
) -> tuple[PairSeparation, ...]:
    """The separation of each two classes, by their own points alone, in alphabetical order.

    Args:
        points: as `separation`, as `labels`, `generator`, `strata` and `num_permutations`.
        unpaired: classes whose points belong to no stratum: pairs with such a class are permuted without strata.

    Raises:
        ValueError: as `separation`.
    """
    _check(points, labels, strata)
    unpaired = frozenset(unpaired)
    pairs = list(itertools.combinations(sorted(set(labels)), 2))
    results = []
    for pair in pairs:
        rows = [index for index, label in enumerate(labels) if label in pair]
        own = None if strata is None or not unpaired.isdisjoint(pair) else [strata[row] for row in rows]
        chosen = [labels[row] for row in rows]
        results.append(separation(points[rows], chosen, generator, strata=own, num_permutations=num_permutations))
    adjusted = holm([result.p_value for result in results])
    return tuple(PairSeparation(*pair, result, p) for pair, result, p in zip(pairs, results, adjusted, strict=True))


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjust p-values for their number: the k-th smallest of m times m - k + 1, never falling, at most 1; NaN stays.

    Source: Holm, A simple sequentially rejective multiple test procedure (1979).
    """
    adjusted = [math.nan] * len(p_values)
    known = sorted((p, index) for index, p in enumerate(p_values) if not math.isnan(p))
    least = 0.0
    for rank, (p, index) in enumerate(known):
        least = max(least, min(1.0, p * (len(known) - rank)))
        adjusted[index] = least
    return adjusted


def _check(points: Tensor, labels: Sequence[str], strata: Sequence[int] | None) -> None:
    if len(points) == 0 or len(points) != len(labels) or (strata is not None and len(strata) != len(labels)):
        given = f"{len(points)} points, {len(labels)} labels, {'no' if strata is None else len(strata)} strata"
        raise ValueError(f"{given}; give one label, and one stratum if any, for each point, and at least one point")


def _numbered(strata: Sequence[int] | None, num_points: int) -> Int64[Tensor, " machine"]:
    """The strata counted from 0; all points are in one if there are none."""
    if strata is None:
        return torch.zeros(num_points, dtype=torch.int64)
    known = sorted(set(strata))
    return torch.tensor([known.index(one) for one in strata])


def _undefined(classes: Sequence[str], num_points: int, total: float) -> str | None:
    if len(classes) < 2:
        return f"{len(classes)} class; a separation needs at least 2"
    if num_points == len(classes):
        return "one point in each class: there is no distance within a class"
    if total == 0:
        return "all points are the same"
    return None


def _square_distances(points: Float64[Tensor, "machine component"]) -> Float64[Tensor, "machine machine"]:
    distances: Tensor = torch.cdist(points, points, compute_mode="donot_use_mm_for_euclid_dist")
    return distances.square()


def _within(
    squares: Float64[Tensor, "machine machine"], labels: Int64[Tensor, "permutation machine"]
) -> Float64[Tensor, "permutation class"]:
    """The sum of squares within each class, for permutations of the same labels."""
    sizes = torch.bincount(labels[0])
    member = torch.nn.functional.one_hot(labels, len(sizes)).to(torch.float64)
    neighbours = torch.einsum("ij,pjc->pic", squares, member)
    return (member * neighbours).sum(dim=1) / (2 * sizes)


def _p_value(
    squares: Float64[Tensor, "machine machine"],
    label: Int64[Tensor, " machine"],
    stratum: Int64[Tensor, " machine"],
    generator: torch.Generator,
    num_permutations: int,
) -> float:
    """SS_T is the same for all labellings, so F is as large as observed where SS_W is as small."""
    limit = float(_within(squares, label[None]).sum()) + TIE * float(squares.sum()) / len(label)
    reached = 0
    for start in range(0, num_permutations, PERMUTATIONS_PER_BLOCK):
        drawn = _permuted(label, stratum, min(PERMUTATIONS_PER_BLOCK, num_permutations - start), generator)
        reached += int((_within(squares, drawn).sum(dim=1) <= limit).sum())
    return (1 + reached) / (1 + num_permutations)


def _permuted(
    label: Int64[Tensor, " machine"],
    stratum: Int64[Tensor, " machine"],
    count: int,
    generator: torch.Generator,
) -> Int64[Tensor, "permutation machine"]:
    """Labels permuted at random within strata: the points of each stratum in random order take its places."""
    keys = torch.rand(count, len(label), generator=generator, dtype=torch.float64) + stratum
    places = stratum.argsort(stable=True)
    permuted = torch.empty(count, len(label), dtype=torch.int64)
    permuted[:, places] = label[keys.argsort(dim=1)]
    return permuted


def _least_exact_p(labels: Sequence[str], stratum: Sequence[int]) -> float:
    """One over the number of ways to arrange the labels within strata that differ by more than the classes' names.

    Classes with the same numbers of points in every stratum can exchange their names without a change of F.
    """
    strata = sorted(set(stratum))
    counts = Counter(zip(stratum, labels, strict=True))
    arrangements = 1
    for one in strata:
        inside = [counts[one, label] for label in set(labels)]
        arrangements *= math.factorial(sum(inside)) // math.prod(math.factorial(number) for number in inside)
    alike = Counter(tuple(counts[one, label] for one in strata) for label in set(labels))
    return math.prod(math.factorial(number) for number in alike.values()) / arrangements
