"""Samples and weights as one picture: a sheet of digits, or of receptive fields."""

import io
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

GAP_PIXELS = 2
POSITIVE, NEGATIVE = (217, 95, 2), (37, 99, 215)  # told apart by colour-blind readers, on light and on dark


def sheet(samples: NDArray[np.uint8], columns: int, scale: int = 1) -> bytes:
    """A PNG of one bit a pixel: white digits on black, row by row, with gaps between them.

    Args:
        samples: 0 and 1, of shape (num_samples, num_visible); num_visible is a square.
        columns: digits in a row.
        scale: pixels of the picture, in each direction, for one of a digit.
    """
    count, num_visible = samples.shape
    side = math.isqrt(num_visible)
    enlarged = _arranged(samples.reshape(count, side, side).astype(bool), columns, scale, background=False)
    file = io.BytesIO()
    Image.fromarray(enlarged).save(file, "PNG", optimize=True)
    return file.getvalue()


def fields_sheet(weights: NDArray[np.float32], columns: int, scale: int = 1) -> bytes:
    """A PNG of receptive fields: positive weights orange, negative ones blue, 0 transparent.

    Each field is scaled by its own largest weight, so that its shape is seen whatever its strength.

    Args:
        weights: of shape (units, side, side).
        columns: fields in a row.
        scale: pixels of the picture, in each direction, for one weight.
    """
    largest = np.abs(weights).max(axis=(1, 2), keepdims=True)
    levels = np.rint(127 * weights / np.where(largest > 0, largest, 1)).astype(np.int16) + 127
    image = Image.fromarray(_arranged(levels.astype(np.uint8), columns, scale, background=127), "P")
    image.putpalette([channel for level in range(255) for channel in (POSITIVE if level > 127 else NEGATIVE)])
    file = io.BytesIO()
    opacity = bytes(round(255 * abs(level - 127) / 127) for level in range(255))
    image.save(file, "PNG", transparency=opacity)
    return file.getvalue()


def _arranged(tiles: NDArray[Any], columns: int, scale: int, background: int) -> NDArray[Any]:
    """Square tiles row by row with gaps between them, enlarged: from (count, side, side) to one picture."""
    count, side, _ = tiles.shape
    columns = min(columns, count)
    rows = math.ceil(count / columns)
    pitch = side + GAP_PIXELS
    shape = (rows * pitch - GAP_PIXELS, columns * pitch - GAP_PIXELS)
    picture = np.full(shape, background, dtype=tiles.dtype)
    for index, tile in enumerate(tiles):
        top, left = (index // columns) * pitch, (index % columns) * pitch
        picture[top : top + side, left : left + side] = tile
    return picture.repeat(scale, axis=0).repeat(scale, axis=1)
