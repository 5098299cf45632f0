"""Tests that compute much do it on one thread: others run beside them, and two threads would wait for each other."""

from collections.abc import Iterator

import pytest

from tests.threads import on_one_thread


@pytest.fixture(scope="module")
def one_thread_alone() -> Iterator[None]:
    """For what the test's process itself computes."""
    with on_one_thread():
        yield
