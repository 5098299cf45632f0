"""Shapes and types of everything in the science are checked while these tests run, on one thread."""

from collections.abc import Iterator

import pytest
from jaxtyping import config, install_import_hook

from tests.threads import on_one_thread

install_import_hook("worker.rbm", "beartype.beartype")


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Small sums and decompositions mostly wait for a second thread; a test of threads asks for more itself."""
    with on_one_thread():
        yield


@pytest.fixture
def unchecked_shapes() -> Iterator[None]:
    """What users get: no shape checks but the science's own."""
    config.update("jaxtyping_disable", True)
    yield
    config.update("jaxtyping_disable", False)
