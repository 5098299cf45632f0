"""What an evaluation records of the samples of a machine."""

import math

import pytest
import torch

from worker.datasets import load_dataset
from worker.experiments import measuring
from worker.rbm.metrics import Estimate

SAMPLES = torch.randint(0, 2, (1, 23, 784), generator=torch.Generator().manual_seed(1), dtype=torch.uint8)


def test_every_metric_of_samples_and_its_parts_and_none_that_needs_a_judge() -> None:
    values = measuring.measure(load_dataset("mnist"), SAMPLES, seed=5)
    assert {one.name for one in values} == {
        "second_moment_error",
        "adversarial_accuracy_error",
        "adversarial_accuracy_generated",
        "adversarial_accuracy_data",
    }


def test_the_seed_decides_what_is_drawn() -> None:
    images = load_dataset("mnist")
    held_out = torch.from_numpy(images.test_images[:53]).unsqueeze(0)
    drawn = [
        {one.name: one.value for one in measuring.measure(images, held_out, seed)}["adversarial_accuracy_error"]
        for seed in (1, 1, 2, 3, 4)
    ]
    assert drawn[0] == drawn[1]
    assert len(set(drawn)) > 2


def test_what_is_undefined_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    undefined = Estimate.without_interval(torch.tensor([math.nan]).double())
    known = Estimate.without_interval(torch.tensor([0.25]).double())
    monkeypatch.setattr(measuring, "evaluate", lambda name, inputs: {name: known, f"{name}_part": undefined})
    values = measuring.measure(load_dataset("mnist"), SAMPLES, seed=5)
    assert {one.name for one in values} == {"second_moment_error", "adversarial_accuracy_error"}


class Oracle:
    """A judge that takes everything for a five."""

    def confidence(self, images: torch.Tensor) -> torch.Tensor:
        return torch.ones(len(images))

    def digit(self, images: torch.Tensor) -> torch.Tensor:
        return torch.full((len(images),), 5)


def test_a_judge_is_asked_for_quality_and_its_interval_is_kept() -> None:
    values = {one.name: one for one in measuring.measure(load_dataset("mnist"), SAMPLES, seed=5, judge=Oracle())}
    assert (values["quality"].value, values["quality"].low, values["quality"].num_samples) == (1.0, 1.0, 23)
    assert "digit_imbalance" not in values, "undefined for so few samples"
    low, high = values["second_moment_error"].low, values["second_moment_error"].high
    assert low is not None
    assert high is not None
    assert low < values["second_moment_error"].value < high
