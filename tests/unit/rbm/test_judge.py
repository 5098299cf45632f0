"""A judge: how its material is sorted, how it learns, and how it is kept."""

import math
from dataclasses import replace

import pytest
import torch

from worker.rbm.judge import DigitJudge, MachineSamples, Recipe, build_in_blocks, examine, gather, synthetic
from worker.rbm.judge.classifiers import ImageClassifier
from worker.rbm.judge.judge_file import read_judge, write_judge
from worker.rbm.judge.material import Material
from worker.rbm.judge.survival import broken_levels, covariance_slope, intact_levels, survival
from worker.rbm.metrics.inputs import Judge
from worker.rbm.metrics.second_moment_error import covariance
from worker.rbm.tensor_bytes import pack, unpack

SMALL = Recipe(seed=3, detector_updates=40, recogniser_updates=5, batch_size=64)


def generator(seed: int = 1) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def bars(count: int, seed: int = 1) -> torch.Tensor:
    """Images with a tall bar of varying width: pixels that vary together."""
    images = torch.zeros(count, 28, 28, dtype=torch.uint8)
    for image, width in zip(images, torch.randint(2, 12, (count,), generator=generator(seed)), strict=True):
        image[4:24, 14 : 14 + int(width)] = 1
    return images.flatten(1)


def new_judge(seed: int = 1) -> DigitJudge:
    torch.manual_seed(seed)
    return DigitJudge(ImageClassifier(1), ImageClassifier(10))


def built(recipe: Recipe, material: Material) -> DigitJudge:
    *_, (done, judge) = build_in_blocks(bars(300), torch.zeros(300, dtype=torch.uint8), material, recipe)
    assert done == 1.0
    return judge


@pytest.fixture(scope="module")
def material() -> Material:
    return Material(bars(200, 2), synthetic.strokes(200, 2, generator()), 1)


def test_survival_is_one_for_the_data_and_zero_for_one_image_and_for_noise() -> None:
    data = bars(4000)
    data_covariance = covariance(data)
    assert covariance_slope(data, data_covariance) == pytest.approx(1.0, abs=1e-12)
    assert covariance_slope(data[:1].expand(50, -1), data_covariance) == 0.0
    independent = (torch.rand(4000, 784, generator=generator()) < 0.5).to(torch.uint8)
    assert abs(covariance_slope(independent, data_covariance)) < 0.1
    assert covariance_slope(bars(4000, 5), data_covariance) == pytest.approx(1.0, abs=0.1)


def test_survival_leaves_the_variances_out() -> None:
    data = bars(500)
    expected = covariance(data)
    expected.fill_diagonal_(1e6)
    assert covariance_slope(data, expected) == pytest.approx(1.0, abs=1e-9)


def test_survival_of_one_sample_is_refused() -> None:
    with pytest.raises(ValueError, match="1 samples have no covariance"):
        covariance_slope(bars(1), covariance(bars(10)))


def test_levels_are_intact_up_to_the_first_fall_and_broken_after_the_last_life() -> None:
    survivals = [1.0, 0.85, 0.81, 0.7, 0.1, 0.15, 0.1, 0.0]
    assert intact_levels(survivals) == [True, True] + 6 * [False]
    assert broken_levels(survivals) == 7 * [False] + [True]


def test_a_mixture_whose_survival_rises_is_not_intact() -> None:
    assert intact_levels([1.0, 1.1, 1.19, 1.3, 1.0]) == [True, True, False, False, False]


def test_the_level_next_to_the_transition_is_left_out_and_a_machine_without_transition_has_a_last_one_too() -> None:
    assert intact_levels([1.0, 0.5]) == [False, False]
    assert intact_levels([1.0, 1.0]) == [True, False]
    assert intact_levels([0.0]) == [False]


def test_survival_counts_from_the_machines_own_dilution() -> None:
    assert survival([0.5, 0.25, 0.6]) == [1.0, 0.5, 1.2]
    assert survival([0.29, 0.2]) == [0.0, 0.0]


def test_a_machine_that_never_learned_is_not_broken() -> None:
    assert broken_levels([0.0, 0.05]) == [False, False]


def test_material_is_sorted_by_survival_and_what_lies_between_is_left_out() -> None:
    alive, dead = bars(300), bars(1).expand(300, -1)
    between = torch.where(torch.arange(300).unsqueeze(1) % 2 == 0, bars(300, 8), dead)
    machine = MachineSamples("a", (0.0, 0.2, 0.5, 0.8, 0.9), torch.stack([alive, alive, between, dead, dead]))
    found = gather([machine], covariance(bars(4000)))
    assert torch.equal(found.digits, alive)
    assert torch.equal(found.broken, dead)
    assert found.num_levels == 1


def test_material_without_broken_machines_is_refused() -> None:
    machine = MachineSamples("a", (0.0, 0.1), torch.stack([bars(300), bars(300)]))
    with pytest.raises(ValueError, match="1 levels are intact and 0 broken"):
        gather([machine], covariance(bars(4000)))


