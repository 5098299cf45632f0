"""Tests of this room need a CUDA device; without one they are left out, and the run says so."""

import pytest

from tests.shape_checks import one_thread, unchecked_shapes
from tests.triton_device import DEVICE

__all__ = ["one_thread", "unchecked_shapes"]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the marked tests out where there is no device."""
    if DEVICE.type == "cuda":
        return
    gpu = [item for item in items if item.get_closest_marker("gpu")]
    if gpu:
        items[:] = [item for item in items if item not in gpu]
        config.hook.pytest_deselected(items=gpu)
        reporter = config.pluginmanager.get_plugin("terminalreporter")
        if reporter is not None:
            reporter.write_line(f"\n{len(gpu)} tests of tests/gpu left out: no CUDA device")
