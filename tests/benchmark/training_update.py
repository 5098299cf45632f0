"""Time of one training update: ours, the packages `rbms` and `scikit-learn` (k = 1), and the bare Gibbs steps.

    python -m tests.benchmark.training_update MACHINE.safetensors ... [--gibbs-steps 1 10 100 1000]
        [--samples 500] [--repeats 9] [--clock wall|cpu] [--write]

All start from the same machine, the same chains and the same batch size, one update of each in turn, so that a slow
moment of the host hits all of them; ratios are taken within a turn. The limit of an update is its Gibbs steps alone, on
a machine that was prepared before. On a busy host use `--clock cpu` with OMP_NUM_THREADS=1 and NUMBA_NUM_THREADS=1.
`--write` puts the report into docs/benchmarks/.
"""

from __future__ import annotations

import argparse
import datetime
import importlib
import statistics
from collections.abc import Callable
from pathlib import Path

import torch

from tests.benchmark.gibbs_step import CLOCKS, hardware, publish, thread_settings, versions
from worker.datasets import load_dataset
from worker.rbm.generation import generate
from worker.rbm.machine import Machine
from worker.rbm.machine_file import read_machine
from worker.rbm.sampling import prepare
from worker.rbm.training import TrainingSchedule, start_training_from, train

OURS, LIMIT, RBMS, SCIKIT = "Dilution Lab", "Gibbs steps alone", "rbms", "scikit-learn"
BURN_IN_STEPS = 200
RATE = 1e-4
"""So small that the machine stays what it is, while everything that an update does is done."""
MOST_STEPS_OF_OTHERS = 100
"""With more Gibbs steps an update of the others is their Gibbs steps: see `tests.benchmark.gibbs_step`."""

Update = Callable[[], object]


def ours(machine: Machine, images: torch.Tensor, chains: torch.Tensor, gibbs_steps: int) -> Update:
    """An update as a study makes it."""
    samples = chains.shape[1]
    schedule = TrainingSchedule(
        gibbs_steps=gibbs_steps, num_updates=1, batch_size=samples, num_chains=samples, learning_rate=RATE
    )
    state = start_training_from(machine, images, schedule, [1])
    state.chains = chains.clone()
    return lambda: train(state, images, schedule, 1)


def gibbs_alone(machine: Machine, chains: torch.Tensor, gibbs_steps: int) -> Update:
    """The Gibbs steps of an update and nothing else: the least that an update can take."""
    prepared, generators = prepare(machine), [torch.Generator().manual_seed(1)]
    return lambda: prepared.sample(chains, gibbs_steps, generators)


def rbms(machine: Machine, images: torch.Tensor, chains: torch.Tensor, gibbs_steps: int) -> Update | None:
    """An update of its training loop, without the file that the loop writes; None where it is not installed."""
    try:
        classes = importlib.import_module("rbms.bernoulli_bernoulli.classes")
        fit_batch = importlib.import_module("rbms.training.pcd").fit_batch_pcd
    except ImportError:
        return None
    model = classes.BBRBM(machine.weight_matrix[0].clone(), machine.vbias[0].clone(), machine.hbias[0].clone())
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer = torch.optim.SGD(model.parameters(), lr=RATE, maximize=True)
    data, samples = images.float(), chains.shape[1]
    kept = {"chains": model.init_chains(samples, start_v=chains[0].float())}

    def update() -> None:
        rows = torch.randperm(len(data))[:samples]
        batch = data[rows], torch.ones(samples, 1)
        optimizer.zero_grad(set_to_none=False)
        kept["chains"], _ = fit_batch(batch, kept["chains"], model, gibbs_steps, beta=1.0, centered=False)
        optimizer.step()

    return torch.no_grad()(update)


def scikit(machine: Machine, images: torch.Tensor, chains: torch.Tensor) -> Update | None:
    """`BernoulliRBM.partial_fit` of one batch, which makes one Gibbs step; None where it is not installed."""
    try:
        classes = importlib.import_module("sklearn.neural_network")
    except ImportError:
        return None
    samples = chains.shape[1]
    data = images.double().numpy()
    model = classes.BernoulliRBM(machine.num_hidden, learning_rate=RATE, batch_size=samples, random_state=1)
    model.partial_fit(data[:samples])
    model.components_ = machine.weight_matrix[0].double().numpy().T.copy(order="F")
    model.intercept_hidden_ = machine.hbias[0].double().numpy().copy()
    model.intercept_visible_ = machine.vbias[0].double().numpy().copy()
    return lambda: model.partial_fit(data[torch.randint(len(data), (samples,)).numpy()])


