"""The two classifiers of a judge, and how images are put to them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float32, Int64, UInt8
from torch import Tensor, nn
from torch.nn.functional import relu

SIDE = 28
NUM_DIGITS = 10
IMAGES_PER_BLOCK = 2000


class ImageClassifier(nn.Module):
    """Two convolutions, of 5x5 and 3x3 in steps of two pixels, and two dense layers.

    Args:
        num_outputs: 1 for the logit that an image is a digit, 10 for the logits of the digits.
    """

    def __init__(self, num_outputs: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(1, 16, 5, stride=2, padding=2)
        self.second = nn.Conv2d(16, 32, 3, stride=2, padding=1)
        self.dense = nn.Linear(32 * (SIDE // 4) ** 2, 96)
        self.output = nn.Linear(96, num_outputs)

    def forward(self, images: UInt8[Tensor, "image visible"]) -> Float32[Tensor, "image output"]:
        """Logits of images of 28 x 28 pixels, 0 or 1."""
        seen = images.to(self.output.weight.dtype).reshape(-1, 1, SIDE, SIDE)
        seen = relu(self.second(relu(self.first(seen)))).flatten(1)
        logits: Tensor = self.output(relu(self.dense(seen)))
        return logits


@dataclass(frozen=True, eq=False)
class DigitJudge:
    """Tells digits from other images, and digits from each other.

    Attributes:
        detector: the logit that an image is a digit; Q is the mean of its logistic function.
        recogniser: the logits of the ten digits.

    Source: paper, appendix A.
    """

    detector: ImageClassifier
    recogniser: ImageClassifier

    def confidence(self, images: UInt8[Tensor, "image visible"]) -> Float32[Tensor, " image"]:
        """How sure it is that each image is a digit, 0 to 1."""
        return torch.cat([torch.sigmoid(logits[:, 0]) for logits in _logits(self.detector, images)])

    def digit(self, images: UInt8[Tensor, "image visible"]) -> Int64[Tensor, " image"]:
        """Which digit each image is, taken for granted that it is one."""
        return torch.cat([logits.argmax(dim=1) for logits in _logits(self.recogniser, images)])


def _logits(classifier: ImageClassifier, images: Tensor) -> Iterator[Tensor]:
    """Logits block by block; one empty block for no images.

    Raises:
        ValueError: if the images are not of 28 x 28 pixels.
    """
    if images.ndim != 2 or images.shape[1] != SIDE * SIDE:
        raise ValueError(f"images have shape {tuple(images.shape)}; a judge sees (images, {SIDE * SIDE})")
    classifier.eval()
    device = classifier.output.weight.device
    with torch.inference_mode():
        for begin in range(0, max(len(images), 1), IMAGES_PER_BLOCK):
            yield classifier(images[begin : begin + IMAGES_PER_BLOCK].to(device))
