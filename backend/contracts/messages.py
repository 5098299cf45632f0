"""What the HTTP API says and hears, one model for each noun. Times are UTC, ISO 8601; durations are seconds."""

from datetime import datetime
from typing import Any, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt

from backend.contracts.parameters import DEFAULT_JUDGE, Fraction, GenerationParameters, JudgeName, PruningRuleName
from backend.contracts.states import CellState, JobState, StudyState

Item = TypeVar("Item")


class Message(BaseModel):
    """Base of every message: unknown fields are refused."""

    model_config = ConfigDict(extra="forbid")


class Page(Message, Generic[Item]):
    """One page of a listing. `next_cursor` is opaque; None on the last page."""

    items: list[Item]
    next_cursor: str | None = None


# --- errors ------------------------------------------------------------------------------------------------


class FieldProblem(Message):
    """One field that was refused. `pointer` is a JSON pointer into the request's body, or a parameter's name."""

    pointer: str
    detail: str


class Problem(Message):
    """An error as RFC 9457 `application/problem+json`."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    instance: str | None = None
    errors: list[FieldProblem] = Field(default_factory=list)


# --- studies -----------------------------------------------------------------------------------------------


class StudyCreate(Message):
    """A new study: its type names the model that `parameters` must satisfy (see `GET /study-types`)."""

    name: str = Field(min_length=1, max_length=200, pattern=r"\S", description="What a person calls the study.")
    type: str = Field("dilution-sweep", max_length=100)
    preset: str | None = Field(None, max_length=100, description="Preset that `parameters` are laid over.")
    parameters: dict[str, Any] = Field(default_factory=dict)


class Progress(Message):
    """How far, and how long still. ETA is a range; None while no speed has been measured."""

    cells_total: int
    cells_done: int
    cells_failed: int
    fraction: float = Field(description="Part of the work that is done, 0 to 1.")
    eta_low_seconds: float | None = None
    eta_high_seconds: float | None = None


class Study(Message):
    """A study: a question, its grid and where it stands."""

    id: str
    name: str
    type: str
    parameters: dict[str, Any]
    state: StudyState
    message: str | None = Field(None, description="A plain sentence when there is something to know.")
    progress: Progress
    code_version: str
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


class StudyTypeInfo(Message):
    """A study type: the JSON Schema of its parameters (it makes the form) and its presets, complete."""

    name: str
    title: str
    description: str
    parameters_schema: dict[str, Any]
    presets: dict[str, dict[str, Any]]


class Estimate(Message):
    """What a study would cost, without submitting it."""

    cells: int
    cells_already_done: int
    jobs: int
    work: float = Field(
        description="Chain steps: Gibbs steps times chains, the rest counted as those that take as long."
    )
    seconds: float | None = Field(description="At the speed last measured here; None if nothing was measured.")
    size_bytes: int = Field(description="What the files and rows of the cells that are not done will take.")


# --- figures -----------------------------------------------------------------------------------------------


class ReplicaValue(Message):
    """One replica's value at one point. `low`, `high`: its 95 % bootstrap interval over samples, where it has one."""

    replica: int
    value: float
    low: float | None = None
    high: float | None = None
    cell_id: str
    machine_id: str | None


class CurvePoint(Message):
    """Statistics over the replicas at one x. `std` is the sample standard deviation (n - 1), None for n = 1.

    `ci_low`, `ci_high`: 95 % confidence interval of the mean by Student's t.
    """

    x: float
    n: int
    mean: float
    std: float | None
    sem: float | None
    ci_low: float | None
    ci_high: float | None
    minimum: float
    maximum: float
    replicas: list[ReplicaValue]


class CurveSeries(Message):
    """One curve: a metric against x for one class of machines with one initial dilution.

    `pruned_to`: where machines of that class were pruned before their last training; None for `trained` ones.
    """

    metric: str
    machine_class: str
    initial_dilution: float
    pruned_to: float | None
    points: list[CurvePoint]


class ReferenceLine(Message):
    """The same metric where it means something fixed, e.g. for held-out test images."""

    metric: str
    label: str
    value: float
    low: float | None = None
    high: float | None = None


