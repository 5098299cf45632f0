"""Time of one Gibbs step on a GPU: this project's sampler, a plain torch loop, and `rbms` if installed.

    python -m tests.benchmark.gibbs_step_gpu
        [--replicas 1 5 15 30] [--chains 500] [--steps 100] [--repeats 7] [--tiles 128,128,64,8,3] [--write]

Microseconds for one replica and one step (both layers) of 784 x 400 units, then updates of training. Calls are
interleaved and timed by the device's own events, host work included; each call is `steps` steps. The limit is the time
that the same number of multiplications takes in the fastest float16 product of torch that was measured in the same run.
`--tiles` tries another cut of the work: chains, units, inputs, warps, stages.
"""

from __future__ import annotations

import argparse
import datetime
import statistics
import sys
from collections.abc import Callable

import torch

from tests.benchmark.gibbs_step import naive_torch, publish, rbms, versions
from worker.datasets import load_dataset
from worker.rbm.machine import Machine
from worker.rbm.sampling import prepare, random_chains
from worker.rbm.sampling.fused import FusedMachine, why_not
from worker.rbm.sampling.gpu.tiles import Tiles
from worker.rbm.training import TrainingSchedule, start_training, train

NUM_VISIBLE, NUM_HIDDEN = 784, 400

Call = Callable[[], object]


def machines(num_replicas: int, device: torch.device) -> Machine:
    """Machines with the weights' size of trained ones; the time does not depend on the values."""
    generator = torch.Generator().manual_seed(1)
    shape = (num_replicas, NUM_VISIBLE, NUM_HIDDEN)
    weights = torch.randn(shape, generator=generator) * 0.1
    mask = torch.ones(shape, dtype=torch.bool)
    return Machine(weights, torch.zeros(shape[:2]), torch.zeros(num_replicas, NUM_HIDDEN), mask).to(device)


def interleaved(calls: dict[str, Call], repeats: int) -> dict[str, float]:
    """Median milliseconds of each call, one of each in turn, after two turns that are not counted."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    for turn in range(repeats + 2):
        for name, call in calls.items():
            began, ended = (torch.cuda.Event(enable_timing=True) for _ in range(2))
            torch.cuda.synchronize()
            began.record()
            call()
            ended.record()
            ended.synchronize()
            if turn > 1:
                times[name].append(began.elapsed_time(ended))
    return {name: statistics.median(values) for name, values in times.items()}


def product_rate(device: torch.device, repeats: int) -> float:
    """Multiplications and additions in a millisecond of torch's float16 product of two 8192 x 8192 matrices."""
    size = 8192
    left, right = (torch.randn(size, size, dtype=torch.float16, device=device) for _ in range(2))
    return 2 * size**3 / interleaved({"product": lambda: left @ right}, repeats)["product"]


def calls_for(machine: Machine, arguments: argparse.Namespace, tiles: Tiles) -> dict[str, Call]:
    """One call of each sampler; our machine is prepared anew in each, as in training."""
    replicas, steps = machine.num_replicas, arguments.steps
    generators = [torch.Generator().manual_seed(index) for index in range(replicas)]
    states = random_chains(arguments.chains, NUM_VISIBLE, generators).to(machine.device)

    plain = naive_torch(machine)
    calls: dict[str, Call] = {
        "ours": lambda: FusedMachine(machine, tiles=tiles).sample(states, steps, generators),
        "torch, plain loop": lambda: plain(states, steps),
    }
    package = rbms(machine) if replicas == 1 else None
    if package is not None:
        calls["rbms"] = lambda: package(states, steps)
    return calls


def training_row(num_replicas: int, steps: int, chains: int, repeats: int, device: torch.device) -> str:
    """One update and its Gibbs steps alone, in turn."""
    images = torch.from_numpy(load_dataset("mnist").train_images)
    schedule = TrainingSchedule(
        gibbs_steps=steps, num_updates=10_000, batch_size=chains, num_chains=chains, learning_rate=1e-3
    )
    seeds = list(range(num_replicas))
    state = start_training(images, schedule, NUM_HIDDEN, [0.0] * num_replicas, seeds, device=device)
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    prepared, start, resident = prepare(state.machine), state.chains.clone(), images.to(device)
    updates = max(5, 1000 // steps)

    def alone() -> None:
        for _ in range(updates):
            prepared.sample(start, steps, generators)

    times = interleaved({"update": lambda: train(state, resident, schedule, updates), "alone": alone}, repeats)
    whole, gibbs = times["update"] / updates, times["alone"] / updates
    return f"| {num_replicas} | {steps:,} | {whole:.3f} | {gibbs:.3f} | {100 * (whole / gibbs - 1):.1f} % |"


def report(arguments: argparse.Namespace, device: torch.device) -> str:
    """Run everything and put it into words."""
    tiles = Tiles(*(int(size) for size in arguments.tiles.split(",")))
    rate = product_rate(device, arguments.repeats)
    operations = 2 * 2 * arguments.chains * NUM_VISIBLE * NUM_HIDDEN
    head = [
        "# Time of one Gibbs step on a GPU",
        "",
        f"{datetime.date.today().isoformat()}. {torch.cuda.get_device_name(device)}. {versions()}.",
        "",
        f"{arguments.chains} chains of {NUM_VISIBLE} x {NUM_HIDDEN} units, {arguments.steps} steps a call, the "
        f"machine's preparation included, median of {arguments.repeats} interleaved calls, {tiles}. Torch's "
        f"float16 product reaches {rate / 1e9:.0f} TFLOPS here: the limit is {operations / rate * 1e3:.2f} us for each "
        "replica and step.",
        "",
        "| replicas | sampler | us per replica and step |",
        "| --- | --- | --- |",
    ]
    body = []
    for replicas in arguments.replicas:
        times = interleaved(calls_for(machines(replicas, device), arguments, tiles), arguments.repeats)
        per_step = arguments.steps * replicas
        body += [f"| {replicas} | {name} | {time / per_step * 1e3:.2f} |" for name, time in times.items()]
    training = [
        "",
        f"Training, {arguments.chains} chains and images; milliseconds of an update of all replicas, and of its Gibbs "
        "steps alone.",
        "",
        "| replicas | Gibbs steps | update, ms | Gibbs steps alone, ms | more |",
        "| --- | --- | --- | --- | --- |",
        *(
            training_row(replicas, steps, arguments.chains, arguments.repeats, device)
            for replicas in (1, 15)
            for steps in (10, 100, 1000)
        ),
    ]
    return "\n".join(head + body + training) + "\n"


def main() -> None:
    """Parse, measure, print, and write if asked to; without a device say so and stop."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--replicas", nargs="+", type=int, default=[1, 5, 15, 30])
    for name, default in (("--chains", 500), ("--steps", 100), ("--repeats", 7)):
        parser.add_argument(name, type=int, default=default)
    parser.add_argument("--tiles", default="128,128,64,8,3")
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    if not torch.cuda.is_available():
        sys.exit("no CUDA device: nothing was measured")
    device = torch.device("cuda")
    reason = why_not(device)
    if reason is not None:
        sys.exit(f"the GPU sampler does not run here: {reason}")
    publish(report(arguments, device), "gibbs-step-gpu", write=arguments.write)


if __name__ == "__main__":
    main()
