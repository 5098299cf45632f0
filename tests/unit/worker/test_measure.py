"""What an evaluation records of the samples of a machine."""

import math

import pytest
import torch

from worker.datasets import load_dataset
from worker.experiments import evaluate
from worker.rbm.metrics import Estimate

SAMPLES = torch.randint(0, 2, (1, 23, 784), generator=torch.Generator().manual_seed(1), dtype=torch.uint8)


def test_every_metric_of_samples_and_its_parts_and_none_that_needs_a_judge() -> None:
    values = evaluate.measure(load_dataset("mnist"), SAMPLES, seed=5)
    assert set(values) == {
        "second_moment_error",
        "adversarial_accuracy_error",
        "adversarial_accuracy_generated",
        "adversarial_accuracy_data",
    }


def test_the_seed_decides_what_is_drawn() -> None:
    images = load_dataset("mnist")
    held_out = torch.from_numpy(images.test_images[:53]).unsqueeze(0)
    drawn = [evaluate.measure(images, held_out, seed)["adversarial_accuracy_error"] for seed in (1, 1, 2, 3, 4)]
    assert drawn[0] == drawn[1]
    assert len(set(drawn)) > 2


def test_what_is_undefined_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    undefined = Estimate.without_interval(torch.tensor([math.nan]).double())
    known = Estimate.without_interval(torch.tensor([0.25]).double())
    monkeypatch.setattr(evaluate, "evaluate", lambda name, inputs: {name: known, f"{name}_part": undefined})
    values = evaluate.measure(load_dataset("mnist"), SAMPLES, seed=5)
    assert set(values) == {"second_moment_error", "adversarial_accuracy_error"}