class MetricInfo(Message):
    """What a metric is called and measured in."""

    name: str
    label: str
    unit: str
    better: Literal["lower", "higher", "none"]
    formula: str
    source: str
    num_samples: int | None = Field(None, description="Independent chains behind each of its values.")
    gibbs_steps: int | None = Field(None, description="Gibbs steps of each chain; of annealed ones, temperatures.")


class Curves(Message):
    """All curves of a study. `x_label` is the meaning of x: pruning level p, or training update."""

    study_id: str
    kind: Literal["pruning", "training"]
    x_label: str
    num_samples: int | None
    gibbs_steps: int | None
    judge: str | None = Field(None, description="SHA-256 of the judge behind Q and df.")
    pruning_rule: str | None = Field(None, description="How the machines were pruned; none for trainings.")
    metrics: list[MetricInfo]
    series: list[CurveSeries]
    references: list[ReferenceLine]


class MachinePoint(Message):
    """One value of a machine's curve. `low`, `high`: its 95 % bootstrap interval."""

    x: float
    value: float
    low: float | None
    high: float | None
    cell_id: str
    has_samples: bool = Field(False, description="Whether `/cells/{cell_id}/samples.png` exists.")


class MachineCurve(Message):
    """One metric of one machine against the pruning level, measured one way."""

    metric: str
    pruning_rule: str
    num_samples: int | None
    gibbs_steps: int | None
    judge: str | None = Field(None, description="SHA-256 of the judge behind Q and df.")
    points: list[MachinePoint]
    reference: ReferenceLine | None = Field(None, description="The same for held-out test images.")


class MachineCurves(Message):
    """All that was measured of a machine after pruning."""

    machine_id: str
    x_label: str
    metrics: list[MetricInfo]
    curves: list[MachineCurve]


class Analysis(Message):
    """What is read from a study's cells. Its result is at `/cells/{cell_id}/result` when its state is `done`."""

    cell_id: str
    analysis: str
    title: str
    state: CellState
    error: str | None
    axes: dict[str, float | int | str]


class CellSummary(Message):
    """One cell of a study with its coordinates; `has_samples` says that `/cells/{id}/samples.png` exists."""

    id: str
    kind: str
    state: CellState
    axes: dict[str, float | int | str]
    machine_id: str | None
    has_samples: bool
    metrics: dict[str, float]


class Cell(CellSummary):
    """A cell with everything that defines it."""

    parameters: dict[str, Any]
    parent: str | None
    error: str | None


# --- jobs and workers --------------------------------------------------------------------------------------


class Job(Message):
    """A unit of work. `place` counts from 1 among the queued jobs; None when not queued."""

    id: str
    study_id: str | None
    study_name: str | None
    kind: str
    title: str
    state: JobState
    message: str | None
    place: int | None
    num_cells: int
    num_left_open: int = Field(0, description="Cells of an ended job that wait for a retry: nothing else fills them.")
    work: float
    fraction: float
    stage: str | None = Field(None, description="What it is doing now, in words.")
    rate: float | None = Field(None, description="Chain steps per second.")
    eta_low_seconds: float | None = None
    eta_high_seconds: float | None = None
    attempt: int
    max_attempts: int
    worker: str | None
    device: str | None
    error: str | None
    cancel_requested: bool
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


class JobsRetry(Message):
    """Which ended jobs to run again: all that failed, or were cancelled; of one study, or of all."""

    state: Literal["failed", "cancelled"] = "failed"
    study_id: str | None = Field(None, max_length=64, pattern=r"^[0-9a-f]+$")


class JobsRetried(Message):
    """Ids of the new jobs, in the order of the queue; none when nothing was left open."""

    job_ids: list[str]


class LogLine(Message):
    """One line of a job's log."""

    at: datetime
    level: Literal["info", "warning", "error"]
    message: str


class Worker(Message):
    """A worker process and the device it uses. `alive`: its heartbeat is fresh."""

    id: str
    hostname: str
    pid: int
    device: str
    device_name: str
    num_threads: int
    started_at: datetime
    heartbeat_at: datetime
    alive: bool
    job_id: str | None
    rate: float | None = Field(None, description="Last measured chain steps per second.")
    busy: float = Field(0.0, description="Share of the last ten minutes, or since its start, in which it had a job.")


# --- machines ----------------------------------------------------------------------------------------------