@pytest.mark.parametrize("levels", [(0.5, 0.1), (0.1, 0.1), (0.1,)])
def test_levels_ascend_one_for_each_block_of_samples(levels: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="levels must ascend"):
        MachineSamples("a", levels, bars(2).reshape(2, 1, -1))


def test_strokes_are_shorter_than_any_digit() -> None:
    images = synthetic.strokes(300, 1, generator()).reshape(-1, 28, 28)
    rows, columns = images.amax(dim=2).sum(dim=1), images.amax(dim=1).sum(dim=1)
    assert int(images.flatten(1).sum(dim=1).min()) >= 3
    assert int(torch.maximum(rows, columns).max()) <= 16
    assert len(images.flatten(1).unique(dim=0)) > 290


def test_more_strokes_are_more_ink() -> None:
    ink = [float(synthetic.strokes(300, number, generator()).float().mean()) for number in (1, 2, 3)]
    assert ink == sorted(ink)


def test_specks_begin_with_a_black_image() -> None:
    images = synthetic.specks(200, generator()).sum(dim=1)
    assert int(images[0]) == 0
    assert int(images.max()) <= synthetic.MOST_SPECKS
    assert int(images.max()) > 3


def test_a_judge_learns_and_is_the_same_for_the_same_seed(material: Material) -> None:
    judge = built(SMALL, material)
    assert isinstance(judge, Judge)
    assert float(judge.confidence(bars(100, 9)).mean()) > 0.9
    assert float(judge.confidence(synthetic.strokes(100, 2, generator(9))).mean()) < 0.2
    assert float((judge.digit(bars(100, 9)) == 0).float().mean()) == 1.0
    again = built(SMALL, material)
    assert torch.equal(judge.confidence(material.broken), again.confidence(material.broken))
    other = built(replace(SMALL, seed=4), material)
    assert not torch.equal(judge.confidence(material.broken), other.confidence(material.broken))


def test_an_examination_counts_what_is_right() -> None:
    class Upright:
        """Takes images with more than 30 white pixels for digits, all of them for zeros."""

        def confidence(self, images: torch.Tensor) -> torch.Tensor:
            return (images.sum(dim=1) > 30).float()

        def digit(self, images: torch.Tensor) -> torch.Tensor:
            return torch.zeros(len(images), dtype=torch.int64)

        def __hash__(self) -> int:
            return 0

    labels = torch.tensor([0, 0, 0, 1], dtype=torch.uint8)
    unseen = Material(bars(10), torch.cat([bars(5), torch.zeros(15, 784, dtype=torch.uint8)]), 2)
    found = examine(Upright(), bars(4), labels, unseen, generator())
    assert (found.test_images, found.test_digits) == (1.0, 0.75)
    assert (found.unseen_digits, found.unseen_broken) == (1.0, 0.75)
    assert found.black == 0.0
    assert found.noise > 0.8
    assert (found.num_test, found.num_unseen_digits, found.num_unseen_broken, found.num_unseen_levels) == (4, 10, 20, 2)


def test_a_judge_comes_back_from_its_file_with_its_card() -> None:
    judge, images = new_judge(), bars(50)
    again, card = read_judge(write_judge(judge, {"recipe": {"seed": 5}}))
    assert card == {"recipe": {"seed": 5}}
    assert torch.equal(judge.confidence(images), again.confidence(images))
    assert torch.equal(judge.digit(images), again.digit(images))


@pytest.mark.parametrize("bias", [-3.0, 0.0, 2.0])
def test_confidence_is_the_logistic_function_of_the_detectors_output(bias: float) -> None:
    judge = new_judge()
    torch.nn.init.zeros_(judge.detector.output.weight)
    torch.nn.init.constant_(judge.detector.output.bias, bias)
    assert judge.confidence(bars(3)).tolist() == pytest.approx([1 / (1 + math.exp(-bias))] * 3)


def test_a_judge_is_asked_block_by_block(monkeypatch: pytest.MonkeyPatch) -> None:
    judge, images = new_judge(), bars(50)
    whole = judge.confidence(images)
    monkeypatch.setattr("worker.rbm.judge.classifiers.IMAGES_PER_BLOCK", 7)
    assert torch.allclose(judge.confidence(images), whole, atol=1e-6)
    assert judge.confidence(images[:0]).shape == (0,)


def test_images_of_another_size_are_refused() -> None:
    with pytest.raises(ValueError, match=r"shape \(2, 100\); a judge sees \(images, 784\)"):
        new_judge().confidence(torch.zeros(2, 100, dtype=torch.uint8))


@pytest.mark.parametrize("damage", ["missing", "shape", "type", "infinite", "cut"])
def test_a_damaged_file_is_refused(damage: str) -> None:
    data = write_judge(new_judge(), {})
    tensors, metadata = unpack(data)
    key = "detector.output.weight"
    if damage == "missing":
        del tensors[key]
    elif damage == "shape":
        tensors[key] = torch.zeros(2, 96)
    elif damage == "type":
        tensors[key] = tensors[key].half()
    elif damage == "infinite":
        tensors[key] = tensors[key] * float("inf")
    with pytest.raises(ValueError, match=r"detector|safetensors"):
        read_judge(data[:-5] if damage == "cut" else pack(tensors, metadata))
