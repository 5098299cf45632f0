"""Principal components against numpy's singular value decomposition of the centred features."""

import numpy as np
import pytest
import torch

from worker.rbm.analysis import principal_components as module
from worker.rbm.analysis.principal_components import principal_components, principal_components_of_blocks

MACHINES, FEATURES = 11, 131


def features(seed=1):
    generator = torch.Generator().manual_seed(seed)
    scales = torch.logspace(0, -3, MACHINES)[:, None]
    mixed = torch.randn(MACHINES, MACHINES, generator=generator) @ (
        scales * torch.randn(MACHINES, FEATURES, generator=generator)
    )
    return mixed + 5 * torch.randn(FEATURES, generator=generator)


def test_components_by_singular_value_decomposition():
    """Kills: features that are not centred or are scaled, variances with n, ascending order, axes exchanged."""
    x = features().double().numpy()
    left, singular, _ = np.linalg.svd(x - x.mean(axis=0), full_matrices=False)
    got = principal_components(features())
    assert got.coordinates.shape == (MACHINES, MACHINES - 1)
    assert np.abs(got.coordinates.numpy()) == pytest.approx(np.abs((left * singular)[:, :-1]), abs=1e-6)
    variance = singular[:-1] ** 2 / (MACHINES - 1)
    assert got.explained_variance.numpy() == pytest.approx(variance, rel=1e-6)
    assert got.explained_variance_ratio.numpy() == pytest.approx(variance / variance.sum(), rel=1e-6)


def test_distances_are_kept():
    """Kills: coordinates on unit scale, signs that differ within a component."""
    x = features().double()
    got = principal_components(features()).coordinates
    assert torch.cdist(got, got).numpy() == pytest.approx(torch.cdist(x, x).numpy(), rel=1e-5, abs=1e-5)


def test_signs_follow_the_largest_coordinate():
    """Kills: signs as the decomposition gives them, a sign by the sum, by the smallest or by the last machine."""
    got = principal_components(features()).coordinates
    largest = got.gather(0, got.abs().argmax(dim=0)[None])[0]
    assert bool((largest > 0).all())
    mirrored = principal_components(-features()).coordinates
    assert bool((mirrored.gather(0, mirrored.abs().argmax(dim=0)[None]) > 0).all())
    two = principal_components(torch.tensor([[1.0, 2.0, 0.0], [0.0, 2.0, 7.0]]))
    assert two.coordinates.tolist() == [[pytest.approx(50**0.5 / 2)], [pytest.approx(-(50**0.5) / 2)]]


@pytest.mark.parametrize("size", [1, 17, 1000])
def test_blocks_do_not_matter(monkeypatch, size):
    """Kills: a block that is lost or centred by the mean of another."""
    expected = principal_components(features())
    monkeypatch.setattr(module, "FEATURES_PER_BLOCK", size)
    assert torch.allclose(principal_components(features()).coordinates, expected.coordinates, atol=1e-9)


def test_machines_that_are_alike_and_what_is_refused():
    """Kills: a division by 0, NaN coordinates, one machine, blocks of other machines."""
    alike = principal_components(torch.ones(3, 5))
    assert not bool(alike.coordinates.any())
    assert bool(alike.explained_variance_ratio.isnan().all())
    with pytest.raises(ValueError, match="at least 2"):
        principal_components(torch.ones(1, 5))
    with pytest.raises(ValueError, match="at least 2"):
        principal_components_of_blocks([])
    with pytest.raises(ValueError, match="not finite"):
        principal_components(torch.tensor([[1.0], [float("nan")]]))
    with pytest.raises(ValueError, match="all machines"):
        principal_components_of_blocks([torch.ones(3, 5), torch.ones(2, 5)])
