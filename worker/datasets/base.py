"""What a data set is, how its bundle is read and checked, and the scan that finds data sets."""

import hashlib
import importlib
import pkgutil
import zipfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

Bits = NDArray[np.uint8]
ARRAYS = ("train_images", "train_labels", "test_images", "test_labels")


class Description(TypedDict):
    """What the catalogue says of a data set."""

    name: str
    label: str
    description: str
    source: str
    digest: str
    num_train: int
    num_test: int
    num_visible: int
    licence: str


@dataclass(frozen=True)
class Dataset:
    """Images of 0 and 1, one row an image, and their labels.

    Attributes:
        name: the word in the API.
        train_images: uint8 of shape (num_train, num_visible).
        train_labels: uint8 of shape (num_train,).
        test_images: uint8 of shape (num_test, num_visible).
        test_labels: uint8 of shape (num_test,).
        digest: SHA-256 of the content (see `content_digest`).
    """

    name: str
    train_images: Bits
    train_labels: Bits
    test_images: Bits
    test_labels: Bits
    digest: str


def content_digest(packed: dict[str, Bits]) -> str:
    """SHA-256 over the packed arrays with their names and shapes, whatever file they come in."""
    digest = hashlib.sha256()
    for name in ARRAYS:
        array = np.ascontiguousarray(packed[name])
        digest.update(f"{name}:{array.dtype}:{array.shape};".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def read_bundle(file: Path, name: str, num_visible: int, expected_digest: str) -> Dataset:
    """Read a bundle: an `.npz` whose images are packed along axis 1 with `np.packbits`.

    Raises:
        ValueError: the file is unreadable, or its content is not the one that was published.
    """
    try:
        with np.load(file, allow_pickle=False) as archive:
            packed = {array: archive[array] for array in ARRAYS}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(f"the bundle {file.name} of data set {name} cannot be read ({error}): restore it") from error
    digest = content_digest(packed)
    if digest != expected_digest:
        raise ValueError(
            f"the bundle {file.name} of data set {name} has SHA-256 {digest}, expected {expected_digest}: restore it"
        )
    return Dataset(
        name=name,
        train_images=np.unpackbits(packed["train_images"], axis=1, count=num_visible),
        train_labels=packed["train_labels"],
        test_images=np.unpackbits(packed["test_images"], axis=1, count=num_visible),
        test_labels=packed["test_labels"],
        digest=digest,
    )


def dataset_names() -> list[str]:
    """Names of all data sets: the modules of this folder that declare a `DESCRIPTION`."""
    package = importlib.import_module(__package__)
    modules = (
        importlib.import_module(f"{__package__}.{found.name}") for found in pkgutil.iter_modules(package.__path__)
    )
    return sorted(module.DESCRIPTION["name"] for module in modules if hasattr(module, "DESCRIPTION"))


def describe(name: str) -> Description:
    """What the catalogue says of a data set. Raises `ValueError` with the allowed names."""
    if name not in dataset_names():
        raise ValueError(f"{name!r} is not a data set: {', '.join(dataset_names())}")
    description: Description = importlib.import_module(f"{__package__}.{name}").DESCRIPTION
    return description


@cache
def load_dataset(name: str) -> Dataset:
    """A bundled data set, read and checked once in a process. Raises `ValueError` with the allowed names."""
    describe(name)
    dataset: Dataset = importlib.import_module(f"{__package__}.{name}").load()
    return dataset
