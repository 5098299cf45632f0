"""Principal components of few machines with very many features, by the matrix of their scalar products."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from jaxtyping import Float, Float64
from torch import Tensor

FEATURES_PER_BLOCK = 2**14
SIGN_TIE = 1e-6
"""Coordinates whose sizes differ by less than this fraction count as equally large when a sign is chosen."""


@dataclass(frozen=True)
class PrincipalComponents:
    """Machines in the coordinates of their principal components.

    With all components the distances between machines are those between their features.

    Attributes:
        coordinates: float64 [machine component], components by falling variance.
        explained_variance: variance along each component, with n - 1.
        explained_variance_ratio: its part of the total variance; NaN if all machines are alike.
    """

    coordinates: Float64[Tensor, "machine component"]
    explained_variance: Float64[Tensor, " component"]
    explained_variance_ratio: Float64[Tensor, " component"]


def principal_components(features: Float[Tensor, "machine feature"]) -> PrincipalComponents:
    """All machine - 1 principal components, from the eigenvectors of the centred Gram matrix [machine machine].

    With X the centred features and X X^T = U diag(s) U^T, the coordinates are U sqrt(s) and the variances
    s / (machine - 1). The sign of a component is the one that makes its largest coordinate positive (of equally large
    ones the first machine's). Features are centred and never scaled.

    Raises:
        ValueError: if there are fewer than 2 machines or a feature is not finite.

    Source: paper, section 4.3, fig. 6 (the analysis); Gower, Some distance properties of latent root and vector
    methods used in multivariate analysis (1966) (by scalar products).
    """
    return principal_components_of_blocks(torch.split(features, FEATURES_PER_BLOCK, dim=1))


def principal_components_of_blocks(blocks: Iterable[Float[Tensor, "machine _"]]) -> PrincipalComponents:
    """The same from consecutive blocks of features, of which one at a time is held in float64.

    Raises:
        ValueError: if there are fewer than 2 machines, their number changes or a feature is not finite.
    """
    gram = _centred_gram(blocks)
    values, vectors = torch.linalg.eigh(gram)
    num_components = len(gram) - 1
    squares = values.flip(0)[:num_components].clamp(min=0)
    vectors = vectors.flip(1)[:, :num_components]
    variance = squares / num_components
    ratio = squares / gram.trace() if float(gram.trace()) > 0 else torch.full_like(squares, torch.nan)
    return PrincipalComponents(vectors * _signs(vectors) * squares.sqrt(), variance, ratio)


def _centred_gram(blocks: Iterable[Float[Tensor, "machine _"]]) -> Float64[Tensor, "machine machine"]:
    gram: Float64[Tensor, "machine machine"] | None = None
    for block in blocks:
        centred = block.to(torch.float64)
        centred = centred - centred.mean(dim=0)
        product = centred @ centred.T
        if gram is not None and gram.shape != product.shape:
            raise ValueError(f"blocks of {len(gram)} and {len(product)} machines; give all machines in each block")
        gram = product if gram is None else gram + product
    if gram is None or len(gram) < 2:
        raise ValueError(f"{0 if gram is None else len(gram)} machines; principal components need at least 2")
    if not bool(torch.isfinite(gram).all()):
        raise ValueError("a feature is not finite; leave that machine out")
    return gram


def _signs(vectors: Float64[Tensor, "machine component"]) -> Float64[Tensor, " component"]:
    """The sign of the first of the largest coordinates of each component."""
    size = vectors.abs()
    first = (size >= size.amax(dim=0) * (1 - SIGN_TIE)).to(torch.int8).argmax(dim=0)
    return torch.where(vectors.gather(0, first[None])[0] < 0, -1.0, 1.0).to(torch.float64)
