"""Time, memory and accuracy of the effective couplings of trained machines.

    python -m tests.benchmark.effective_couplings MACHINE.safetensors ... [--repeats 5] [--triples 1000]
        [--clock wall|cpu] [--write]

Each line of the first table is measured in a process of its own, so that its peak memory is its own. The second table
compares with plain quadrature (an average over X, one pair after the other) and with the exact average. On a busy host
use `--clock cpu` with OMP_NUM_THREADS=1. `--write` puts the report into docs/benchmarks/.
"""

from __future__ import annotations

import argparse
import datetime
import itertools
import multiprocessing
import os
import resource
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from torch import Tensor

from tests.benchmark.gibbs_step import CLOCKS, hardware, publish, versions
from tests.oracle import ising
from worker.rbm import couplings
from worker.rbm.machine import Machine, dilution
from worker.rbm.machine_file import read_machine

CHECKED_PAIRS = 20


def quantities(machine: Machine, num_triples: int) -> dict[str, Callable[[], Iterator[tuple[float, Tensor]]]]:
    """What is timed, by name; each gives its result in blocks."""
    order = torch.rand(num_triples, machine.num_visible, generator=torch.Generator().manual_seed(0)).argsort(dim=1)
    triples = order[:, :3].clone()
    return {
        "fields": lambda: iter([(1.0, couplings.effective_fields(machine))]),
        "pairs": lambda: couplings.two_body_couplings_in_blocks(machine),
        "pairs, exact average": lambda: couplings.two_body_couplings_in_blocks(machine, "exact"),
        f"{num_triples} triples": lambda: couplings.three_body_couplings_in_blocks(machine, triples),
    }


def timed(blocks: Callable[[], Iterator[tuple[float, Tensor]]], clock: Callable[[], float]) -> tuple[float, float]:
    """Seconds of the whole and of the longest block."""
    times = [clock()]
    times += [clock() for _ in blocks()]
    return times[-1] - times[0], max(later - before for before, later in itertools.pairwise(times))


def row_of(path: Path, name: str, repeats: int, num_triples: int, clock: str) -> str:
    """Median and longest time, longest block and peak memory, after one run that is not counted."""
    machine, _ = read_machine(path.read_bytes())
    blocks = quantities(machine, num_triples)[name]
    before = peak_memory()
    runs = [timed(blocks, CLOCKS[clock]) for _ in range(repeats + 1)][1:]
    seconds, longest = [run[0] for run in runs], max(run[1] for run in runs)
    return (
        f"| {path.stem} | {dilution(machine)[0]:.2f} | {name} | {statistics.median(seconds):.2f} | {max(seconds):.2f} "
        f"| {longest:.2f} | {peak_memory():.0f} | {before:.0f} |"
    )


def peak_memory() -> float:
    """MB of this process at its largest, as Linux counts."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def comparison_of(path: Path) -> str:
    """Distance from plain quadrature over some pairs, its time for all pairs, and what the Gaussian average costs."""
    machine, _ = read_machine(path.read_bytes())
    gaussian, exact = couplings.two_body_couplings(machine)[0], couplings.two_body_couplings(machine, "exact")[0]
    order = couplings.condensed(gaussian[None])[0].abs().argsort(descending=True)
    some = order[:: len(order) // CHECKED_PAIRS][:CHECKED_PAIRS]
    row, column = torch.triu_indices(machine.num_visible, machine.num_visible, offset=1)
    began = time.process_time()
    plain = [ising.integrated_coupling(machine, int(row[pair]), int(column[pair])) for pair in some]
    hours = (time.process_time() - began) / len(some) * len(order) / 3600
    errors = [abs(float(gaussian[row[pair], column[pair]]) - value) for pair, value in zip(some, plain, strict=True)]
    rms, cost = float(gaussian.square().mean().sqrt()), float((gaussian - exact).square().mean().sqrt())
    return (
        f"| {path.stem} | {rms:.4f} | {float(gaussian.abs().max()):.3f} | {max(errors):.0e} | {hours:.1f} h "
        f"| {100 * cost / rms:.2f} % | {float((gaussian - exact).abs().max()):.4f} |"
    )


def report(arguments: argparse.Namespace) -> str:
    """Run everything and put it into words."""
    threads = "".join(f"{name}={os.environ[name]} " for name in ("OMP_NUM_THREADS",) if name in os.environ)
    lines = [
        "# Effective couplings on the CPU",
        "",
        f"{datetime.date.today().isoformat()}. {hardware()}. {versions()}.",
        "",
        f"Threads: {torch.get_num_threads()}. {arguments.repeats} runs after one that is not counted, in "
        f"{arguments.clock} time.",
        "",
        f"    {threads}python -m tests.benchmark.effective_couplings MACHINE.safetensors ... "
        f"--repeats {arguments.repeats} --triples {arguments.triples} --clock {arguments.clock} --write",
        "",
        "| machine | dilution | what | seconds, median | longest | longest block | peak MB | of which before |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    names = list(quantities(read_machine(arguments.machines[0].read_bytes())[0], arguments.triples))
    with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
        for path in arguments.machines:
            for name in names:
                lines.append(pool.apply(row_of, (path, name, arguments.repeats, arguments.triples, arguments.clock)))
    lines += [
        "",
        f"Plain quadrature: {CHECKED_PAIRS} pairs from the strongest to the weakest; cpu time, extrapolated to all.",
        "",
        "| machine | rms of J | largest | error against plain quadrature | time of plain quadrature "
        "| rms of Gaussian - exact | largest |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    return "\n".join(lines + [comparison_of(path) for path in arguments.machines]) + "\n"


def main() -> None:
    """Parse, measure, print, and write if asked to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("machines", nargs="+", type=Path)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--triples", type=int, default=1000)
    parser.add_argument("--clock", choices=CLOCKS, default="wall")
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    publish(report(arguments), "effective-couplings", write=arguments.write)


if __name__ == "__main__":
    main()