def updates_of(machine: Machine, images: torch.Tensor, chains: torch.Tensor, gibbs_steps: int) -> dict[str, Update]:
    """Who takes part at that number of Gibbs steps."""
    found: dict[str, Update | None] = {
        OURS: ours(machine, images, chains, gibbs_steps),
        LIMIT: gibbs_alone(machine, chains, gibbs_steps),
    }
    if gibbs_steps <= MOST_STEPS_OF_OTHERS:
        found[RBMS] = rbms(machine, images, chains, gibbs_steps)
    if gibbs_steps == 1:
        found[SCIKIT] = scikit(machine, images, chains)
    return {name: update for name, update in found.items() if update is not None}


def timed(updates: dict[str, Update], repeats: int, clock: Callable[[], float]) -> dict[str, list[float]]:
    """Milliseconds of each update, one of each in turn, after one turn that is not counted."""
    times: dict[str, list[float]] = {name: [] for name in updates}
    for turn in range(repeats + 1):
        for name, update in updates.items():
            began = clock()
            update()
            if turn:
                times[name].append((clock() - began) * 1e3)
    return times


def spread(values: list[float], digits: int) -> str:
    """Median, least and greatest."""
    least, greatest = min(values), max(values)
    return f"{statistics.median(values):.{digits}f} ({least:.{digits}f} to {greatest:.{digits}f})"


def rows_of(label: str, gibbs_steps: int, times: dict[str, list[float]]) -> list[str]:
    """Table rows: times, their ratio to ours, and for ours what the update costs over its Gibbs steps."""
    rows = []
    for name, values in times.items():
        ratios = [other / mine for other, mine in zip(values, times[OURS], strict=True)]
        extra = [100 * (mine / bare - 1) for mine, bare in zip(times[OURS], times[LIMIT], strict=True)]
        over = f"{statistics.median(extra):.1f} %" if name == OURS else ""
        row = f"| {label} | {gibbs_steps} | {name} | {statistics.median(values):.2f} | {min(values):.2f} "
        rows.append(f"{row}| {spread(ratios, 2)} | {over} |")
    return rows


def report(arguments: argparse.Namespace) -> str:
    """Run everything and put it into words."""
    steps = " ".join(map(str, arguments.gibbs_steps))
    lines = [
        "# Time of one training update on the CPU",
        "",
        f"{datetime.date.today().isoformat()}. {hardware()}. {versions()}.",
        "",
        f"MNIST, {arguments.samples} images and {arguments.samples} chains, one replica, standard gradient; "
        f"{arguments.repeats} interleaved turns, {arguments.clock} time, threads: {torch.get_num_threads()}. Ratio: "
        "time / ours within a turn, median (least to greatest). Over its Gibbs steps: what our update takes more than "
        "the same Gibbs steps on a machine that was prepared before, median.",
        "",
        f"    {thread_settings()}python -m tests.benchmark.training_update MACHINE.safetensors ... --gibbs-steps "
        f"{steps} --samples {arguments.samples} --repeats {arguments.repeats} --clock {arguments.clock} --write",
        "",
        "| machine | k | what | ms, median | least | ratio | over its Gibbs steps |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    images = torch.from_numpy(load_dataset("mnist").train_images)
    for path in arguments.machines:
        machine, _ = read_machine(path.read_bytes())
        chains = generate(machine, arguments.samples, BURN_IN_STEPS, [torch.Generator().manual_seed(0)])
        for gibbs_steps in arguments.gibbs_steps:
            updates = updates_of(machine, images, chains, gibbs_steps)
            lines += rows_of(path.stem, gibbs_steps, timed(updates, arguments.repeats, CLOCKS[arguments.clock]))
    return "\n".join(lines) + "\n"


def main() -> None:
    """Parse, measure, print, and write if asked to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("machines", nargs="+", type=Path)
    parser.add_argument("--gibbs-steps", type=int, nargs="+", default=[1, 10, 100, 1000])
    parser.add_argument("--samples", type=int, default=500)
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--clock", choices=CLOCKS, default="wall")
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    publish(report(arguments), f"training-update-{arguments.clock}", write=arguments.write)


if __name__ == "__main__":
    main()
