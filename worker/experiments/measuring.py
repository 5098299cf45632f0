"""Metrics of samples, as the database keeps them: of a machine's own, and of held-out images for comparison."""

import math
from functools import cache, lru_cache

import torch

from backend.contracts.identity import derive_seed
from backend.storage.repositories.jobs import MetricValue
from backend.storage.repositories.references import record_references, references_for
from worker.datasets import Dataset, load_dataset
from worker.experiments.run import Run
from worker.judges import load_judge
from worker.rbm.metrics import Estimate, MetricInputs, evaluate
from worker.rbm.metrics.inputs import Judge
from worker.rbm.metrics.second_moment_error import covariance
from worker.rbm.registry import family


def measure(dataset: Dataset, samples: torch.Tensor, seed: int, judge: Judge | None = None) -> list[MetricValue]:
    """Every metric that needs samples, against the training images; those that are undefined are left out.

    Args:
        dataset: the data to compare with.
        samples: uint8 of shape (1, num_samples, num_visible).
        seed: what is drawn for intervals and comparisons follows from it.
        judge: who is asked for the metrics that need one; without a judge they are left out.
    """
    images, data_covariance = training_data(dataset.name)
    inputs = MetricInputs(
        images=images,
        samples=samples.cpu(),
        generators=[torch.Generator().manual_seed(derive_seed("metrics", seed))],
        covariance=data_covariance,
        judge=judge,
    )
    found = {key: value for name in sample_metrics(judge is not None) for key, value in evaluate(name, inputs).items()}
    return [
        recorded(estimate, 0, name, samples.shape[1])
        for name, estimate in found.items()
        if math.isfinite(estimate.value[0])
    ]


def sample_metrics(with_judge: bool) -> list[str]:
    """Names of the metrics that are computed from samples, and of those that ask a judge about them."""
    needs = {"samples", "judge"} if with_judge else {"samples"}
    return [name for name, metric in family("metrics").items() if metric.describe()["needs"] in needs]


def write_references(run: Run, dataset: Dataset, num_samples: int, judge: str) -> None:
    """Once for each judge and number of samples: the metrics of as many held-out test images."""
    if num_samples > len(dataset.test_images):
        return
    with run.database.read() as session:
        known = references_for(session, [dataset.digest], judge, num_samples)
    if not known.keys() >= set(sample_metrics(bool(judge))):
        values = _of_held_out(run, dataset.name, num_samples, judge)
        run.transact(lambda session: record_references(session, dataset.digest, judge, num_samples, values))


def judge_of(run: Run, digest: str) -> Judge | None:
    """The judge of that digest; None for none."""
    return load_judge(digest, run.artifacts) if digest else None


def _of_held_out(run: Run, name: str, num_samples: int, digest: str) -> list[MetricValue]:
    return _measured_once(name, num_samples, judge_of(run, digest))


@cache
def _measured_once(name: str, num_samples: int, judge: Judge | None) -> list[MetricValue]:
    dataset = load_dataset(name)
    seed = derive_seed("reference", num_samples)
    order = torch.randperm(len(dataset.test_images), generator=torch.Generator().manual_seed(seed))
    held_out = torch.from_numpy(dataset.test_images)[order[:num_samples]].unsqueeze(0)
    return measure(dataset, held_out, seed, judge)


def recorded(estimate: Estimate, index: int, name: str, num_samples: int) -> MetricValue:
    """The estimate of one machine of a batch as a row; an end of its interval that is unknown is left out."""
    value, low, high = (float(one[index]) for one in (estimate.value, estimate.low, estimate.high))
    return MetricValue(
        name,
        value,
        num_samples=num_samples,
        low=low if math.isfinite(low) else None,
        high=high if math.isfinite(high) else None,
    )


@lru_cache(maxsize=2)
def training_data(name: str) -> tuple[torch.Tensor, torch.Tensor]:
    """The training images of a data set and their covariance."""
    images = torch.from_numpy(load_dataset(name).train_images)
    return images, covariance(images)
