"""The paper's claims beside what was found in the study."""

from collections.abc import Iterator, Sequence

from backend.contracts.grid import TRAINED
from backend.contracts.plan import EVALUATION
from backend.contracts.results import RESULTS, ReportResult, Result
from backend.storage.repositories.cells import InputCell
from backend.storage.repositories.jobs import ClaimedCell
from worker.experiments.analyse import Outcome
from worker.experiments.analyses.curves_of_inputs import METRIC
from worker.experiments.claims import Evidence, judge_claims
from worker.experiments.run import Run

ANALYSIS = "report"
READ = ("spectrum", "collapse", "comparison", "representation")
FEW_REPLICAS = 5


def analyse(run: Run, cell: ClaimedCell) -> Outcome:
    """Read what the other analyses found, and judge each claim."""
    inputs = run.inputs(cell)
    results: dict[str, Result] = {}
    for one in inputs:
        name = one.parameters.get("analysis", "")
        if name in READ and one.artifact is not None:
            results[name] = RESULTS[name].model_validate_json(run.artifacts.get(one.artifact))
    evidence = Evidence(quality_before_pruning(inputs), **results)  # type: ignore[arg-type]
    return Outcome.of(ReportResult(claims=judge_claims(evidence), cautions=list(_cautions(evidence))))


def quality_before_pruning(inputs: Sequence[InputCell]) -> dict[float, list[float]]:
    """Q of every trained machine at its own p0."""
    found: dict[float, list[float]] = {}
    for one in inputs:
        axes = one.axes
        trained = one.kind == EVALUATION and axes["machine_class"] == TRAINED and METRIC in one.metrics
        if trained and axes["pruning"] == axes["initial_dilution"]:
            found.setdefault(axes["initial_dilution"], []).append(one.metrics[METRIC])
    return dict(sorted(found.items()))


def _cautions(evidence: Evidence) -> Iterator[str]:
    replicas = evidence.num_replicas
    if replicas < FEW_REPLICAS:
        yield (
            f"There are {replicas} replicas of each machine: intervals are wide, and a paired test of one pair cannot "
            f"give p below {2.0 ** (1 - replicas):.2g}. The paper has 15."
        )
    yield "Q is the opinion of a classifier: look at the samples and at the other metrics beside it."
    yield "Intervals are over the replicas of this study; they do not know of the spacing of the pruning levels."
