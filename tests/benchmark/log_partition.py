"""Time and memory of annealed importance sampling, and log Z and log-likelihood of trained machines.

    python -m tests.benchmark.log_partition MACHINE.safetensors ... [--temperatures 10000] [--chains 100]
        [--clock wall|cpu] [--write]

Each machine is measured in a process of its own, so that its peak memory is its own. On a busy host use `--clock cpu`
with OMP_NUM_THREADS=1. `--write` puts the report into docs/benchmarks/.
"""

from __future__ import annotations

import argparse
import datetime
import itertools
import multiprocessing
import os
import resource
from pathlib import Path

import torch

from tests.benchmark.gibbs_step import CLOCKS, hardware, publish, versions
from worker.datasets import load_dataset
from worker.rbm.likelihood import anneal_in_blocks, base_rates, inverse_temperatures, summarise
from worker.rbm.likelihood.path import log_base_partition
from worker.rbm.machine import dilution
from worker.rbm.machine_file import read_machine
from worker.rbm.metrics import Estimate, MetricInputs, evaluate

MOST_IMAGES = 10_000


def row_of(path: Path, temperatures: int, chains: int, clock: str) -> str:
    """Log Z, log-likelihoods, time of the chains, longest block and peak memory of one machine."""
    machine, _ = read_machine(path.read_bytes())
    dataset = load_dataset("mnist")
    train, test = torch.from_numpy(dataset.train_images), torch.from_numpy(dataset.test_images)
    base = base_rates(train)
    before = peak_memory()
    weights, times = torch.empty(0), [CLOCKS[clock]()]
    generator = torch.Generator().manual_seed(1)
    for _, log_weights in anneal_in_blocks(machine, base, inverse_temperatures(temperatures), chains, [generator]):
        times.append(CLOCKS[clock]())
        weights = log_weights
    memory = peak_memory() - before
    partition = summarise(weights, log_base_partition(base, machine.num_hidden))
    order = torch.randperm(len(train), generator=torch.Generator().manual_seed(1))[:MOST_IMAGES]
    found = [
        evaluate(
            "log_likelihood",
            MetricInputs(images=images, machine=machine, generators=[generator], log_partition=partition),
        )
        for images in (test, train[order])
    ]
    seconds, longest = times[-1] - times[0], max(later - earlier for earlier, later in itertools.pairwise(times))
    return (
        f"| {path.stem} | {dilution(machine)[0]:.2f} | {spelled(found[0]['log_partition'])} "
        f"| {float(partition.effective_chains):.0f} | {float(weights.std()):.2f} "
        f"| {spelled(found[0]['log_likelihood'])} | {spelled(found[1]['log_likelihood'])} "
        f"| {seconds:.0f} | {1000 * seconds / temperatures:.1f} | {1000 * longest:.0f} | {memory:.0f} |"
    )


def spelled(estimate: Estimate) -> str:
    """Value and interval of the only replica."""
    value, low, high = (float(end) for end in (estimate.value, estimate.low, estimate.high))
    return f"{value:.2f} ({low:.2f} to {high:.2f})"


def peak_memory() -> float:
    """MB of this process at its largest, as Linux counts."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def report(arguments: argparse.Namespace) -> str:
    """Run everything and put it into words."""
    names = ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS")
    threads = "".join(f"{name}={os.environ[name]} " for name in names if name in os.environ)
    setting = f"--temperatures {arguments.temperatures} --chains {arguments.chains}"
    lines = [
        "# Log Z and log-likelihood by annealed importance sampling on the CPU",
        "",
        f"{datetime.date.today().isoformat()}. {hardware()}. {versions()}.",
        "",
        f"Threads: {torch.get_num_threads()}. {arguments.temperatures:,} temperatures, {arguments.chains:,} chains, in "
        f"{arguments.clock} time. In nats; 95 % intervals. Log-likelihood: {MOST_IMAGES:,} images. Memory: beyond "
        "what the process held before.",
        "",
        f"    {threads}python -m tests.benchmark.log_partition MACHINE.safetensors ... {setting} "
        f"--clock {arguments.clock} --write",
        "",
        "| machine | dilution | log Z | effective chains | deviation of log w | mean log-likelihood, test | training "
        "| seconds | ms a temperature | longest block, ms | MB |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
        for path in arguments.machines:
            given = (path, arguments.temperatures, arguments.chains, arguments.clock)
            lines.append(pool.apply(row_of, given))
    return "\n".join(lines) + "\n"


def main() -> None:
    """Parse, measure, print, and write if asked to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("machines", type=Path, nargs="+")
    parser.add_argument("--temperatures", type=int, default=10_000)
    parser.add_argument("--chains", type=int, default=100)
    parser.add_argument("--clock", choices=CLOCKS, default="wall")
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    publish(report(arguments), "log-partition", write=arguments.write)


if __name__ == "__main__":
    main()