class Machine(Message):
    """A trained RBM and where it came from."""

    id: str
    name: str
    origin: Literal["zoo", "trained", "imported"]
    initial_dilution: float
    num_visible: int
    num_hidden: int
    parameters: dict[str, Any]
    provenance: dict[str, Any]
    digest: str = Field(description="SHA-256 of its safetensors file.")
    size_bytes: int
    study_id: str | None
    study_name: str | None = Field(None, description="What the study is called that trained it.")
    machine_class: str = Field("trained", description="How it was made: `trained`, `retrained`, `same_mask` and so on.")
    first_dilution: float = Field(0.0, description="Initial dilution p0 of the first machine of its line.")
    cell_id: str | None
    created_at: datetime


class MachinePage(Page[Machine]):
    """One page of machines, and how many there are on all pages together."""

    total: int


class Lineage(Message):
    """Where a machine stands in its line. Ancestors: the first machine of the line first, the parent last."""

    machine_id: str
    ancestors: list[Machine]
    children: list[Machine] = Field(description="Machines that began from it, pruned; the first 200.")
    num_children: int


class TrainingPoint(Message):
    """One recorded value of a training."""

    x: float
    value: float


class TrainingCurve(Message):
    """One metric against the update of a training."""

    metric: str
    num_samples: int | None
    points: list[TrainingPoint]


class MachineTraining(Message):
    """What was recorded while a machine was trained; nothing for one from the zoo or from a file."""

    machine_id: str
    x_label: str
    metrics: list[MetricInfo]
    curves: list[TrainingCurve]


class Dependant(Message):
    """Something that uses a machine. `url` is its place in the API."""

    kind: Literal["job", "study", "machine"]
    id: str
    name: str
    state: str | None = None
    url: str


class Dependants(Message):
    """What uses a machine, and what would go with it.

    `protected`: why it cannot be deleted at all. `jobs` must have ended before it can be.
    """

    machine_id: str
    protected: str | None
    jobs: list[Dependant] = Field(description="Live jobs that read it or make it.")
    studies: list[Dependant] = Field(description="Studies whose grid contains it; they keep its place, unfilled.")
    machines: list[Dependant] = Field(description="Machines that descend from it; they would be deleted with it.")
    num_cells: int = Field(description="Cells whose values, samples and results would be deleted with it.")


class SamplesRequest(Message):
    """Ask for samples of a machine at any pruning level."""

    pruning: Fraction | None = Field(None, description="Total fraction of zero weights; the machine's own if absent.")
    pruning_rule: PruningRuleName = "magnitude"
    judge: JudgeName = DEFAULT_JUDGE
    generation: GenerationParameters = Field(
        default_factory=lambda: GenerationParameters(num_samples=64, gibbs_steps=200)
    )


class CouplingsRequest(Message):
    """Ask for the effective fields and couplings of a machine at any pruning level."""

    pruning: Fraction | None = Field(None, description="Total fraction of zero weights; the machine's own if absent.")
    pruning_rule: PruningRuleName = "magnitude"
    triples: list[tuple[NonNegativeInt, NonNegativeInt, NonNegativeInt]] = Field(
        default_factory=list,
        max_length=20_000,
        description="Triples of visible units whose three-body couplings are wanted too.",
    )


class CellAnswer(Message):
    """Where something is, or will be: poll the cell until its state is `done`, then fetch what it holds."""

    cell_id: str
    job_id: str | None
    state: CellState


# --- the house ---------------------------------------------------------------------------------------------


class Health(Message):
    """Whether each part answers. `ok` is the whole: database and broker up, at least one worker alive."""

    ok: bool
    database: Literal["up", "down"]
    broker: Literal["up", "down"]
    workers_alive: int
    message: str
    version: str


class SessionCreate(Message):
    """Log in: the token becomes a cookie that scripts cannot read."""

    token: str = Field(min_length=1, max_length=500)


class Session(Message):
    """Who asks, and what they may do: `read`, `submit` (read, and start or stop work) or `admin` (all, and delete)."""

    name: str
    scope: Literal["read", "submit", "admin"]
    token_needed: bool = Field(description="Whether this laboratory asks for a token at all.")


class Event(Message):
    """Something changed: fetch `url` to see. `kind` is `study`, `job`, `worker` or `machine`."""

    kind: Literal["study", "job", "worker", "machine"]
    id: str
    study_id: str | None = None
    state: str | None = None
    fraction: float | None = None
