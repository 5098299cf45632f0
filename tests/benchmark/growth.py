"""How the time of a training update grows with replicas, chains, hidden units and Gibbs steps.

    python -m tests.benchmark.growth [--device cpu] [--repeats 3] [--clock wall|cpu] [--most-seconds 20] [--write]

One quantity changes at a time, from 784 x 400 units, 1 replica, 500 chains and a batch of 500, k = 10. The weights are
those of a trained machine of the zoo, and for other numbers of hidden units its columns repeated or cut, so that units
flip about as often as in a trained machine. A row that would take longer than `--most-seconds` for one update, going by
the row before, is left out and says so. `--write` puts the report into docs/benchmarks/.
"""

from __future__ import annotations

import argparse
import datetime
import statistics
from pathlib import Path

import torch

from tests.benchmark.gibbs_step import CLOCKS, hardware, publish, thread_settings, versions
from worker.datasets import load_dataset
from worker.rbm.generation import generate
from worker.rbm.machine import Machine
from worker.rbm.machine_file import read_machine
from worker.rbm.training import TrainingSchedule, TrainingState, start_training_from, train

MACHINE = Path("models_store/zoo/paper-schedule-p0-00.safetensors")
USUAL = {"replicas": 1, "chains": 500, "hidden": 400, "k": 10}
VALUES = {
    "replicas": (1, 3, 10, 30, 90),
    "chains": (100, 300, 1000, 3000, 10_000),
    "hidden": (100, 200, 400, 1000, 2000, 4000),
    "k": (1, 10, 100, 1000),
}
BURN_IN_STEPS = 50


def machine_of(trained: Machine, replicas: int, hidden: int) -> Machine:
    """The trained machine with that many hidden units: its columns cut or repeated, then scaled to the same sums."""
    columns = torch.arange(hidden) % trained.num_hidden
    scale = min(1.0, trained.num_hidden / hidden)
    weights = trained.weight_matrix[:, :, columns] * scale
    return Machine(
        weights.repeat(replicas, 1, 1),
        trained.vbias.repeat(replicas, 1),
        trained.hbias[:, columns].repeat(replicas, 1),
        trained.mask[:, :, columns].repeat(replicas, 1, 1),
    )


def begun(
    trained: Machine, images: torch.Tensor, sizes: dict[str, int], device: str
) -> tuple[TrainingState, TrainingSchedule]:
    """A run in the middle, its chains settled."""
    machine = machine_of(trained, sizes["replicas"], sizes["hidden"])
    schedule = TrainingSchedule(
        gibbs_steps=sizes["k"], num_updates=1, batch_size=500, num_chains=sizes["chains"], learning_rate=1e-4
    )
    state = start_training_from(machine.to(device), images, schedule, list(range(sizes["replicas"])))
    settled = generate(machine_of(trained, 1, sizes["hidden"]), min(500, sizes["chains"]), BURN_IN_STEPS, [generator()])
    rows = torch.arange(sizes["chains"]) % settled.shape[1]
    state.chains = settled[:, rows].repeat(sizes["replicas"], 1, 1).to(device)
    return state, schedule


def generator() -> torch.Generator:
    """The same numbers every time."""
    return torch.Generator().manual_seed(0)


def seconds_of_update(
    trained: Machine, images: torch.Tensor, sizes: dict[str, int], arguments: argparse.Namespace
) -> list[float]:
    """Seconds of each update after one that is not counted."""
    state, schedule = begun(trained, images, sizes, arguments.device)
    images = images.to(arguments.device)
    clock, times = CLOCKS[arguments.clock], []
    for _ in range(arguments.repeats + 1):
        start = clock()
        train(state, images, schedule, 1)
        times.append(clock() - start)
    return times[1:]


def rows_of(name: str, trained: Machine, images: torch.Tensor, arguments: argparse.Namespace) -> list[str]:
    """The table of one quantity."""
    rows, before = [], (0, 0.0)
    for value in VALUES[name]:
        expected = before[1] * value / before[0] if before[0] else 0.0
        if expected > arguments.most_seconds:
            rows.append(f"| {name} | {value:,} | left out: about {expected:.0f} s an update | | |")
            continue
        sizes = {**USUAL, name: value}
        times = seconds_of_update(trained, images, sizes, arguments)
        seconds = statistics.median(times)
        steps = sizes["replicas"] * sizes["chains"] * sizes["k"]
        rows.append(
            f"| {name} | {value:,} | {1e3 * seconds:.2f} | {1e3 * min(times):.2f} | {1e6 * seconds / steps:.3g} |"
        )
        before = value, seconds
    return rows


def device_name(device: str) -> str:
    """What the updates run on."""
    return torch.cuda.get_device_name(device) if device == "cuda" else hardware()


def report(arguments: argparse.Namespace) -> str:
    """Run everything and put it into words."""
    trained, _ = read_machine(MACHINE.read_bytes())
    images = torch.from_numpy(load_dataset("mnist").train_images)
    lines = [
        f"# Growth of a training update, {arguments.device}",
        "",
        f"{datetime.date.today().isoformat()}. {device_name(arguments.device)}. {versions()}.",
        "",
        f"From {USUAL['replicas']} replica, {USUAL['chains']} chains, {USUAL['hidden']} hidden units and "
        f"k = {USUAL['k']} one quantity at a time; batch 500; {arguments.repeats} updates after one "
        f"that is not counted, {arguments.clock} time, threads: {torch.get_num_threads()}.",
        "",
        f"    {thread_settings()}python -m tests.benchmark.growth --device {arguments.device} "
        f"--repeats {arguments.repeats} --clock {arguments.clock} --most-seconds {arguments.most_seconds:g} --write",
        "",
        "| quantity | value | ms an update, median | least | us a chain step |",
        "| --- | --- | --- | --- | --- |",
    ]
    for name in VALUES:
        lines += rows_of(name, trained, images, arguments)
    return "\n".join(lines) + "\n"


def main() -> None:
    """Parse, measure, print, and write if asked to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--clock", choices=CLOCKS, default="wall")
    parser.add_argument("--most-seconds", type=float, default=20.0)
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    publish(report(arguments), f"growth-{arguments.device}-{arguments.clock}", write=arguments.write)


if __name__ == "__main__":
    main()
