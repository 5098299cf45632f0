"""The analyses of a judge study, on samples that the test makes: who learns from which machines, and the card."""

import base64
import hashlib
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from backend.contracts.results import JudgeCardResult
from backend.storage.repositories.cells import InputCell
from tests.threads import on_one_thread
from worker.datasets import load_dataset
from worker.experiments.analyses import judge as judge_analysis
from worker.experiments.analyses.judge import analyse as make_judge
from worker.experiments.analyses.judge_card import analyse as make_card
from worker.experiments.evaluate import pack_samples
from worker.experiments.run import ExperimentFailed
from worker.rbm.judge import Recipe, synthetic
from worker.rbm.judge.judge_file import read_judge

LEVELS = (0.0, 0.2, 0.5, 0.8, 0.9)
SORTS = ("intact", "between", "between", "between", "broken")
NUM_SAMPLES = 64


class Hands:
    """A run that keeps artifacts in a dictionary and reads the inputs that it is given."""

    device = "cpu"

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}
        self.artifacts = SimpleNamespace(get=self.kept.__getitem__)
        self.given: list[InputCell] = []
        self.claim = SimpleNamespace(cells=())
        self.blocks: list[float] = []

    def put(self, data: bytes) -> str:
        digest = hashlib.sha256(data).hexdigest()
        self.kept[digest] = data
        return digest

    def inputs(self, cell: Any) -> list[InputCell]:
        return self.given

    def block(self, work_done: float, stage: str) -> None:
        self.blocks.append(work_done)

    def add(self, kind: str, digest: str | None, axes: dict[str, Any], **parameters: Any) -> None:
        self.given.append(InputCell(f"{len(self.given):064x}", kind, "done", parameters, None, axes, digest, {}))

    def add_machine(self, replica: int, blocks: list[torch.Tensor], machine_class: str = "trained") -> None:
        axes = {"machine_class": machine_class, "initial_dilution": 0.0, "replica": replica}
        # The last level first: the analysis has to sort them.
        for level, samples in reversed(list(zip(LEVELS, blocks, strict=True))):
            self.add("evaluation", self.put(pack_samples(samples.numpy())), {**axes, "pruning": level})


def a_cell(name: str, **parameters: Any) -> Any:
    own = {"analysis": name, "dataset": "mnist", "work": 100.0, **parameters}
    return SimpleNamespace(id="c" * 64, parameters=own)


def samples_of(replica: int) -> list[torch.Tensor]:
    """Digits, digits mixed with broken images, and one broken image in every chain."""
    start = 1000 * replica
    digits = torch.from_numpy(load_dataset("mnist").train_images[start : start + NUM_SAMPLES])
    broken = synthetic.strokes(1, 3, torch.Generator().manual_seed(replica)).expand(NUM_SAMPLES, -1)
    mixed = torch.where(torch.arange(NUM_SAMPLES).unsqueeze(1) % 4 > 0, broken, digits)
    return [digits, digits, mixed, broken, broken]


def three_machines() -> Hands:
    hands = Hands()
    for replica in (2, 0, 1):
        hands.add_machine(replica, samples_of(replica))
    return hands


@pytest.fixture
def hands() -> Hands:
    return three_machines()


@pytest.fixture(scope="module")
def made() -> tuple[bytes, str, list[float]]:
    """A judge of few updates: its file, what kind of artifact it is, and the work that its blocks reported."""
    hands = three_machines()
    short = partial(Recipe, detector_updates=60, recogniser_updates=25, batch_size=64)
    with pytest.MonkeyPatch.context() as patch, on_one_thread():
        patch.setattr(judge_analysis, "Recipe", short)
        outcome = make_judge(hands, JUDGE_CELL)  # type: ignore[arg-type]
    return outcome.data, outcome.kind, hands.blocks


JUDGE_CELL = a_cell("judge", seed=5, num_learned_from=2)


def test_a_judge_learns_from_the_first_replicas_and_is_tested_with_the_others(
    made: tuple[bytes, str, list[float]],
) -> None:
    data, kind, blocks = made
    assert kind == "judge"
    judge, card = read_judge(data)
    assert card["machines"] == ["trained, p0 = 0, replica 0", "trained, p0 = 0, replica 1"]
    assert card["unseen_machines"] == ["trained, p0 = 0, replica 2"]
    assert (card["num_machine_digits"], card["num_broken"], card["num_broken_levels"]) == (128, 128, 2)
    assert card["examination"]["num_unseen_digits"] == card["examination"]["num_unseen_broken"] == NUM_SAMPLES
    assert card["examination"]["num_test"] == 10_000
    # Two broken images are learned by heart; digits are digits after a few updates.
    assert float(judge.confidence(samples_of(0)[4]).mean()) < 0.5 < float(judge.confidence(samples_of(0)[0]).mean())
    assert 0 < blocks[0] < blocks[-1] <= 98.0


def test_a_judge_without_broken_machines_fails_with_the_reason(hands: Hands) -> None:
    hands.given = [one for one in hands.given if one.axes["pruning"] <= 0.2]
    with pytest.raises(ExperimentFailed, match="learned machines: of 2 machines 2 levels are intact and 0 broken"):
        make_judge(hands, JUDGE_CELL)  # type: ignore[arg-type]


def test_a_judge_without_samples_fails_with_the_reason(hands: Hands) -> None:
    hands.given = []
    with pytest.raises(ExperimentFailed, match="no evaluation has samples"):
        make_judge(hands, JUDGE_CELL)  # type: ignore[arg-type]


def test_the_card_has_every_level_and_examples_of_each_kind(hands: Hands, made: tuple[bytes, str, list[float]]) -> None:
    data = made[0]
    digest = hands.put(data)
    hands.add("analysis", digest, {}, analysis="judge")
    card = JudgeCardResult.model_validate_json(make_card(hands, a_cell("judge-card")).data)  # type: ignore[arg-type]
    assert (card.judge, card.size_bytes) == (digest, len(data))
    assert [(one.replica, one.pruning, one.sort, one.unseen) for one in card.levels] == [
        (replica, level, sort, replica == 2) for replica in range(3) for level, sort in zip(LEVELS, SORTS, strict=True)
    ]
    assert [one.survival for one in card.levels][::5] == [1.0, 1.0, 1.0]
    assert [one.survival for one in card.levels][4::5] == [0.0, 0.0, 0.0]
    judge, _ = read_judge(data)
    for level in card.levels:
        own = samples_of(level.replica)[LEVELS.index(level.pruning)]
        assert level.quality == pytest.approx(float(judge.confidence(own).mean()), abs=1e-5)
    examples = {one.label: one for one in card.examples}
    for one in examples.values():
        images = torch.from_numpy(np.stack([_pixels(text) for text in one.images]))
        assert one.confidence == pytest.approx(judge.confidence(images).tolist(), abs=1e-5)
    unseen = examples["Broken machines, unseen"]
    assert np.array_equal(_pixels(unseen.images[0]), samples_of(2)[4][0].numpy())
    assert len(unseen.images) == 1
    assert len(examples["Broken machines, learned from"].images) == 2


def test_a_card_without_a_judge_fails_with_the_reason(hands: Hands) -> None:
    with pytest.raises(ExperimentFailed, match="the judge was not trained"):
        make_card(hands, a_cell("judge-card"))  # type: ignore[arg-type]


def _pixels(text: str) -> np.ndarray:
    return np.unpackbits(np.frombuffer(base64.b64decode(text), dtype=np.uint8))
