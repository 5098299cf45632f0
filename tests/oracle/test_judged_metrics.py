"""Quality and digit imbalance with a judge whose verdicts are known."""

import math
from collections import Counter

import pytest
import torch

from tests.oracle import exact
from worker.rbm.metrics import MetricInputs, evaluate
from worker.rbm.metrics.bootstrap import estimate, estimate_of_mean, resampling_counts
from worker.rbm.metrics.digit_balance import MIN_ACCEPTED, digit_imbalance, resampled_imbalances
from worker.rbm.metrics.inputs import Verdict

NUM_SAMPLES = 211
SAMPLES = torch.randint(0, 2, (3, NUM_SAMPLES, 11), generator=torch.Generator().manual_seed(8), dtype=torch.uint8)
IMAGES = SAMPLES[0, :7]


class CountingJudge:
    """Confidence: the share of the first 8 units that are on. Digit: the last 3 units as a number, then 9 for 7."""

    def __init__(self):
        self.asked = Counter()

    def confidence(self, images):
        self.asked["confidence"] += 1
        return images[:, :8].float().mean(dim=1)

    def digit(self, images):
        self.asked["digit"] += 1
        number = images[:, 8].long() * 4 + images[:, 9].long() * 2 + images[:, 10].long()
        return torch.where(number == 7, 9, number)


def inputs(judge=None, samples=SAMPLES):
    return MetricInputs(
        images=IMAGES, samples=samples, generators=exact.seeded(len(samples)), judge=judge or CountingJudge()
    )


def brute_verdict(image):
    number = 4 * image[8] + 2 * image[9] + image[10]
    return sum(image[:8]) / 8, 9 if number == 7 else number


def accepted_digits(replica):
    verdicts = [brute_verdict(image) for image in SAMPLES[replica].tolist()]
    return [digit for confidence, digit in verdicts if confidence > 0.5]


def brute_imbalance(digits):
    counted = Counter(digits)
    return sum((counted[digit] / len(digits) - 0.1) ** 2 for digit in range(10)) / 10


def test_quality_is_the_mean_confidence():
    """Kills: accepted samples counted instead of confidences, replicas mixed up, a confidence of 1/2 accepted."""
    got = evaluate("quality", inputs())
    for replica in range(3):
        confidences = [brute_verdict(image)[0] for image in SAMPLES[replica].tolist()]
        assert float(got["quality"].value[replica]) == pytest.approx(sum(confidences) / NUM_SAMPLES)
        accepted = sum(one > 0.5 for one in confidences) / NUM_SAMPLES
        assert float(got["digit_fraction"].value[replica]) == pytest.approx(accepted)
        assert 0.5 in confidences
        expected = estimate_of_mean(torch.tensor(confidences).double(), exact.seeded(1, replica)[0])
        assert float(got["quality"].low[replica]) == pytest.approx(float(expected.low), rel=1e-6)
        assert float(got["quality"].high[replica]) == pytest.approx(float(expected.high), rel=1e-6)


def test_digit_imbalance_of_accepted_samples_by_loops():
    """Kills: rejected samples counted, frequencies among all samples, a sum instead of a mean, squares left out."""
    got = evaluate("digit_imbalance", inputs())["digit_imbalance"]
    for replica in range(3):
        digits = accepted_digits(replica)
        assert MIN_ACCEPTED < len(digits) < NUM_SAMPLES
        assert float(got.value[replica]) == pytest.approx(brute_imbalance(digits))


def resampled_by_loops(digits, generator):
    counts = resampling_counts(len(digits), generator)
    chosen = [[digit for digit, times in zip(digits, row, strict=True) for _ in range(int(times))] for row in counts]
    return torch.tensor([brute_imbalance(resample) for resample in chosen]).double()


def test_interval_of_the_imbalance_is_over_accepted_samples():
    """Kills: a bootstrap over all samples, a resample of another size, another replica's generator, no shift."""
    got = evaluate("digit_imbalance", inputs())["digit_imbalance"]
    for replica in range(3):
        digits = accepted_digits(replica)
        resampled = resampled_by_loops(digits, exact.seeded(1, replica)[0])
        expected = estimate(brute_imbalance(digits), resampled)
        assert float(got.low[replica]) == pytest.approx(float(expected.low), rel=1e-5)
        assert float(got.high[replica]) == pytest.approx(float(expected.high), rel=1e-5)
        assert float(got.low[replica]) < float(got.value[replica]) < float(got.high[replica])


def test_imbalance_is_undefined_when_few_samples_are_accepted():
    """Kills: 0 for a broken machine, a bound that is off by one, one broken replica that spoils the others."""
    assert math.isnan(digit_imbalance(torch.zeros(MIN_ACCEPTED - 1, dtype=torch.int64)))
    assert digit_imbalance(torch.zeros(MIN_ACCEPTED, dtype=torch.int64)) == pytest.approx(0.09)
    broken = SAMPLES.clone()
    broken[1] = 0
    got = evaluate("digit_imbalance", inputs(samples=broken))["digit_imbalance"]
    for of_replicas in (got.value, got.low, got.high):
        assert torch.isnan(of_replicas).tolist() == [False, True, False]


def test_floor_of_the_imbalance():
    """Kills: a floor off by ten. Balanced digits have a mean of 0.09 / n; 3,000 draws, 5 sigma."""
    drawn = torch.randint(0, 10, (3000, 101), generator=torch.Generator().manual_seed(2))
    every = torch.ones(1, 101).double()
    values = torch.tensor([float(resampled_imbalances(one, every)) for one in drawn])
    assert abs(float(values.mean()) - 0.09 / 101) < 5 * float(values.std()) / math.sqrt(3000)


def test_the_judge_is_asked_once():
    """Kills: a second pass of the classifiers for the second metric, or one for each replica."""
    judge = CountingJudge()
    given = inputs(judge)
    evaluate("quality", given)
    evaluate("digit_imbalance", given)
    assert judge.asked == {"confidence": 1, "digit": 1}


def test_a_verdict_keeps_replicas_apart():
    """Kills: answers in another order than the samples."""
    verdict = Verdict.of(CountingJudge(), SAMPLES)
    for replica in range(3):
        expected = [brute_verdict(image) for image in SAMPLES[replica].tolist()]
        got = zip(verdict.confidence[replica].tolist(), verdict.digit[replica].tolist(), strict=True)
        assert list(got) == expected


def test_what_the_judge_cannot_say_is_refused():
    """Kills: metrics that fail somewhere inside."""
    for name in ("quality", "digit_imbalance"):
        with pytest.raises(ValueError, match="give the judge"):
            evaluate(name, MetricInputs(images=IMAGES, samples=SAMPLES, generators=exact.seeded(3)))
        with pytest.raises(ValueError, match="give samples"):
            evaluate(name, MetricInputs(images=IMAGES, generators=exact.seeded(3), judge=CountingJudge()))
        with pytest.raises(ValueError, match="one generator for each replica"):
            evaluate(name, MetricInputs(images=IMAGES, samples=SAMPLES, judge=CountingJudge()))
    with pytest.raises(ValueError, match="names a digit 10; digits must be 0 to 9"):
        digit_imbalance(torch.arange(60) % 11)
