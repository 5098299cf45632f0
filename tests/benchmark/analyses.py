"""Time and memory of the analyses at the size of the paper's experiment.

    python -m tests.benchmark.analyses [--repeats 5] [--threads 1] [--write]

Each analysis runs in a process of its own. Memory is how far the peak of its resident set rises above the peak of
making the inputs. The inputs are random: 784 x 400 weights, 60 machines with 306,936 couplings, 10,000 samples and as
many images, synthetic quality curves. `--write` puts the report into docs/benchmarks/.
"""

from __future__ import annotations

import argparse
import datetime
import multiprocessing
import resource
import statistics
import time
from collections.abc import Callable

import torch

from tests.benchmark.gibbs_step import hardware, publish, versions
from worker.rbm.analysis.collapse import fit_collapse
from worker.rbm.analysis.half_quality import half_quality_line
from worker.rbm.analysis.paired import paired_difference
from worker.rbm.analysis.principal_components import principal_components
from worker.rbm.analysis.quality_curves import QualityCurves
from worker.rbm.analysis.separation import pairwise_separation, separation
from worker.rbm.analysis.spectrum import crossing_index, spectrum
from worker.rbm.couplings import two_body_couplings_in_blocks
from worker.rbm.machine import Machine
from worker.rbm.metrics.adversarial_accuracy import nearest_in_own_set

NUM_REPLICAS = 15
DILUTIONS = (0.0, 0.2, 0.4, 0.6, 0.8)
CLASSES = ("frozen", "reference", "reference, same mask", "retrained")
KIBIBYTE = 1024
"""Linux counts the peak of the resident set in kibibytes."""

Run = Callable[[], object]


def generator() -> torch.Generator:
    """The same numbers every time."""
    return torch.Generator().manual_seed(1)


def quality_curves() -> list[QualityCurves]:
    """5 p0 x 15 replicas x 20 levels of a logistic fall, as sharp as the reference results."""
    draw = generator()
    levels = torch.linspace(0.05, 1, 20, dtype=torch.float64)
    curves = []
    for p0 in DILUTIONS:
        half = 0.55 + 0.44 * p0 + 0.02 * torch.randn(NUM_REPLICAS, 1, generator=draw, dtype=torch.float64)
        curves.append(QualityCurves(p0, levels, torch.sigmoid((half - levels) * 60)))
    return curves


def spectra() -> Run:
    """135 machines, as 9 classes of 15 replicas."""
    weights = torch.randn(NUM_REPLICAS, 784, 400, generator=generator())
    machine = Machine(weights, torch.zeros(NUM_REPLICAS, 784), torch.zeros(NUM_REPLICAS, 400), weights != 0)
    return lambda: [spectrum(machine) for _ in range(9)]


def crossing() -> Run:
    """5 p0 x 15 replicas x 400 modes, 500 resamples."""
    mode = torch.arange(400, dtype=torch.float64)
    logs = {p0: p0 * (mode - 47) / 100 - mode / 50 for p0 in DILUTIONS}
    noise = torch.randn(NUM_REPLICAS, 1, generator=generator(), dtype=torch.float64) / 50
    values = {p0: (one + noise).exp() for p0, one in logs.items()}
    return lambda: crossing_index(values, generator())


def components() -> Run:
    """60 machines x 306,936 features, float32."""
    features = torch.randn(60, 306_936, generator=generator())
    return lambda: principal_components(features)


def nearest_neighbours() -> Run:
    """E_AAI: 10,000 samples and 10,000 images of 784 pixels, 13 % of them ones."""
    draw = generator()
    samples, images = ((torch.rand(10_000, 784, generator=draw) < 0.13).to(torch.uint8) for _ in range(2))
    return lambda: nearest_in_own_set(samples, images)


def pairs(dilution: float) -> Run:
    """J(2) between all 306,936 pairs of 784 visible units."""
    draw = generator()
    mask = torch.rand(1, 784, 400, generator=draw) >= dilution
    weights = torch.randn(1, 784, 400, generator=draw) * mask / 20
    machine = Machine(weights, torch.zeros(1, 784), torch.zeros(1, 400), mask)
    return lambda: list(two_body_couplings_in_blocks(machine))


