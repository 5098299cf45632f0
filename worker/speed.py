"""How fast this device samples, measured once, so that the first study's time can be told before it begins."""

import time
from pathlib import Path

import torch

from worker.rbm.machine_file import read_machine
from worker.rbm.sampling import prepare, random_chains

MACHINE = Path(__file__).parent.parent / "models_store" / "zoo" / "paper-schedule-p0-00.safetensors"
NUM_CHAINS = 128
STEPS_PER_BLOCK = 10
SETTLING_STEPS = 50
MEASURED_SECONDS = 0.5


def measured_rate(device: str) -> float | None:
    """Chain steps a second of a trained machine of 784 x 400 units; None where that machine is not there.

    Its chains settle first: from random pixels many more units flip than in a training.
    """
    if not MACHINE.exists():
        return None
    machine, _ = read_machine(MACHINE.read_bytes())
    generators = [torch.Generator().manual_seed(1)]
    prepared = prepare(machine.to(device))
    chains = random_chains(NUM_CHAINS, machine.num_visible, generators).to(device)
    chains, _ = prepared.sample(chains, SETTLING_STEPS, generators)
    blocks, begun = 0, time.perf_counter()
    while (seconds := time.perf_counter() - begun) < MEASURED_SECONDS:
        chains, _ = prepared.sample(chains, STEPS_PER_BLOCK, generators)
        int(chains[0, 0, 0])  # waits for an accelerator
        blocks += 1
    return blocks * STEPS_PER_BLOCK * NUM_CHAINS / seconds
