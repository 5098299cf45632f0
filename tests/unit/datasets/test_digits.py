"""The digits that the explorer's chains start from are the first test images of MNIST."""

import numpy as np

from worker.datasets import load_dataset
from worker.datasets.make_digits import NUM_DIGITS, TARGET, digits


def test_the_explorers_digits_are_the_first_test_images() -> None:
    """Kills: training images, bits in another order, a file that was not written again."""
    assert TARGET.read_bytes() == digits()
    pixels = np.unpackbits(np.frombuffer(TARGET.read_bytes(), dtype=np.uint8)).reshape(NUM_DIGITS, 784)
    assert np.array_equal(pixels, load_dataset("mnist").test_images[:NUM_DIGITS])