def collapse() -> Run:
    """5 p0 x 15 replicas x 20 levels, 500 resamples."""
    curves = quality_curves()
    return lambda: fit_collapse(curves, generator())


def half_line() -> Run:
    """The same curves, 500 resamples."""
    curves = quality_curves()
    return lambda: half_quality_line(curves, generator())


def separated(strata: list[int] | None, pairwise: bool) -> Run:
    """60 points of 4 classes with 59 components, 9,999 permutations."""
    points = torch.randn(60, 59, generator=generator(), dtype=torch.float64)
    labels = [CLASSES[index % 4] for index in range(60)]
    test = pairwise_separation if pairwise else separation
    return lambda: test(points, labels, generator(), strata=strata)


def paired(num_pairs: int) -> Run:
    """500 resamples and 2^n signs, or 9,999 above 16 pairs."""
    values = torch.randn(num_pairs, generator=generator(), dtype=torch.float64)
    return lambda: paired_difference(values, torch.zeros_like(values), generator())


CASES: dict[str, Callable[[], Run]] = {
    "spectra of 135 machines, 784 x 400": spectra,
    "crossing index of 5 p0 x 15 replicas, 500 resamples": crossing,
    "principal components of 60 machines x 306,936 features": components,
    "nearest neighbours (E_AAI) of 10,000 samples and 10,000 images": nearest_neighbours,
    "pair couplings of a dense machine, 784 x 400": lambda: pairs(0.0),
    "pair couplings of a machine that is 80 % diluted": lambda: pairs(0.8),
    "collapse of 5 p0 x 15 replicas x 20 levels, 500 resamples": collapse,
    "half-quality line of the same curves, 500 resamples": half_line,
    "separation of 60 points, 9,999 permutations": lambda: separated(None, False),
    "the same within 15 strata": lambda: separated([index // 4 for index in range(60)], False),
    "separation of all 6 pairs of classes, 9,999 permutations each": lambda: separated(None, True),
    "paired difference of 15 replicas, all 32,768 signs": lambda: paired(15),
    "paired difference of 16 replicas, all 65,536 signs": lambda: paired(16),
}


def peak_bytes() -> int:
    """The peak of this process's resident set so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * KIBIBYTE


def measured(name: str, repeats: int, threads: int) -> tuple[list[float], list[float], int]:
    """Wall seconds and processor seconds of each repeat after one that is not counted, and bytes beyond the inputs."""
    torch.set_num_threads(threads)
    run = CASES[name]()
    before = peak_bytes()
    wall, processor = [], []
    for _ in range(repeats + 1):
        began = time.perf_counter(), time.process_time()
        run()
        wall.append(time.perf_counter() - began[0])
        processor.append(time.process_time() - began[1])
    return wall[1:], processor[1:], peak_bytes() - before


def report(repeats: int, threads: int) -> str:
    """Run everything, one process for each, and put it into words."""
    lines = [
        "# Time and memory of the analyses",
        "",
        f"{datetime.date.today().isoformat()}. {hardware()}. {versions()}.",
        "",
        f"Threads: {threads}. {repeats} repeats after one not counted. Memory: rise of the peak above the inputs.",
        "",
        f"    OMP_NUM_THREADS={threads} python -m tests.benchmark.analyses "
        f"--repeats {repeats} --threads {threads} --write",
        "",
        "| analysis | wall s, median | least | processor s, median | MiB |",
        "| --- | --- | --- | --- | --- |",
    ]
    context = multiprocessing.get_context("spawn")
    for name in CASES:
        with context.Pool(1) as pool:
            wall, processor, extra = pool.apply(measured, (name, repeats, threads))
        times = f"{statistics.median(wall):.3f} | {min(wall):.3f} | {statistics.median(processor):.3f}"
        lines.append(f"| {name} | {times} | {extra / 2**20:.0f} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Parse, measure, print, and write if asked to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    publish(report(arguments.repeats, arguments.threads), "analyses", write=arguments.write)


if __name__ == "__main__":
    main()
