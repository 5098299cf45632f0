"""Generating samples from random initial states."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence

import torch
from jaxtyping import UInt8
from torch import Tensor

from worker.rbm.machine import Machine, check_generators
from worker.rbm.sampling import prepare, random_chains

GIBBS_STEPS_PER_BLOCK = 100


def generate(
    machine: Machine, num_samples: int, gibbs_steps: int, generators: Sequence[torch.Generator]
) -> UInt8[Tensor, "replica sample visible"]:
    """Visible states after `gibbs_steps` steps from Bernoulli(1/2) states, one chain for each sample.

    Runs in blocks of `GIBBS_STEPS_PER_BLOCK`, so it gives the bits of `generate_in_blocks` with that size.

    Raises:
        ValueError: if a number is below 1 or the generators are not one for each replica.
    """
    last_block = deque(generate_in_blocks(machine, num_samples, gibbs_steps, generators), maxlen=1)
    return last_block[0][1]


def generate_in_blocks(
    machine: Machine,
    num_samples: int,
    gibbs_steps: int,
    generators: Sequence[torch.Generator],
    steps_per_block: int = GIBBS_STEPS_PER_BLOCK,
) -> Iterator[tuple[int, UInt8[Tensor, "replica sample visible"]]]:
    """Generate, giving the steps done and the states after each block: to report, show or stop in between.

    Each block draws new keys, so another block size gives other samples of the same distribution.

    Raises:
        ValueError: if a number is below 1 or the generators are not one for each replica.
    """
    if min(num_samples, gibbs_steps, steps_per_block) < 1:
        raise ValueError(
            f"num_samples is {num_samples}, gibbs_steps {gibbs_steps}, steps_per_block {steps_per_block}; "
            "each must be at least 1"
        )
    check_generators(generators, machine.num_replicas)
    prepared = prepare(machine)
    states = random_chains(num_samples, machine.num_visible, generators).to(machine.device)
    for done in range(0, gibbs_steps, steps_per_block):
        block = min(steps_per_block, gibbs_steps - done)
        states, _ = prepared.sample(states, block, generators)
        yield done + block, states
