"""Data sets in one bit a pixel, bundled, and the downloads that they are made from. numpy only."""

from worker.datasets.base import Dataset, dataset_names, describe, load_dataset

__all__ = ["Dataset", "dataset_names", "describe", "load_dataset"]
