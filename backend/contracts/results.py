"""What analyses find, one model for each. Numbers that are undefined are null; `reason` says why."""

import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field


def _defined(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


Number = Annotated[float | None, BeforeValidator(_defined)]


class Result(BaseModel):
    """Base of every result."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Interval(Result):
    """A 95 % interval over replicas; both ends are null where there are too few."""

    low: Number
    high: Number


# --- spectra -----------------------------------------------------------------------------------------------


class SpectrumSeries(Result):
    """Eigenvalues of W^T W of the replicas of one p0, greatest first, beside those of random entries."""

    initial_dilution: float
    num_replicas: int
    mean: list[float]
    std: list[Number]
    lowest: list[float]
    highest: list[float]
    marchenko_pastur: list[float]


class CrossingResult(Result):
    """The mode (counted from 1) at which the spectra of different p0 come closest."""

    index: int | None
    interval: Interval
    spread: list[Number] = Field(description="Std over p0 of the mean log eigenvalue, for each mode.")
    first: int
    last: int
    reason: str | None


class SpectrumResult(Result):
    """Spectra for each initial dilution, and where they cross (paper, figure 4b)."""

    series: list[SpectrumSeries]
    crossing: CrossingResult


# --- collapse ----------------------------------------------------------------------------------------------


class CollapseFit(Result):
    """The alpha for which the curves Q(p - alpha p0) spread least, and the threshold of their common curve."""

    alpha: Number
    alpha_interval: Interval
    threshold: Number
    threshold_interval: Interval
    width: Number = Field(description="Distance in p over which the common curve falls from 0.9 to 0.1.")
    width_interval: Interval
    spread: Number
    spread_unscaled: Number = Field(description="The spread at alpha = 0.")
    level_spacing: Number = Field(description="Widest gap between neighbouring levels at the fall.")
    initial_dilutions: list[float]
    num_replicas: list[int]
    left_out: list[float]
    reason: str | None


class HalfQualityLineResult(Result):
    """The line p = threshold + alpha p0 through the points where Q is 1/2: a second estimate."""

    initial_dilutions: list[float]
    mean_points: list[Number]
    num_replicas: list[int]
    num_missing: list[int]
    alpha: Number
    alpha_interval: Interval
    threshold: Number
    threshold_interval: Interval
    reason: str | None


class TransitionSeries(Result):
    """Where and over which width the quality of each replica falls; null where it does not fall so far."""

    initial_dilution: float
    start: list[Number]
    half: list[Number]
    end: list[Number]
    width: list[Number]


class CollapseResult(Result):
    """The collapse of the quality curves (paper, figure 4a and eq. 7)."""

    metric: str
    fit: CollapseFit
    line: HalfQualityLineResult
    transitions: list[TransitionSeries]


# --- comparison of classes ---------------------------------------------------------------------------------


class PairedResult(Result):
    """Differences over n pairs of replicas, with interval and p-values of the sign-flip test."""

    n: int
    mean: Number
    std: Number
    t_interval: Interval
    bootstrap_interval: Interval
    p_value: Number
    p_value_less: Number
    exact: bool
    num_signs: int
    reason: str | None


class Group(Result):
    """A quantity of one class of machines: mean and spread over the replicas where it is defined."""

    machine_class: str
    n: int
    missing: int
    mean: Number
    std: Number


class Quantity(Result):
    """One quantity of all classes of a pair, and how each differs from the reference."""

    name: str
    label: str
    groups: list[Group]
    differences: dict[str, PairedResult] = Field(description="class - reference, by class.")


class PairComparison(Result):
    """The classes of one pair (p0, p)."""

    initial_dilution: float
    pruning: float
    quantities: list[Quantity]


class ComparisonResult(Result):
    """Retrained and frozen machines against those trained at that sparsity from the start (paper, figure 5)."""

    metric: str
    reference: str
    pairs: list[PairComparison]


# --- representation ----------------------------------------------------------------------------------------


class SeparationResult(Result):
    """How far classes of points lie apart, by pseudo-F of their distances with a permutation test."""

    classes: list[str]
    num_points: list[int]
    pseudo_f: Number
    r_squared: Number
    within: list[Number]
    p_value: Number
    least_p_value: Number
    num_permutations: int
    reason: str | None


class PairSeparationResult(Result):
    """The separation of two classes, its p-value adjusted for their number by Holm."""

    first: str
    second: str
    separation: SeparationResult
    adjusted_p_value: Number


class MachinePoint(Result):
    """A machine in the plane of the first principal components."""

    machine_class: str
    replica: int
    cell_id: str = Field(description="The machine's cell; of a frozen one, that of the machine before pruning.")
    coordinates: list[float]


class Panel(Result):
    """Principal components of one kind of features with one kind of reference (paper, figure 6 a to d)."""

    features: Literal["weights", "couplings"]
    reference: str
    points: list[MachinePoint]
    explained_variance_ratio: list[Number]
    separation: SeparationResult
    pairs: list[PairSeparationResult]


class RepresentationResult(Result):
    """Principal components of weights and effective couplings, with each kind of reference."""

    initial_dilution: float
    pruning: float
    panels: list[Panel]


# --- report ------------------------------------------------------------------------------------------------

Verdict = Literal["holds", "does not hold", "cannot tell"]


class Claim(Result):
    """One claim of the paper beside what was found."""

    claim: str
    source: str
    found: str
    criterion: str = Field(description="What decides the verdict.")
    verdict: Verdict
    value: Number = None
    interval: Interval | None = None
    num_replicas: int


class ReportResult(Result):
    """The claims of the paper, each with its verdict."""

    claims: list[Claim]
    cautions: list[str]


# --- judge -------------------------------------------------------------------------------------------------


class ExaminationResult(Result):
    """What a judge got right of images and machines that it never saw: accuracies and mean confidences, 0 to 1."""

    test_images: float = Field(description="Share of held-out images that it takes for digits.")
    test_digits: float = Field(description="Share of held-out images whose digit it names.")
    unseen_digits: float = Field(description="Share of samples of intact unseen machines that it takes for digits.")
    unseen_broken: float = Field(
        description="Share of samples of broken unseen machines that it does not take for one."
    )
    noise: float = Field(description="Q of random noise.")
    black: float = Field(description="Q of a black image.")
    one_stroke: float = Field(description="Q of images with one short stroke.")
    num_test: int
    num_unseen_digits: int
    num_unseen_broken: int
    num_unseen_levels: int


class JudgedLevel(Result):
    """One machine at one level: whether it survived, by the criterion that asks no judge, and what the judge says."""

    machine_class: str
    initial_dilution: float
    replica: int
    pruning: float
    unseen: bool
    survival: float = Field(description="Slope of its samples' covariances on the data's, over that at p0.")
    sort: Literal["intact", "between", "broken"]
    quality: float


class Examples(Result):
    """Images of one kind, with the judge's confidence in each."""

    label: str
    confidence: list[float]
    images: list[str] = Field(description="28 x 28 pixels each: base64 of one bit a pixel, row by row.")


class JudgeCardResult(Result):
    """A judge: what it learned from, how it was tested, and examples (paper, appendix A, figure 7)."""

    judge: str = Field(description="SHA-256 of the judge's file: other studies name it so.")
    size_bytes: int
    criterion: str
    recipe: dict[str, float]
    num_machine_digits: int
    num_broken: int
    num_broken_levels: int
    examination: ExaminationResult
    levels: list[JudgedLevel]
    examples: list[Examples]


RESULTS: Mapping[str, type[Result]] = {
    "spectrum": SpectrumResult,
    "collapse": CollapseResult,
    "comparison": ComparisonResult,
    "representation": RepresentationResult,
    "report": ReportResult,
    "judge-card": JudgeCardResult,
}
"""The model of each analysis whose result is JSON."""
