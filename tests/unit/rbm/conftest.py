"""Shapes and types of everything in the science are checked while these tests run."""

from jaxtyping import install_import_hook

install_import_hook("worker.rbm", "beartype.beartype")
