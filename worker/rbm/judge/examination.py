"""How a judge is tested: on images and machines that it never saw."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import UInt8
from torch import Tensor

from worker.rbm.judge import synthetic
from worker.rbm.judge.material import Material
from worker.rbm.metrics.inputs import ACCEPTED_ABOVE, Judge

NUM_SYNTHETIC = 2000


@dataclass(frozen=True, kw_only=True)
class Examination:
    """What a judge got right. Accuracies are shares of images, qualities means of its confidence.

    Attributes:
        test_images: share of held-out images that it takes for digits.
        test_digits: share of held-out images whose digit it names.
        unseen_digits: share of samples of intact unseen machines that it takes for digits.
        unseen_broken: share of samples of broken unseen machines that it takes for no digits.
        noise, black, one_stroke: its quality Q of such images.
        num_test, num_unseen_digits, num_unseen_broken, num_unseen_levels: how many images, and levels of machines that
            the broken ones come from: samples of one level are much alike.
    """

    test_images: float
    test_digits: float
    unseen_digits: float
    unseen_broken: float
    noise: float
    black: float
    one_stroke: float
    num_test: int
    num_unseen_digits: int
    num_unseen_broken: int
    num_unseen_levels: int


def examine(
    judge: Judge,
    test_images: UInt8[Tensor, "image visible"],
    test_labels: UInt8[Tensor, " image"],
    unseen: Material,
    generator: torch.Generator,
) -> Examination:
    """Test a judge.

    Args:
        judge: who is tested.
        test_images: digits that it did not learn from.
        test_labels: which digit each of them is.
        unseen: samples of machines that it did not learn from.
        generator: where the synthetic images come from.
    """

    def accepted(images: Tensor) -> float:
        return float((judge.confidence(images) > ACCEPTED_ABOVE).double().mean())

    def quality(images: Tensor) -> float:
        return float(judge.confidence(images).double().mean())

    return Examination(
        test_images=accepted(test_images),
        test_digits=float((judge.digit(test_images).cpu() == test_labels).double().mean()),
        unseen_digits=accepted(unseen.digits),
        unseen_broken=1 - accepted(unseen.broken),
        noise=quality(synthetic.noise(NUM_SYNTHETIC, generator)),
        black=quality(synthetic.specks(1, generator)),
        one_stroke=quality(synthetic.strokes(NUM_SYNTHETIC, 1, generator)),
        num_test=len(test_images),
        num_unseen_digits=len(unseen.digits),
        num_unseen_broken=len(unseen.broken),
        num_unseen_levels=unseen.num_levels,
    )
