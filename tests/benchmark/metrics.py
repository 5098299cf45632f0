"""Time and memory of every metric, with its bootstrap interval, at 1,000 and 10,000 samples.

    python -m tests.benchmark.metrics MACHINE.safetensors
        [--samples 1000 10000] [--repeats 3] [--clock wall|cpu] [--write]

Samples are held-out test images: no metric's time depends on whether its samples are good. The judge answers at once,
so its own time is not in the figures. Each metric runs in a process of its own. Memory is what the process needs at
most beyond its inputs (Linux only). On a busy host use `--clock cpu` with OMP_NUM_THREADS=1: it counts the time that
the process really ran. `--write` puts the report into docs/benchmarks/.
"""

from __future__ import annotations

import argparse
import datetime
import statistics
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import torch
from torch import Tensor

from tests.benchmark.gibbs_step import CLOCKS, hardware, publish, thread_settings, versions
from worker.datasets import load_dataset
from worker.rbm.machine_file import read_machine
from worker.rbm.metrics import MetricInputs, evaluate
from worker.rbm.metrics.second_moment_error import covariance
from worker.rbm.registry import family, member


class InstantJudge:
    """Accepts everything and finds the digits balanced."""

    def confidence(self, images: Tensor) -> Tensor:
        """Always sure."""
        return torch.full((len(images),), 0.9)

    def digit(self, images: Tensor) -> Tensor:
        """All digits in turn."""
        return torch.arange(len(images)) % 10


def inputs_for(name: str, num_samples: int, machine_file: Path) -> MetricInputs:
    """As many test images as samples; for a metric of machines, as many training images."""
    dataset = load_dataset("mnist")
    images, held_out = torch.from_numpy(dataset.train_images), torch.from_numpy(dataset.test_images)
    generator = torch.Generator().manual_seed(1)
    order = torch.randperm(len(held_out), generator=generator)[:num_samples]
    needs_machine = member("metrics", name).describe()["needs"] == "machine"
    return MetricInputs(
        images=images[:num_samples].clone() if needs_machine else images,
        samples=held_out[order].unsqueeze(0),
        machine=read_machine(machine_file.read_bytes())[0],
        generators=[generator],
        covariance=covariance(images),
        judge=InstantJudge(),
    )


def status_megabytes(field: str) -> float:
    """A field of /proc/self/status in MB; NaN where there is none."""
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith(field)), float("nan"))


def peak_megabytes(call: Callable[[], object]) -> float:
    """The most memory that a call needs beyond what the process holds before it."""
    forget_peak = Path("/proc/self/clear_refs")
    if forget_peak.exists():
        forget_peak.write_text("5")
    before = status_megabytes("VmRSS")
    call()
    return status_megabytes("VmHWM") - before


def measured(name: str, num_samples: int, machine_file: Path, repeats: int, clock: str) -> tuple[list[float], float]:
    """Seconds of each run after one that is not timed, and the memory of that one."""
    inputs = inputs_for(name, num_samples, machine_file)
    memory = peak_megabytes(lambda: evaluate(name, inputs))
    seconds = []
    for _ in range(repeats):
        began = CLOCKS[clock]()
        evaluate(name, inputs)
        seconds.append(CLOCKS[clock]() - began)
    return seconds, memory


def report(arguments: argparse.Namespace) -> str:
    """Run everything and put it into words."""
    sizes = " ".join(map(str, arguments.samples))
    lines = [
        "# Time and memory of the metrics on the CPU",
        "",
        f"{datetime.date.today().isoformat()}. {hardware()}. {versions()}.",
        "",
        f"MNIST, one replica, value and 95 % interval from 500 resamples; {arguments.repeats} runs, "
        f"{arguments.clock} time, threads: {torch.get_num_threads()}. Samples are held-out test images. The covariance "
        "of the training images is there already and the judge answers at once. Memory: at most, beyond the inputs.",
        "",
        f"    {thread_settings()}python -m tests.benchmark.metrics {arguments.machine} --samples {sizes} "
        f"--repeats {arguments.repeats} --clock {arguments.clock} --write",
        "",
        "| metric | samples | seconds, median | least | MB |",
        "| --- | --- | --- | --- | --- |",
    ]
    with ProcessPoolExecutor(1, get_context("spawn"), max_tasks_per_child=1) as pool:
        for name in family("metrics"):
            for num_samples in arguments.samples:
                given = (name, num_samples, arguments.machine, arguments.repeats, arguments.clock)
                seconds, memory = pool.submit(measured, *given).result()
                row = f"| {name} | {num_samples:,} | {statistics.median(seconds):.3f} | {min(seconds):.3f}"
                lines.append(f"{row} | {memory:.0f} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Parse, measure, print, and write if asked to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("machine", type=Path)
    parser.add_argument("--samples", type=int, nargs="+", default=[1000, 10_000])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--clock", choices=CLOCKS, default="wall")
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    publish(report(arguments), "metrics", write=arguments.write)


if __name__ == "__main__":
    main()
