"""Make the bundled MNIST from the published grey levels: `python -m worker.datasets.make_bundle [cache folder]`."""

import sys
from pathlib import Path

import numpy as np
import pooch
from numpy.typing import NDArray

from worker.datasets.base import Bits, content_digest
from worker.datasets.download import read_idx
from worker.datasets.mnist import BUNDLE, DOWNLOAD, GREY_THRESHOLD


def binarise(grey_levels: NDArray[np.uint8]) -> Bits:
    """One bit a pixel, packed along the pixels: 1 where the grey level is above 127.

    Args:
        grey_levels: uint8 of shape (num_images, height, width).

    Returns:
        uint8 of shape (num_images, ceil(height * width / 8)).
    """
    return np.packbits(grey_levels.reshape(len(grey_levels), -1) > GREY_THRESHOLD, axis=1)


def pack(files: dict[str, Path]) -> dict[str, Bits]:
    """The four arrays of the bundle from the four published files."""
    return {
        "train_images": binarise(read_idx(files["train-images-idx3-ubyte.gz"])),
        "train_labels": read_idx(files["train-labels-idx1-ubyte.gz"]),
        "test_images": binarise(read_idx(files["t10k-images-idx3-ubyte.gz"])),
        "test_labels": read_idx(files["t10k-labels-idx1-ubyte.gz"]),
    }


def main(cache: Path) -> None:
    """Download, binarise, write, and say the digest that `mnist.py` must carry."""
    packed = pack(DOWNLOAD.fetch(cache))
    np.savez_compressed(BUNDLE, **packed)  # type: ignore[arg-type]
    sys.stdout.write(f"{BUNDLE}: {BUNDLE.stat().st_size} bytes, content SHA-256 {content_digest(packed)}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(pooch.os_cache("dilution-lab")))
