"""Tests that compute much do it on one thread: others run beside them, and two threads would wait for each other."""

from collections.abc import Iterator

import pytest


@pytest.fixture(scope="module")
def one_thread_alone() -> Iterator[None]:
    """For what this process itself computes; the number of threads changes no bit."""
    import numba
    import torch

    before = numba.get_num_threads(), torch.get_num_threads()
    numba.set_num_threads(1)
    torch.set_num_threads(1)
    yield
    numba.set_num_threads(before[0])
    torch.set_num_threads(before[1])
