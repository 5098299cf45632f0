"""Spectrum of the weights: eigenvalues of W^T W, and the mode at which the spectra of different dilutions cross."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float64
from torch import Tensor

from worker.rbm.analysis.marchenko_pastur import marchenko_pastur_quantiles
from worker.rbm.analysis.replica_bootstrap import (
    NO_INTERVAL,
    NUM_RESAMPLES,
    Interval,
    percentile_interval,
    replica_weights,
)
from worker.rbm.machine import Machine

FIRST_MODE = 2
"""The search for a crossing begins here: the largest eigenvalue also holds the common offset of all weights."""


@dataclass(frozen=True)
class Spectrum:
    """Eigenvalues of W^T W of the replicas of one class of machines, greatest first.

    Attributes:
        eigenvalues: of each replica, float64 [replica mode].
        mean: over replicas.
        std: over replicas, with n - 1; NaN for one replica.
        lowest: over replicas.
        highest: over replicas.
        entry_variance: variance of all entries of W, zeros included, about their mean, of each replica.
        marchenko_pastur: the spectrum of independent entries with the mean of these variances.
    """

    eigenvalues: Float64[Tensor, "replica mode"]
    mean: Float64[Tensor, " mode"]
    std: Float64[Tensor, " mode"]
    lowest: Float64[Tensor, " mode"]
    highest: Float64[Tensor, " mode"]
    entry_variance: Float64[Tensor, " replica"]
    marchenko_pastur: Float64[Tensor, " mode"]


@dataclass(frozen=True)
class Crossing:
    """The mode at which spectra of different initial dilutions come closest.

    Attributes:
        index: of the mode, counted from 1; None if the spectra do not cross.
        interval: its bootstrap interval over replicas.
        spread: std over p0 of the mean log eigenvalue, float64 [mode]; NaN where an eigenvalue is 0.
        first: the first mode of the search, counted from 1.
        last: the last mode of the search.
        reason: why the index or its interval is missing; None if nothing is.
    """

    index: int | None
    interval: Interval
    spread: Float64[Tensor, " mode"]
    first: int
    last: int
    reason: str | None


def eigenvalues(machine: Machine) -> Float64[Tensor, "replica mode"]:
    """The min(visible, hidden) largest eigenvalues of W^T W, greatest first: squared singular values of W, in float64.

    With fewer visible than hidden units the other hidden - visible eigenvalues are 0 and are left out.

    Source: paper, section 4.1, fig. 4b; Decelle, Fissore and Furtlehner 2017.
    """
    return torch.stack([torch.linalg.svdvals(weights.to(torch.float64)).square() for weights in machine.weight_matrix])


def entry_variance(machine: Machine) -> Float64[Tensor, " replica"]:
    """The variance of all visible * hidden entries of W about their mean, masked zeros included."""
    return torch.stack([weights.to(torch.float64).var(correction=0) for weights in machine.weight_matrix])


def spectrum(machine: Machine) -> Spectrum:
    """The spectra of the replicas, their mean and band, and what random entries would give.

    Source: paper, section 4.1, fig. 4b.
    """
    values, variance = eigenvalues(machine), entry_variance(machine)
    one = len(values) == 1
    return Spectrum(
        eigenvalues=values,
        mean=values.mean(dim=0),
        std=torch.full_like(values[0], torch.nan) if one else values.std(dim=0),
        lowest=values.amin(dim=0),
        highest=values.amax(dim=0),
        entry_variance=variance,
        marchenko_pastur=marchenko_pastur_quantiles(machine.num_visible, machine.num_hidden, float(variance.mean())),
    )


def crossing_index(
    spectra: Mapping[float, Float64[Tensor, "_ mode"]],
    generator: torch.Generator,
    num_resamples: int = NUM_RESAMPLES,
) -> Crossing:
    """The mode with the least spread, the std over p0 of the mean over replicas of the log eigenvalue.

    Searched from mode 2 to the middle one: the largest eigenvalue also holds the common offset of all weights, and the
    small ones are set by the edge of the bulk. It is a crossing only if the order of the spectra turns: the slope of
    the log eigenvalue against p0 has other signs at the two ends of the search. The bootstrap draws replicas within
    each p0.

    Args:
        spectra: `eigenvalues` of the replicas of each p0.
        generator: draws the resamples.
        num_resamples: how many.

    Raises:
        ValueError: if the numbers of modes differ.

    Source: paper, section 4.1, fig. 4b ("intersect around eigenvalue number 62"); the definition by least spread is
    this project's.
    """
    lengths = {values.shape[1] for values in spectra.values()}
    if len(lengths) > 1:
        raise ValueError(f"the spectra have {sorted(lengths)} modes; compare machines of one shape")
    modes = max(lengths, default=0)
    first, last = FIRST_MODE, modes // 2
    if len(spectra) < 2 or last - first < 2:
        few = f"{len(spectra)} initial dilutions with {modes} modes; a crossing needs at least 2 with 8"
        unknown = torch.full((modes,), torch.nan, dtype=torch.float64)
        return Crossing(None, NO_INTERVAL, unknown, first, last, few)
    logs = [_log(values) for _, values in sorted(spectra.items())]
    means = torch.stack([values.mean(dim=0) for values in logs])
    spread = means.std(dim=0, correction=0)
    apart = _no_crossing(torch.tensor(sorted(spectra), dtype=torch.float64), means[:, first - 1 : last])
    if apart is not None:
        return Crossing(None, NO_INTERVAL, spread, first, last, apart)
    interval, reason = _interval(logs, first, last, generator, num_resamples)
    return Crossing(int(_least(spread[None], first, last)), interval, spread, first, last, reason)


def _log(values: Float64[Tensor, "replica mode"]) -> Float64[Tensor, "replica mode"]:
    """Log eigenvalues; NaN where an eigenvalue is 0 but for rounding."""
    rounding = values.shape[1] * torch.finfo(torch.float64).eps
    return torch.where(values > values[:, :1] * rounding**2, values, torch.nan).log()


def _no_crossing(dilutions: Float64[Tensor, " dilution"], means: Float64[Tensor, "dilution mode"]) -> str | None:
    """Why the spectra do not cross within the modes of the search; None if they do."""
    if bool(means.isnan().any()):
        return "an eigenvalue within the search is 0: its logarithm is undefined"
    slope = (dilutions - dilutions.mean()) @ means[:, [0, -1]]
    if float(slope[0] * slope[1]) >= 0:
        return "the spectra have the same order at both ends of the search: they do not cross"
    return None


def _least(spread: Float64[Tensor, "resample mode"], first: int, last: int) -> Float64[Tensor, " resample"]:
    """The mode of least spread within the search, counted from 1."""
    return (spread[:, first - 1 : last].argmin(dim=1) + first).to(torch.float64)


def _interval(
    logs: Sequence[Float64[Tensor, "_ mode"]],
    first: int,
    last: int,
    generator: torch.Generator,
    num_resamples: int,
) -> tuple[Interval, str | None]:
    """The bootstrap interval of the index, or none and why."""
    if min(len(values) for values in logs) < 2:
        return NO_INTERVAL, "no interval: an initial dilution has one replica; at least 2 are needed"
    means = [replica_weights(len(values), generator, num_resamples) @ values for values in logs]
    spread = torch.stack(means).std(dim=0, correction=0)
    return percentile_interval(_least(spread, first, last)), None
