"""How a judge is trained."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from jaxtyping import UInt8
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy, pad

from worker.rbm.judge import synthetic
from worker.rbm.judge.classifiers import NUM_DIGITS, SIDE, DigitJudge, ImageClassifier
from worker.rbm.judge.material import Material

DETECTOR_SHARE = 0.7
"""The detector's part of the work: what its batches are made of takes longer to put together."""
MOST_SHIFT = 2
UPDATES_PER_BLOCK = 20
NUM_SYNTHETIC = 20_000


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Everything that, with the material, decides a judge.

    Attributes:
        seed: initial weights, order of the images and their shifts follow from it.
        detector_updates: batches that the detector learns from: half digits, half others.
        recogniser_updates: batches of data that the recogniser learns from.
        batch_size: images of a batch.
        learning_rate: highest rate of the one-cycle schedule (Smith and Topin 2018).
        machine_digits: share of the digits that are samples of intact machines; the others are data.
        broken: share of the others that are samples of broken machines; strokes, noise and nearly black images
            share the rest as 6 : 3 : 1.
    """

    seed: int
    detector_updates: int = 1200
    recogniser_updates: int = 1500
    batch_size: int = 256
    learning_rate: float = 0.004
    machine_digits: float = 0.5
    broken: float = 0.8


def build_in_blocks(
    images: UInt8[Tensor, "image visible"],
    labels: UInt8[Tensor, " image"],
    material: Material,
    recipe: Recipe,
    *,
    device: torch.device | str = "cpu",
) -> Iterator[tuple[float, DigitJudge]]:
    """Train a judge, giving the done fraction and the judge so far after each block.

    Args:
        images: digits, uint8 0 or 1.
        labels: which digit each of them is.
        material: samples of machines.
        recipe: how it is trained.
        device: where the classifiers are trained.
    """
    generator = torch.Generator().manual_seed(recipe.seed)
    detector = _new_classifier(1, generator).to(device)
    recogniser = _new_classifier(NUM_DIGITS, generator).to(device)
    judge = DigitJudge(detector, recogniser)
    lesson = _Lesson(images, labels, material, _synthetic(generator), recipe, generator)

    def detector_loss() -> Tensor:
        seen, truth = lesson.digits_and_others()
        return binary_cross_entropy_with_logits(detector(seen.to(device))[:, 0], truth.to(device))

    def recogniser_loss() -> Tensor:
        seen, truth = lesson.labelled_digits()
        return cross_entropy(recogniser(seen.to(device)), truth.to(device))

    for done in _fit(detector, detector_loss, recipe.detector_updates, recipe.learning_rate):
        yield DETECTOR_SHARE * done, judge
    for done in _fit(recogniser, recogniser_loss, recipe.recogniser_updates, recipe.learning_rate):
        yield DETECTOR_SHARE + (1 - DETECTOR_SHARE) * done, judge


def _fit(classifier: ImageClassifier, loss: Callable[[], Tensor], num_updates: int, rate: float) -> Iterator[float]:
    """Adam (Kingma and Ba 2015) with a one-cycle rate, giving the done fraction after each block."""
    optimiser = torch.optim.AdamW(classifier.parameters(), lr=rate)
    cycle = torch.optim.lr_scheduler.OneCycleLR(optimiser, max_lr=rate, total_steps=num_updates)
    classifier.train()
    for update in range(1, num_updates + 1):
        optimiser.zero_grad()
        loss().backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        cycle.step()
        if update % UPDATES_PER_BLOCK == 0 or update == num_updates:
            yield update / num_updates


@dataclass(frozen=True)
class _Lesson:
    """Batches for both classifiers. All images are shifted alike, so that their place tells nothing."""

    images: Tensor
    labels: Tensor
    material: Material
    synthetic: Tensor
    recipe: Recipe
    generator: torch.Generator

    def digits_and_others(self) -> tuple[Tensor, Tensor]:
        half = self.recipe.batch_size // 2
        from_machines, broken = round(half * self.recipe.machine_digits), round(half * self.recipe.broken)
        parts = (
            self._drawn(self.images, half - from_machines),
            self._drawn(self.material.digits, from_machines),
            self._flipped(self._drawn(self.material.broken, broken)),
            self._drawn(self.synthetic, half - broken),
        )
        return self._shifted(torch.cat(parts)), (torch.arange(2 * half) < half).float()

    def labelled_digits(self) -> tuple[Tensor, Tensor]:
        rows = self._rows(self.images, self.recipe.batch_size)
        return self._shifted(self.images[rows]), self.labels[rows].long()

    def _drawn(self, images: Tensor, count: int) -> Tensor:
        return images[self._rows(images, count)]

    def _rows(self, images: Tensor, count: int) -> Tensor:
        return torch.randint(len(images), (count,), generator=self.generator)

    def _flipped(self, images: Tensor) -> Tensor:
        """Each image as it is, or mirrored in one axis or both: strokes stay strokes."""
        square = images.reshape(-1, SIDE, SIDE)
        for axis in (1, 2):
            flip = torch.rand(len(square), 1, 1, generator=self.generator) < 0.5
            square = torch.where(flip, square.flip(axis), square)
        return square.flatten(1)

    def _shifted(self, images: Tensor) -> Tensor:
        """Each image moved by up to 2 pixels along both axes, black coming in."""
        width = SIDE + 2 * MOST_SHIFT
        padded = pad(images.reshape(-1, SIDE, SIDE), (MOST_SHIFT,) * 4)
        down, across = torch.randint(2 * MOST_SHIFT + 1, (2, len(images), 1, 1), generator=self.generator)
        axis = torch.arange(SIDE)
        places = (axis.reshape(-1, 1) + down) * width + axis + across
        return padded.flatten(1).gather(1, places.flatten(1))


def _synthetic(generator: torch.Generator) -> UInt8[Tensor, "image visible"]:
    tenth = NUM_SYNTHETIC // 10
    kinds = [
        *(synthetic.strokes(2 * tenth, number, generator) for number in (1, 2, 3)),
        synthetic.noise(3 * tenth, generator),
        synthetic.specks(tenth, generator),
    ]
    return torch.cat(kinds)


def _new_classifier(num_outputs: int, generator: torch.Generator) -> ImageClassifier:
    """A classifier with the weights of He et al. 2015, drawn from the generator, and biases 0."""
    classifier = ImageClassifier(num_outputs)
    for parameter in classifier.parameters():
        if parameter.ndim > 1:
            nn.init.kaiming_uniform_(parameter, nonlinearity="relu", generator=generator)
        else:
            nn.init.zeros_(parameter)
    return classifier
