"""The log-likelihood of one machine of an evaluation, in blocks short enough to stop between them."""

from collections.abc import Generator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import torch

from backend.contracts.identity import derive_seed
from backend.contracts.work import STEPS_PER_TEMPERATURE
from backend.storage.repositories.jobs import MetricValue
from worker.datasets import load_dataset
from worker.experiments.measuring import recorded
from worker.rbm.likelihood import anneal_in_blocks, base_rates, inverse_temperatures, summarise
from worker.rbm.likelihood.path import log_base_partition
from worker.rbm.machine import Machine
from worker.rbm.metrics import MetricInputs, evaluate

METRIC = "log_likelihood"
MOST_IMAGES = 10_000


def likelihood_in_blocks(
    parameters: Mapping[str, Any], machine: Machine, work_before: float = 0.0
) -> Generator[float, None, list[MetricValue]]:
    """Anneal and measure, giving the work done after each block; returns the values, none if the cell asks for none.

    Training and test images are measured with the same log Z. `num_samples` of the values is the number of chains,
    `gibbs_steps` that of temperatures.

    Args:
        parameters: those of the evaluation; the seed of the chains follows from its seed.
        machine: one replica, already pruned, on the device where the chains run.
        work_before: what is counted before the first block.
    """
    annealing = parameters.get("annealing")
    if annealing is None:
        return []
    temperatures, chains = annealing["num_temperatures"], annealing["num_chains"]
    data = _data(parameters["dataset"])
    generator = torch.Generator().manual_seed(derive_seed("annealing", parameters["seed"]))
    weights = torch.empty(0)
    betas = inverse_temperatures(temperatures)
    for number, log_weights in anneal_in_blocks(machine, data.base, betas, chains, [generator]):
        yield work_before + STEPS_PER_TEMPERATURE * number * chains
        weights = log_weights
    partition = summarise(weights, log_base_partition(data.base, machine.num_hidden))
    found: dict[str, MetricValue] = {}
    for name, images in ((METRIC, data.train_images), (f"{METRIC}_test", data.test_images)):
        inputs = MetricInputs(images=images, machine=machine, generators=[generator], log_partition=partition)
        for part, estimate in evaluate(METRIC, inputs).items():
            own = name if part == METRIC else part
            found[own] = replace(recorded(estimate, 0, own, chains), gibbs_steps=temperatures)
        yield work_before + STEPS_PER_TEMPERATURE * temperatures * chains
    return list(found.values())


@dataclass(frozen=True)
class Data:
    """As many training as test images, drawn at random and always the same, and the base rates of all training images.

    The first images of a data set may be those of few writers.
    """

    train_images: torch.Tensor
    test_images: torch.Tensor
    base: torch.Tensor


@lru_cache(maxsize=2)
def _data(name: str) -> Data:
    dataset = load_dataset(name)
    train, test = torch.from_numpy(dataset.train_images), torch.from_numpy(dataset.test_images)
    size = min(MOST_IMAGES, len(train), len(test))
    return Data(_some(train, size, name), _some(test, size, name), base_rates(train))


def _some(images: torch.Tensor, size: int, name: str) -> torch.Tensor:
    generator = torch.Generator().manual_seed(derive_seed(METRIC, name))
    return images[torch.randperm(len(images), generator=generator)[:size]]
