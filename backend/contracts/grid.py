"""Building a study's grid: machines, their evaluations and what is read from them, each cell once."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from backend.contracts.catalogue import catalogue
from backend.contracts.cells import Start, StartWeights, analysis_cell, evaluation_cell, machine_cell, work_of
from backend.contracts.identity import derive_seed
from backend.contracts.packing import packed
from backend.contracts.parameters import GenerationParameters, LikelihoodParameters, TrainingParameters
from backend.contracts.plan import CellPlan, JobPlan, StudyPlan

# Classes of machines.
TRAINED = "trained"  # from scratch at p0
FROZEN = "frozen"  # trained, pruned to p, and left as it is
RETRAINED = "retrained"  # trained, pruned to p, and trained again from the weights that survived
SAME_MASK = "same_mask"  # trained from new weights on the mask of a frozen machine
REFERENCE = "reference"  # trained from scratch at p0 = p: beside the others, what a trained machine is called
ITERATIVE = "iterative"  # pruned and trained again, step by step
SECOND_SCHEDULE = "second_schedule"  # from scratch at p0, by the second of two schedules
REWOUND = "rewound"  # the same, with the first weights back at each step


class GridParameters(Protocol):
    """What every study of machines is asked for."""

    @property
    def dataset(self) -> str: ...  # noqa: D102
    @property
    def num_replicas(self) -> int: ...  # noqa: D102
    @property
    def pruning_rule(self) -> str: ...  # noqa: D102
    @property
    def training(self) -> TrainingParameters: ...  # noqa: D102
    @property
    def generation(self) -> GenerationParameters: ...  # noqa: D102
    @property
    def likelihood(self) -> LikelihoodParameters: ...  # noqa: D102
    @property
    def judge(self) -> str: ...  # noqa: D102
    @property
    def seed(self) -> int: ...  # noqa: D102


@dataclass
class _Batch:
    """Machines that are trained together, and the evaluations that follow."""

    name: str
    machines: list[CellPlan]
    evaluations: dict[str, CellPlan] = field(default_factory=dict)


class Grid:
    """Collects the cells of a study in the order in which they are to be computed.

    Asking twice for the same machines gives the same cells; their evaluations at several lists of levels are joined.
    """

    def __init__(self, parameters: GridParameters) -> None:
        self._given = parameters
        self._digest = catalogue().dataset(parameters.dataset).digest
        self._judge = catalogue().judge_digest(parameters.judge)
        self._batches: dict[tuple[Any, ...], _Batch] = {}
        self._analyses: dict[str, list[CellPlan]] = {}

    def machines(
        self, initial_dilution: float, training: TrainingParameters | None = None, kind: str = TRAINED
    ) -> Sequence[CellPlan]:
        """The replicas that are trained from scratch at p0; the same in every study with the same seed.

        Args:
            training: another schedule than the study's own.
            kind: class of the machines.
        """
        key = (kind, initial_dilution)
        if key not in self._batches:
            cells = [
                self._machine(
                    kind,
                    initial_dilution,
                    derive_seed("machine", self._given.seed, initial_dilution, replica),
                    {"initial_dilution": initial_dilution, "replica": replica},
                    training=training,
                )
                for replica in range(self._given.num_replicas)
            ]
            name = f"p0 = {initial_dilution:g}" + ("" if kind == TRAINED else f", {kind.replace('_', ' ')}")
            self._batches[key] = _Batch(name, cells)
        return self._batches[key].machines

    def descendants(
        self, machines: Sequence[CellPlan], kind: str, pruning: float, weights: StartWeights
    ) -> Sequence[CellPlan]:
        """For each of the machines one that is trained from it, pruned to `pruning`.

        Args:
            kind: class of the new machines.
            weights: with which weights they begin (see `Start`).
        """
        first = machines[0].axes["initial_dilution"]
        key = (kind, first, machines[0].axes.get("pruned_to"), pruning)
        if key not in self._batches:
            cells = [self._descendant(machine, kind, pruning, weights) for machine in machines]
            name = f"p0 = {first:g}, pruned to {pruning:g}, {kind.replace('_', ' ')}"
            self._batches[key] = _Batch(name, cells)
        return self._batches[key].machines

    def evaluations(self, machines: Sequence[CellPlan], levels: Iterable[float]) -> Sequence[CellPlan]:
        """The evaluations of machines at their own dilution and at every level above it, machine by machine."""
        batch = next(batch for batch in self._batches.values() if batch.machines is machines)
        cells = [
            self._evaluation(machine, level)
            for machine in machines
            for level in levels_from(machine.parameters["initial_dilution"], levels)
        ]
        batch.evaluations |= {cell.id: cell for cell in cells}
        return cells

    def analysis(
        self,
        name: str,
        title: str,
        *,
        inputs: Sequence[CellPlan],
        parameters: Mapping[str, Any] | None = None,
        work: float = 0.0,
    ) -> CellPlan:
        """An analysis of cells, as a job of its own. Most take a second or so: no work is counted for them."""
        cell = analysis_cell(
            name,
            dataset=self._given.dataset,
            dataset_digest=self._digest,
            parameters=parameters,
            inputs=[one.id for one in inputs],
            work=work,
        )
        self._analyses[title] = [cell]
        return cell

    def analysis_of_each(
        self,
        name: str,
        title: str,
        machines: Sequence[CellPlan],
        *,
        parameters: Mapping[str, Any] | None = None,
        work: float = 0.0,
        axes: Mapping[str, Any] | None = None,
    ) -> Sequence[CellPlan]:
        """An analysis of each of the machines, in one job."""
        cells = [
            analysis_cell(
                name,
                dataset=self._given.dataset,
                dataset_digest=self._digest,
                parameters=parameters,
                parent=machine.id,
                work=work,
                axes={**machine.axes, **(axes or {})},
            )
            for machine in machines
        ]
        self._analyses[title] = cells
        return cells

    def plan(self) -> StudyPlan:
        """All cells and jobs: for each batch, or part that fits into a job, one that trains it and one that judges it.

        The analyses come last.
        """
        cells: list[CellPlan] = []
        jobs: list[JobPlan] = []
        for batch in self._batches.values():
            evaluations = _by_machine(batch)
            cells += [*batch.machines, *evaluations]
            parts = packed(batch.machines)
            for number, machines in enumerate(parts, start=1):
                name = batch.name + (f", part {number} of {len(parts)}" if len(parts) > 1 else "")
                jobs.append(_job("train", f"Train {name}", machines))
                own = {machine.id for machine in machines}
                judged = [cell for cell in evaluations if cell.parent in own]
                if judged:
                    jobs.append(_job("evaluate", f"Prune and judge {name}", judged))
        for title, analyses in self._analyses.items():
            cells += analyses
            jobs.append(_job("analyse", title, analyses))
        return StudyPlan(tuple(cells), tuple(jobs))

    def _machine(
        self,
        kind: str,
        initial_dilution: float,
        seed: int,
        axes: Mapping[str, Any],
        *,
        start: Start | None = None,
        training: TrainingParameters | None = None,
    ) -> CellPlan:
        return machine_cell(
            dataset=self._given.dataset,
            dataset_digest=self._digest,
            initial_dilution=initial_dilution,
            training=training or self._given.training,
            seed=seed,
            axes={"machine_class": kind, **axes},
            start=start,
        )

    def _descendant(self, machine: CellPlan, kind: str, pruning: float, weights: StartWeights) -> CellPlan:
        start = Start(machine, pruning, self._given.pruning_rule, weights)
        axes = {name: machine.axes[name] for name in ("initial_dilution", "replica")}
        seed = derive_seed(kind, machine.parameters["seed"], self._given.pruning_rule, pruning)
        return self._machine(kind, pruning, seed, {**axes, "pruned_to": pruning}, start=start)

    def _evaluation(self, machine: CellPlan, level: float) -> CellPlan:
        return evaluation_cell(
            dataset=self._given.dataset,
            dataset_digest=self._digest,
            machine_key=machine.id,
            machine_seed=machine.parameters["seed"],
            pruning=level,
            pruning_rule=self._given.pruning_rule,
            generation=self._given.generation,
            num_hidden=machine.parameters["training"]["num_hidden"],
            judge=self._judge,
            annealing=self._given.likelihood.at(own=level == machine.parameters["initial_dilution"]),
            axes={**machine.axes, "pruning": level},
        )


def levels_from(initial_dilution: float, levels: Iterable[float]) -> tuple[float, ...]:
    """The levels at which a machine is judged, ascending: its own dilution, then every level above it."""
    return (initial_dilution, *sorted({level for level in levels if level > initial_dilution}))


def _by_machine(batch: _Batch) -> list[CellPlan]:
    order = {machine.id: place for place, machine in enumerate(batch.machines)}
    return sorted(batch.evaluations.values(), key=lambda cell: (order[cell.parent or ""], cell.parameters["pruning"]))


def _job(kind: str, title: str, cells: Sequence[CellPlan]) -> JobPlan:
    return JobPlan(kind=kind, title=title, cells=tuple(cell.id for cell in cells), work=sum(map(work_of, cells)))
