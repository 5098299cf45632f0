"""Shapes and types of everything in the science are checked while these tests run, on one thread."""

from collections.abc import Iterator

import pytest
import torch

from tests.shape_checks import one_thread, unchecked_shapes

__all__ = ["one_thread", "unchecked_shapes"]


@pytest.fixture
def one_torch_thread() -> Iterator[None]:
    """Small matrix products wait for their second thread on a busy host, ten times longer than they take."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
