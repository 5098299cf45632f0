"""Write the first test digits for the explorer's chains to start from: `python -m worker.datasets.make_digits`."""

import sys
from pathlib import Path

import numpy as np

from worker.datasets import load_dataset

NUM_DIGITS = 144
TARGET = Path(__file__).parents[2] / "frontend" / "explorer" / "page" / "digits.bin"


def digits() -> bytes:
    """The first test images of MNIST, one bit a pixel, row by row, first bit highest.

    Source: MNIST, Y. LeCun, C. Cortes, C. J. C. Burges, CC BY-SA 3.0.
    """
    return np.packbits(load_dataset("mnist").test_images[:NUM_DIGITS], axis=1).tobytes()


if __name__ == "__main__":
    sys.stdout.write(f"{TARGET}: {TARGET.write_bytes(digits())} bytes\n")
