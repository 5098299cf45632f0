"""Shapes and types of everything in the science are checked while these tests run, on one thread."""

from collections.abc import Iterator

import numba
import pytest
import torch
from jaxtyping import config, install_import_hook

install_import_hook("worker.rbm", "beartype.beartype")


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Small sums and decompositions mostly wait for a second thread; a test of threads asks for more itself."""
    before = numba.get_num_threads(), torch.get_num_threads()
    numba.set_num_threads(1)
    torch.set_num_threads(1)
    yield
    numba.set_num_threads(before[0])
    torch.set_num_threads(before[1])


@pytest.fixture
def unchecked_shapes() -> Iterator[None]:
    """What users get: no shape checks but the science's own."""
    config.update("jaxtyping_disable", True)
    yield
    config.update("jaxtyping_disable", False)
