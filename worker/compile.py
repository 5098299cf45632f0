"""Compile the loops for the CPU, so that the first job need not wait for it: `python -m worker.compile`.

numba keeps them in the `__pycache__` folders beside their sources and compiles anew what has changed, with or without
this. Two processes compile at once, since one cannot use two cores.
"""

import multiprocessing

import torch

from worker.rbm.machine import Machine, new_machine
from worker.rbm.metrics import MetricInputs, evaluate
from worker.rbm.sampling import prepare, random_chains
from worker.rbm.training import compiled_step
from worker.rbm.training.gradient import Phase
from worker.rbm.training.schedule import Ascent

NUM_VISIBLE, NUM_HIDDEN, NUM_IMAGES = 6, 4, 8


def compile_sampling() -> None:
    """Gibbs steps from random states."""
    machine, generator = _small_machine()
    prepare(machine).sample(random_chains(2, NUM_VISIBLE, [generator]), 1, [generator])


def compile_training() -> None:
    """The step along either gradient, and the likelihood that is recorded meanwhile."""
    machine, generator = _small_machine()
    images = torch.randint(0, 2, (NUM_IMAGES, NUM_VISIBLE), generator=generator, dtype=torch.uint8)
    phase = Phase(images[None], prepare(machine).hidden_probabilities(images[None]))
    for ascent in (Ascent(rate=0.1), Ascent(rate=0.1, gradient="centred")):
        compiled_step.gradient_step(machine, phase, phase, ascent, torch.ones(1, dtype=torch.bool))
    compiled_step.within(machine.weight_matrix, 1.0)
    evaluate("pseudo_log_likelihood", MetricInputs(images=images, machine=machine, generators=[generator]))


def _small_machine() -> tuple[Machine, torch.Generator]:
    """Compiled code is the same for any size."""
    generator = torch.Generator().manual_seed(0)
    return new_machine(NUM_VISIBLE, NUM_HIDDEN, [0.0], torch.full((NUM_VISIBLE,), 0.5), [generator]), generator


def main() -> None:
    """Compile everything that is not in the cache."""
    spawn = multiprocessing.get_context("spawn")
    processes = [spawn.Process(target=task) for task in (compile_sampling, compile_training)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    if any(process.exitcode for process in processes):
        raise SystemExit("the loops for the CPU could not be compiled: see above")


if __name__ == "__main__":
    main()
