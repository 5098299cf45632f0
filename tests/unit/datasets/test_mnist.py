"""The bundled MNIST is the published one."""

import hashlib
from pathlib import Path

import numpy as np
import pytest

from worker.datasets import dataset_names, describe, load_dataset
from worker.datasets.base import read_bundle
from worker.datasets.mnist import BUNDLE, DESCRIPTION

# Published: 5,923 zeros, 6,742 ones ... among the training labels; 980, 1,135 ... among the test labels.
TRAIN_COUNTS = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
TEST_COUNTS = [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]


def test_shapes_values_and_digit_counts() -> None:
    mnist = load_dataset("mnist")
    assert mnist.train_images.shape == (60_000, 784)
    assert mnist.test_images.shape == (10_000, 784)
    assert set(np.unique(mnist.train_images)) == {0, 1}
    assert np.bincount(mnist.train_labels).tolist() == TRAIN_COUNTS
    assert np.bincount(mnist.test_labels).tolist() == TEST_COUNTS


def test_an_image_is_upright() -> None:
    """Ones are taller than wide. Kills: images transposed."""
    mnist = load_dataset("mnist")
    ones = mnist.train_images[mnist.train_labels == 1].reshape(-1, 28, 28)
    assert ones.any(axis=2).sum(axis=1).mean() > 2 * ones.any(axis=1).sum(axis=1).mean()


def test_a_changed_bit_in_the_bundle_is_noticed(tmp_path: Path) -> None:
    with np.load(BUNDLE) as archive:
        packed = {name: archive[name].copy() for name in archive.files}
    packed["train_images"][17, 40] ^= 1
    np.savez_compressed(tmp_path / "mnist.npz", **packed)
    with pytest.raises(ValueError, match="SHA-256"):
        read_bundle(tmp_path / "mnist.npz", "mnist", 784, DESCRIPTION["digest"])


def test_a_truncated_bundle_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "mnist.npz").write_bytes(BUNDLE.read_bytes()[:1000])
    with pytest.raises(ValueError, match=r"mnist\.npz of data set mnist cannot be read"):
        read_bundle(tmp_path / "mnist.npz", "mnist", 784, DESCRIPTION["digest"])


def test_an_unknown_data_set_names_the_known_ones() -> None:
    with pytest.raises(ValueError, match="'cifar' is not a data set: mnist"):
        describe("cifar")
    assert dataset_names() == ["mnist"]


def test_the_digest_is_of_the_content_not_of_the_file() -> None:
    file_digest = hashlib.sha256(BUNDLE.read_bytes()).hexdigest()
    assert load_dataset("mnist").digest == DESCRIPTION["digest"] != file_digest
