"""Train machines: all cells of the job as one batch of replicas.

Source: paper, sections 2 and 3.
"""

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib.metadata import version
from typing import Any

import torch

from backend.contracts.identity import canonical_json, derive_seed
from backend.contracts.work import record_updates, work_of_training
from backend.storage.repositories.cells import any_axes
from backend.storage.repositories.jobs import ClaimedCell, MachineRecord, MetricValue
from worker.datasets import Dataset, load_dataset
from worker.experiments.measuring import recorded
from worker.experiments.run import ExperimentFailed, Run
from worker.experiments.starts import begin
from worker.rbm.checkpoint import read_checkpoint, write_checkpoint
from worker.rbm.machine_file import write_machine
from worker.rbm.metrics import MetricInputs, evaluate
from worker.rbm.training import TrainingSchedule, TrainingState, train
from worker.rbm.training.state import LARGEST_PARAMETER

KIND = "train"
BLOCK_SECONDS = 0.3
RECORD_IMAGES = 1000
METRIC = "pseudo_log_likelihood"


def run(run: Run) -> None:
    """Train every machine of the job, record its likelihood while it learns, and store it.

    Raises:
        ExperimentFailed: every machine diverged. If only some did, their cells fail and the others go on.
    """
    cells = run.fillable()
    if all(cell.done for cell in cells):
        return
    batch = Batch.of(cells, run.device)
    state = batch.begin(run)
    for stage in batch.advance(state):
        work = batch.work(state)
        run.block(work, stage, lambda: write_checkpoint(state))
        if state.num_updates_done in batch.record_at:
            _record(run, batch, state)
    run.settle()  # a machine's row is complete only with its whole history
    _store(run, batch, state)


@dataclass(frozen=True)
class Batch:
    """The machines of one job: they share data and schedule and differ by p0 and seed.

    Attributes:
        whole_work: what all their updates cost, in chain steps.
    """

    cells: tuple[ClaimedCell, ...]
    dataset: Dataset
    images: torch.Tensor
    schedule: TrainingSchedule
    num_hidden: int
    device: str
    record_at: frozenset[int]
    whole_work: float

    @classmethod
    def of(cls, cells: tuple[ClaimedCell, ...], device: str) -> "Batch":
        """Read what the cells have in common. Raises `ValueError` if they do not share data set and schedule."""
        first = cells[0].parameters
        if any(
            (cell.parameters["dataset"], cell.parameters["training"]) != (first["dataset"], first["training"])
            for cell in cells
        ):
            raise ValueError("the cells of a training job must share data set and training parameters")
        training = dict(first["training"])
        num_hidden = training.pop("num_hidden")
        schedule = TrainingSchedule(**training)
        dataset = load_dataset(first["dataset"])
        if dataset.digest != cells[0].dataset_digest:
            raise ExperimentFailed(
                f"data set {dataset.name} has digest {dataset.digest[:12]} here, the study asks for "
                f"{cells[0].dataset_digest[:12]}: submit the study again with this version"
            )
        return cls(
            cells,
            dataset,
            torch.from_numpy(dataset.train_images),
            schedule,
            num_hidden,
            device,
            record_updates(schedule.num_updates),
            sum(work_of_training(first["training"], new=cell.parent is None) for cell in cells),
        )

    def begin(self, run: Run) -> TrainingState:
        """The state of the last checkpoint, or of update 0."""
        saved = run.read_checkpoint()
        state = None if saved is None else self._resumed(run, saved)
        if state is not None:
            run.log(f"Attempt {run.claim.attempt}: going on from update {state.num_updates_done:,}.")
            return state
        run.log(f"Attempt {run.claim.attempt}: training {len(self.cells)} machines on {run.device}.")
        return begin(run, self.cells, self.images, self.schedule, self.num_hidden)

    def _resumed(self, run: Run, saved: bytes) -> TrainingState | None:
        try:
            state = read_checkpoint(saved, self.device)
            train(state, self.images, self.schedule, 0)  # refuses a checkpoint of another run
        except ValueError as error:
            run.log(f"The checkpoint cannot be used, the job begins anew: {error}", "warning")
            return None
        return state

    def advance(self, state: TrainingState) -> Iterator[str]:
        """Train in blocks of about `BLOCK_SECONDS`; after each, what is being done in words.

        Blocks end where the likelihood is recorded. How the run is cut does not change its bits.
        """
        seconds_per_update, images = BLOCK_SECONDS, self.images.to(state.machine.device)
        while state.num_updates_done < self.schedule.num_updates:
            yield f"update {state.num_updates_done:,} of {self.schedule.num_updates:,}"
            upcoming = min(update for update in self.record_at if update > state.num_updates_done)
            affordable = max(1, int(BLOCK_SECONDS / seconds_per_update))
            num_updates = min(affordable, upcoming - state.num_updates_done)
            begun = time.perf_counter()
            train(state, images, self.schedule, num_updates)
            seconds_per_update = max(1e-6, (time.perf_counter() - begun) / num_updates)
        yield "storing machines"

    def work(self, state: TrainingState) -> float:
        """What is done so far, in chain steps."""
        return self.whole_work * state.num_updates_done / self.schedule.num_updates


