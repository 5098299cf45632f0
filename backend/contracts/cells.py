"""The kinds of cell: a machine to be trained, an evaluation of a machine after pruning, an analysis of other cells."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from backend.contracts.identity import derive_seed
from backend.contracts.parameters import AnnealingParameters, GenerationParameters, TrainingParameters
from backend.contracts.plan import ANALYSIS, EVALUATION, MACHINE, CellPlan
from backend.contracts.work import USUAL_HIDDEN, work_of_evaluation, work_of_training

Axes = Mapping[str, float | int | str]
StartWeights = Literal["kept", "new", "initial"]


@dataclass(frozen=True)
class Start:
    """Where the training of a machine begins when it begins from another one, pruned.

    Attributes:
        machine: the machine cell that is pruned.
        pruning: total fraction of zero weights after that; the mask of the new training.
        pruning_rule: which weights go.
        weights: `kept`: those that survive; `new`: drawn anew on the mask; `initial`: those with which the very first
            machine of the line began.
    """

    machine: CellPlan
    pruning: float
    pruning_rule: str
    weights: StartWeights

    def parameters(self) -> dict[str, Any]:
        """What the worker needs and the identity holds."""
        own: dict[str, Any] = {
            "pruning": self.pruning, "pruning_rule": self.pruning_rule, "weights": self.weights,
        }  # fmt: skip
        return own | ({"initial": self._first()} if self.weights == "initial" else {})

    def _first(self) -> Mapping[str, Any]:
        parameters = self.machine.parameters
        known: Mapping[str, Any] | None = parameters.get("start", {}).get("initial")
        return known or {name: parameters[name] for name in ("initial_dilution", "seed")}


def machine_cell(
    *,
    dataset: str,
    dataset_digest: str,
    initial_dilution: float,
    training: TrainingParameters,
    seed: int,
    axes: Axes,
    start: Start | None = None,
) -> CellPlan:
    """The cell of one machine: trained from scratch at `initial_dilution`, or from another machine that was pruned.

    Args:
        initial_dilution: the fraction of zero weights during the training.
        start: where it begins, if not from scratch; its pruning is the `initial_dilution`.
    """
    own: dict[str, Any] = {"initial_dilution": initial_dilution, "seed": seed}
    if start is not None:
        own["start"] = start.parameters()
    return CellPlan(
        kind=MACHINE,
        parameters={"dataset": dataset, **own, "training": training.model_dump()},
        identity={**own, "training": training.model_dump(exclude_defaults=True)},
        dataset_digest=dataset_digest,
        parent=start.machine.id if start else None,
        axes=axes,
    )


def evaluation_cell(
    *,
    dataset: str,
    dataset_digest: str,
    machine_key: str,
    machine_seed: int,
    pruning: float,
    pruning_rule: str,
    generation: GenerationParameters,
    axes: Axes,
    num_hidden: int = USUAL_HIDDEN,
    judge: str = "",
    annealing: AnnealingParameters | None = None,
) -> CellPlan:
    """The cell that judges one machine, pruned to `pruning`, on samples drawn with `generation`.

    Args:
        machine_key: the machine's identity: its cell's id, or its artifact's digest if it was imported.
        machine_seed: seed from which the evaluation's own seed follows.
        num_hidden: hidden units of the machine, for the estimate of time only; changes no identity.
        judge: digest of the judge that is asked; empty for none.
        annealing: how the machine's log-likelihood is measured; None for not at all.
    """
    own = {
        "pruning": pruning,
        "pruning_rule": pruning_rule,
        "seed": derive_seed("evaluation", machine_seed, pruning_rule, pruning),
    }
    asked: dict[str, Any] = {"judge": judge} if judge else {}
    annealed = {} if annealing is None else {"annealing": annealing.model_dump()}
    if annealing is not None:
        asked["annealing"] = annealing.model_dump(exclude_defaults=True)
    return CellPlan(
        kind=EVALUATION,
        parameters={
            "dataset": dataset,
            **own,
            "judge": judge,
            "num_hidden": num_hidden,
            "generation": generation.model_dump(),
            **annealed,
        },
        identity={**own, **asked, "generation": generation.model_dump(exclude_defaults=True)},
        dataset_digest=dataset_digest,
        parent=machine_key,
        axes=axes,
    )


def analysis_cell(
    name: str,
    *,
    dataset: str,
    dataset_digest: str,
    parameters: Mapping[str, Any] | None = None,
    parent: str | None = None,
    inputs: Sequence[str] = (),
    work: float = 0.0,
    axes: Axes | None = None,
) -> CellPlan:
    """The cell of an analysis: what is read from a machine (`parent`) or from other cells (`inputs`).

    Args:
        name: the worker's file in `experiments/analyses`.
        work: what it costs, in chain steps; changes no identity.
    """
    own = {"analysis": name, **(parameters or {})}
    return CellPlan(
        kind=ANALYSIS,
        parameters={"dataset": dataset, **own, "work": work},
        identity=own,
        dataset_digest=dataset_digest,
        parent=parent,
        inputs=tuple(inputs),
        axes={"analysis": name, **(axes or {})},
    )


def work_of(cell: CellPlan) -> float:
    """What a cell costs, in chain steps; see `backend.contracts.work`."""
    if cell.kind == ANALYSIS:
        return float(cell.parameters["work"])
    if cell.kind == MACHINE:
        return work_of_training(cell.parameters["training"], new=cell.parent is None)
    return work_of_evaluation(cell.parameters)
