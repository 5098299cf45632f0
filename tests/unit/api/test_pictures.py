import io

import numpy as np
import pytest
from PIL import Image

from backend.api.pictures import GAP_PIXELS, sheet


def opened(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)))


@pytest.fixture
def digits() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 2, (5, 25), dtype=np.uint8)


def test_every_digit_is_in_its_place(digits: np.ndarray) -> None:
    picture = opened(sheet(digits, columns=3))
    pitch = 5 + GAP_PIXELS
    assert picture.shape == (2 * pitch - GAP_PIXELS, 3 * pitch - GAP_PIXELS)
    for index, digit in enumerate(digits):
        row, column = divmod(index, 3)
        part = picture[row * pitch : row * pitch + 5, column * pitch : column * pitch + 5]
        np.testing.assert_array_equal(part, digit.reshape(5, 5).astype(bool))
    assert not picture[pitch:, 2 * pitch :].any(), "the last place is empty"
    assert not picture[5:pitch].any(), "gaps are black"


def test_a_larger_scale_repeats_pixels(digits: np.ndarray) -> None:
    small, large = opened(sheet(digits, 5)), opened(sheet(digits, 5, scale=3))
    np.testing.assert_array_equal(large, small.repeat(3, 0).repeat(3, 1))


def test_one_bit_a_pixel(digits: np.ndarray) -> None:
    assert Image.open(io.BytesIO(sheet(digits, 2))).mode == "1"


def test_more_columns_than_digits_make_one_row(digits: np.ndarray) -> None:
    assert opened(sheet(digits, 64)).shape == (5, 5 * 7 - GAP_PIXELS)