def _record(run: Run, batch: Batch, state: TrainingState) -> None:
    """Write the pseudo-log-likelihood of training and test images.

    It draws from generators of its own, which do not touch the training, and the same bits at every update, so that a
    curve shows the machine's change and not the noise of the draw.
    """
    update = state.num_updates_done
    images = {
        METRIC: batch.images[:RECORD_IMAGES],
        f"{METRIC}_test": torch.from_numpy(batch.dataset.test_images[:RECORD_IMAGES]),
    }
    values: dict[str, list[MetricValue]] = {}
    for name, held in images.items():
        seeds = [derive_seed(name, cell.parameters["seed"]) for cell in batch.cells]
        inputs = MetricInputs(
            images=held,
            machine=state.machine,
            generators=[torch.Generator().manual_seed(seed) for seed in seeds],
        )
        estimate = evaluate(METRIC, inputs)[METRIC]
        for index, cell in enumerate(batch.cells):
            # On the way to divergence a value is not finite.
            if not cell.done and not state.diverged[index] and math.isfinite(estimate.value[index]):
                found = replace(recorded(estimate, index, name, len(held)), update=update)
                values.setdefault(cell.id, []).append(found)
    run.record_metrics(values)


def _store(run: Run, batch: Batch, state: TrainingState) -> None:
    reasons = {
        cell.id: _divergence(cell, update) for cell, update in zip(batch.cells, state.diverged_at.tolist(), strict=True)
    }
    if all(reasons.values()):
        raise ExperimentFailed(f"every machine diverged; the first: {next(iter(reasons.values()))}")
    for index, cell in enumerate(batch.cells):
        reason = reasons[cell.id]
        if reason is not None:
            run.log(reason, "warning")
            run.fail_cell(cell.id, reason)
        elif not cell.done:
            _store_machine(run, batch, state, index, cell)


def _divergence(cell: ClaimedCell, update: int) -> str | None:
    if update < 0:
        return None
    training = cell.parameters["training"]
    return (
        f"the machine with p0 = {cell.parameters['initial_dilution']:g} and seed {cell.parameters['seed']} diverged at "
        f"update {update:,} of {training['num_updates']:,}: a parameter was not finite or above {LARGEST_PARAMETER:g} "
        f"in magnitude; lower the learning rate, now {training['learning_rate']:g}"
    )


def _store_machine(run: Run, batch: Batch, state: TrainingState, index: int, cell: ClaimedCell) -> None:
    provenance = {
        "code_version": version("dilution-lab"),
        "torch_version": torch.__version__,
        "device": batch.device,
        "dataset_digest": cell.dataset_digest,
        "cell_id": cell.id,
        **({"parent": cell.parent} if cell.parent else {}),
    }
    machine = state.machine.replica(index).to("cpu")
    initial_dilution = cell.parameters["initial_dilution"]
    data = write_machine(machine, _texts({**cell.parameters, **provenance}))
    record = MachineRecord(
        name=_name(run, cell),
        artifact=run.store(data, "machine"),
        initial_dilution=initial_dilution,
        num_visible=machine.num_visible,
        num_hidden=machine.num_hidden,
        parameters=cell.parameters,
        provenance=provenance,
    )
    run.complete_cell(cell.id, machine=record)


def _name(run: Run, cell: ClaimedCell) -> str:
    """What a person reads: p0, what became of it, and the replica's number in the study that asked first."""
    with run.database.read() as session:
        axes = any_axes(session, cell.id)
    own = f"replica {axes['replica']}" if "replica" in axes else f"machine {cell.id[:6]}"
    if "pruned_to" not in axes:
        return f"p0 = {cell.parameters['initial_dilution']:g}, {own}"
    kind = str(axes["machine_class"]).replace("_", " ")
    return f"p0 = {axes['initial_dilution']:g}, pruned to {axes['pruned_to']:g}, {kind}, {own}"


def _texts(values: dict[str, Any]) -> dict[str, str]:
    return {name: canonical_json(value) if isinstance(value, dict) else str(value) for name, value in values.items()}
