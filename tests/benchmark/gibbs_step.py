"""Time of one Gibbs step: this project's CPU sampler, a plain torch loop, and the package `rbms` if it is installed.

    python -m tests.benchmark.gibbs_step MACHINE.safetensors ...
        [--chains 500] [--steps 20] [--repeats 15] [--clock wall|cpu] [--write]

All sample the same machine from the same states. Runs are interleaved, one of each in turn, so that a slow moment of
the host hits all of them; the ratio is taken within a turn. On a busy host use `--clock cpu` with OMP_NUM_THREADS=1 and
NUMBA_NUM_THREADS=1: it counts the time that the process really ran. `--write` puts the report into docs/benchmarks/.
"""

from __future__ import annotations

import argparse
import datetime
import importlib
import os
import platform
import statistics
import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch
from torch import Tensor

from worker.rbm.energy import hidden_probabilities, visible_probabilities
from worker.rbm.generation import generate
from worker.rbm.machine import Machine
from worker.rbm.machine_file import read_machine
from worker.rbm.sampling import prepare

OURS = "Dilution Lab"
FOLDER = Path("docs/benchmarks")
BURN_IN_STEPS = 200
CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}

Run = Callable[[Tensor, int], None]


def ours(machine: Machine) -> Run:
    """The CPU sampler; preparing the machine is part of the call."""
    generators = [torch.Generator().manual_seed(1)]
    return lambda states, steps: (prepare(machine).sample(states, steps, generators), None)[1]


def naive_torch(machine: Machine) -> Run:
    """Matrix product, sigmoid, `rand < p`, as one would write it."""

    def run(states: Tensor, steps: int) -> None:
        v = states
        for _ in range(steps):
            p = hidden_probabilities(machine, v)
            h = (torch.rand_like(p) < p).to(torch.uint8)
            p = visible_probabilities(machine, h)
            v = (torch.rand_like(p) < p).to(torch.uint8)

    return run


def rbms(machine: Machine) -> Run | None:
    """The package `rbms`, or None where it is not installed."""
    try:
        module = importlib.import_module("rbms.bernoulli_bernoulli.classes")
    except ImportError:
        return None
    model = module.BBRBM(machine.weight_matrix[0], machine.vbias[0], machine.hbias[0])
    ones = torch.ones

    def run(states: Tensor, steps: int) -> None:
        model.sample_state({"visible": states[0].float(), "weights": ones(states.shape[1])}, n_steps=steps)

    return run


def timed_turns(
    runs: dict[str, Run], states: Tensor, steps: int, repeats: int, clock: Callable[[], float]
) -> dict[str, list[float]]:
    """Milliseconds for one step of each run, one of each in turn, after one turn that is not counted."""
    times: dict[str, list[float]] = {name: [] for name in runs}
    for turn in range(repeats + 1):
        for name, run in runs.items():
            began = clock()
            run(states, steps)
            if turn:
                times[name].append((clock() - began) / steps * 1e3)
    return times


def rows_of(label: str, times: dict[str, list[float]]) -> list[str]:
    """Table rows: median time, and median and range of the ratio to ours within a turn."""
    rows = []
    for name, values in times.items():
        ratios = sorted(other / mine for other, mine in zip(values, times[OURS], strict=True))
        spread = f"{statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})"
        rows.append(f"| {label} | {name} | {statistics.median(values):.2f} | {min(values):.2f} | {spread} |")
    return rows


def hardware() -> str:
    """Processor, cores, memory and load, as far as the system tells."""
    cpu_info = Path("/proc/cpuinfo")
    lines = cpu_info.read_text().splitlines() if cpu_info.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    load = f"load average before the run {os.getloadavg()[0]:.2f}" if hasattr(os, "getloadavg") else ""
    return f"{names[0] if names else platform.processor()}, {os.cpu_count()} cores, {load}"


def versions() -> str:
    """Versions of what takes part."""
    found = [f"Python {platform.python_version()}"]
    for package in ("torch", "numba", "numpy", "rbms", "scikit-learn"):
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            found.append(f"{package} not installed")
    return ", ".join(found)


def thread_settings() -> str:
    """The variables that set the numbers of threads, as they stand before the command."""
    names = ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS")
    return "".join(f"{name}={os.environ[name]} " for name in names if name in os.environ)


def report(arguments: argparse.Namespace) -> str:
    """Run everything and put it into words."""
    head = [
        "# Time of one Gibbs step on the CPU",
        "",
        f"{datetime.date.today().isoformat()}. {hardware()}. {versions()}.",
        "",
        f"{arguments.chains} chains after {BURN_IN_STEPS} steps from random states; {arguments.steps} steps a run, "
        f"{arguments.repeats} interleaved turns, {arguments.clock} time, threads: {torch.get_num_threads()}. "
        "Ratio: their time / ours within a turn, median (least to greatest).",
        "",
        f"    {thread_settings()}python -m tests.benchmark.gibbs_step MACHINE.safetensors ... "
        f"--chains {arguments.chains} --steps {arguments.steps} --repeats {arguments.repeats} "
        f"--clock {arguments.clock} --write",
        "",
        "| machine | sampler | ms per step, median | least | ratio |",
        "| --- | --- | --- | --- | --- |",
    ]
    body: list[str] = []
    for path in arguments.machines:
        machine, _ = read_machine(path.read_bytes())
        states = generate(machine, arguments.chains, BURN_IN_STEPS, [torch.Generator().manual_seed(0)])
        candidates = {OURS: ours(machine), "torch, plain loop": naive_torch(machine), "rbms": rbms(machine)}
        runs = {name: run for name, run in candidates.items() if run is not None}
        body += rows_of(
            path.stem, timed_turns(runs, states, arguments.steps, arguments.repeats, CLOCKS[arguments.clock])
        )
    return "\n".join(head + body) + "\n"


def publish(text: str, name: str, *, write: bool) -> None:
    """Print a report; if asked to, write it as today's file of that name."""
    print(text)
    if write:
        FOLDER.mkdir(parents=True, exist_ok=True)
        (FOLDER / f"{datetime.date.today().isoformat()}-{name}.md").write_text(text, encoding="utf-8")


def main() -> None:
    """Parse, measure, print, and write if asked to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("machines", nargs="+", type=Path)
    for name, default in (("--chains", 500), ("--steps", 20), ("--repeats", 15)):
        parser.add_argument(name, type=int, default=default)
    parser.add_argument("--clock", choices=CLOCKS, default="wall")
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    publish(report(arguments), f"gibbs-step-{arguments.clock}", write=arguments.write)


if __name__ == "__main__":
    main()
