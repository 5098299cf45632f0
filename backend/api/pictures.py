"""Samples as one picture: a sheet of digits."""

import io
import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image

GAP_PIXELS = 2


def sheet(samples: NDArray[np.uint8], columns: int, scale: int = 1) -> bytes:
    """A PNG of one bit a pixel: white digits on black, row by row, with gaps between them.

    Args:
        samples: 0 and 1, of shape (num_samples, num_visible); num_visible is a square.
        columns: digits in a row.
        scale: pixels of the picture, in each direction, for one of a digit.
    """
    count, num_visible = samples.shape
    side = math.isqrt(num_visible)
    columns = min(columns, count)
    rows = math.ceil(count / columns)
    pitch = side + GAP_PIXELS
    picture = np.zeros((rows * pitch - GAP_PIXELS, columns * pitch - GAP_PIXELS), dtype=bool)
    for index, digit in enumerate(samples.reshape(count, side, side)):
        top, left = (index // columns) * pitch, (index % columns) * pitch
        picture[top : top + side, left : left + side] = digit
    enlarged = picture.repeat(scale, axis=0).repeat(scale, axis=1)
    file = io.BytesIO()
    Image.fromarray(enlarged).save(file, "PNG", optimize=True)
    return file.getvalue()
