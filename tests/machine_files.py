"""Machine files for tests: one that is right, and every way to spoil it."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save

Tensors = dict[str, NDArray[Any]]
NUM_VISIBLE, NUM_HIDDEN = 784, 7


def tensors(seed: int = 1, num_visible: int = NUM_VISIBLE, num_hidden: int = NUM_HIDDEN) -> Tensors:
    """A machine with half of its weights, one of which is 0 inside the mask."""
    generator = np.random.default_rng(seed)
    mask = generator.random((num_visible, num_hidden)) < 0.5
    mask[0, 0], mask[0, 1] = True, False
    weights = np.where(mask, generator.normal(0, 0.1, mask.shape), 0).astype(np.float32)
    weights[0, 0] = 0
    return {
        "weight_matrix": weights,
        "vbias": generator.normal(size=num_visible).astype(np.float32),
        "hbias": generator.normal(size=num_hidden).astype(np.float32),
        "mask": np.packbits(mask),
    }


def machine_file(
    seed: int = 1, metadata: dict[str, str] | None = None, *, num_hidden: int = NUM_HIDDEN, **changes: Any
) -> bytes:
    """The file of that machine; a change of None leaves the tensor out."""
    whole = {**tensors(seed, num_hidden=num_hidden), **changes}
    own = {name: value for name, value in whole.items() if value is not None}
    data: bytes = save(own, metadata)
    return data


def _with(name: str, place: tuple[int, ...], value: float) -> Tensors:
    changed = tensors()[name].copy()
    changed[place] = value
    return {name: changed}


def _header(text: bytes, rest: bytes = b"") -> bytes:
    return len(text).to_bytes(8, "little") + text + rest


Fault = tuple[Callable[[], bytes], str, str]
FAULTS: dict[str, Fault] = {
    "empty": (lambda: b"", "/", "the file is empty"),
    "text": (lambda: b"weights", "/", "no safetensors file"),
    "cut off in the header": (lambda: machine_file()[:60], "/", "cut off"),
    "cut off in the tensors": (lambda: machine_file()[:-9], "/", "cut off"),
    "something added": (lambda: machine_file() + b"x", "/", "something was added"),
    "no JSON": (lambda: _header(b"{weights}"), "/", "not JSON"),
    "no object": (lambda: _header(b"[1, 2]"), "/", "no JSON object"),
    "a name twice": (lambda: _header(b'{"a": 1, "a": 2}'), "/", "twice"),
    "no entry": (lambda: _header(b'{"vbias": 3}'), "/vbias", "its entry is not"),
    "a type of another world": (
        lambda: _header(b'{"vbias": {"dtype": "F4", "shape": [2], "data_offsets": [0, 1]}}', b"x"),
        "/vbias",
        "its type is 'F4'",
    ),
    "overlapping bytes": (
        lambda: _header(
            b'{"hbias": {"dtype": "U8", "shape": [2], "data_offsets": [0, 2]},'
            b' "vbias": {"dtype": "U8", "shape": [2], "data_offsets": [1, 3]}}',
            b"abc",
        ),
        "/vbias",
        "the file is damaged",
    ),
    "numbers as metadata": (lambda: _header(b'{"__metadata__": {"seed": 1}}'), "/__metadata__", "object of texts"),
    "metadata like a book": (lambda: machine_file(metadata={"name": "x" * 30_000}), "/__metadata__", "at most 20,000"),
    "a zero in the metadata": (lambda: machine_file(metadata={"name": "a\0b"}), "/__metadata__", "zero character"),
    "no weights": (lambda: machine_file(weight_matrix=None), "/weight_matrix", "is missing"),
    "no biases": (lambda: machine_file(hbias=None), "/hbias", "is missing"),
    "another tensor": (lambda: machine_file(momentum=np.zeros(3, np.float32)), "/momentum", "leave it out"),
    "double precision": (lambda: machine_file(vbias=np.zeros(784)), "/vbias", "is F64 of shape [784]: write it as F32"),
    "mask as booleans": (lambda: machine_file(mask=np.ones((784, 7), bool)), "/mask", "one bit a weight"),
    "replicas": (
        lambda: machine_file(weight_matrix=tensors()["weight_matrix"][None]),
        "/weight_matrix",
        "has shape [1, 784, 7]; it must have [visible, hidden]",
    ),
    "no unit": (lambda: machine_file(hbias=np.zeros(0, np.float32)), "/hbias", "no axis may be 0"),
    "other pixels": (
        lambda: machine_file(weight_matrix=np.ones((7, 784), np.float32)),
        "/weight_matrix",
        "has 7 visible units; data sets here have 784",
    ),
    "too large": (
        lambda: machine_file(weight_matrix=np.zeros((784, 10_205), np.float16)),
        "/weight_matrix",
        "at most 8,000,000",
    ),
    "visible biases": (lambda: machine_file(vbias=np.zeros(783, np.float32)), "/vbias", "783 values; 784 units"),
    "hidden biases": (lambda: machine_file(hbias=np.zeros(8, np.float32)), "/hbias", "8 values; 7 units"),
    "NaN": (lambda: machine_file(**_with("weight_matrix", (0, 0), np.nan)), "/weight_matrix", "1 of 5,488 values"),
    "infinity": (lambda: machine_file(**_with("vbias", (3,), np.inf)), "/vbias", "(the first at [3]) is not finite"),
    "huge": (lambda: machine_file(**_with("hbias", (2,), -20_000)), "/hbias", "above 10,000 in magnitude"),
    "a short mask": (lambda: machine_file(mask=tensors()["mask"][:-1]), "/mask", "685 bytes; 784 x 7 weights need 686"),
    "weights outside the mask": (
        lambda: machine_file(**_with("weight_matrix", (0, 1), 0.5)),
        "/mask",
        "1 weights outside the mask are not 0 (the first at [0, 1])",
    ),
    "nothing inside the mask": (
        lambda: machine_file(weight_matrix=np.zeros((784, 7), np.float32), mask=None),
        "/mask",
        "every weight is outside the mask",
    ),
}
