"""Shapes and types of everything in the science are checked while these tests run, on one thread."""

from tests import triton_device  # before any test module loads Triton
from tests.shape_checks import one_thread, unchecked_shapes

__all__ = ["one_thread", "triton_device", "unchecked_shapes"]
