"""Gibbs sampling: draw from a machine by alternating p(h|v) and p(v|h).

A sampler is one file with a `REGISTRATION` whose function turns a machine into a `PreparedMachine`. `prepare` and
`sample_gibbs` choose the sampler by the machine's device, unless one is named.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import cache

import torch
from jaxtyping import UInt8
from torch import Tensor

from worker.rbm.machine import Machine
from worker.rbm.registry import SamplerRegistration, family, member
from worker.rbm.sampling.fused import why_not
from worker.rbm.sampling.prepared import PreparedMachine

__all__ = ["PreparedMachine", "default_sampler", "prepare", "random_chains", "sample_gibbs"]

DEFAULT_SAMPLERS = {"cpu": "fixed_point", "cuda": "fused"}

log = logging.getLogger(__name__)


@cache
def default_sampler(device: torch.device) -> str:
    """The name of the fastest sampler that runs on a device.

    Where the GPU sampler does not, plain torch takes its place; the reason is logged, once for each device.
    """
    name = DEFAULT_SAMPLERS.get(device.type, "float")
    reason = why_not(device) if name == "fused" else None
    if reason is None:
        return name
    log.warning("sampling on %s with plain torch instead of the GPU sampler: %s", device, reason)
    return "float"


def prepare(machine: Machine, sampler: str | None = None) -> PreparedMachine:
    """Bring a machine into the form that a sampler runs on. Later changes of the machine are not seen.

    Args:
        machine: the replicas to sample from.
        sampler: a name from the family `samplers`; the fastest one for the machine's device by default.

    Raises:
        ValueError: if there is no such sampler or it does not run on the machine's device.
    """
    name = sampler or default_sampler(machine.device)
    registration = member("samplers", name)
    if not isinstance(registration, SamplerRegistration) or machine.device.type not in registration.devices:
        devices = ", ".join(s.name for s in family("samplers").values() if isinstance(s, SamplerRegistration))
        raise ValueError(f"sampler {name!r} does not run on {machine.device.type}; the samplers are {devices}")
    prepared: PreparedMachine = registration.function(machine)
    return prepared


def sample_gibbs(
    machine: Machine,
    visible: UInt8[Tensor, "replica chain visible"],
    gibbs_steps: int,
    generators: Sequence[torch.Generator],
    sampler: str | None = None,
) -> tuple[UInt8[Tensor, "replica chain visible"], UInt8[Tensor, "replica chain hidden"]]:
    """Run Gibbs steps h ~ p(h|v), v ~ p(v|h) from the given visible states.

    Each call draws one key from each replica's generator, so n calls of k steps use other random numbers than one call
    of n k steps: a caller that splits a run must split it the same way again to get the same bits.

    Args:
        machine: the replicas to sample from.
        visible: where the chains start; not changed.
        gibbs_steps: how many steps, at least 1.
        generators: one CPU generator for each replica.
        sampler: a name from the family `samplers`; the fastest one for the machine's device by default.

    Returns:
        The last visible states and the hidden states that they were drawn from.

    Raises:
        ValueError: if shapes, steps, generators or sampler do not fit.

    Source: paper, section 2; Hinton, A practical guide to training RBMs (2012), eqs. 7 and 8.
    """
    return prepare(machine, sampler).sample(visible, gibbs_steps, generators)


def random_chains(
    num_chains: int, num_visible: int, generators: Sequence[torch.Generator]
) -> UInt8[Tensor, "replica chain visible"]:
    """Visible states whose units are independent Bernoulli(1/2), each replica from its own generator."""
    return torch.stack(
        [
            torch.randint(0, 2, (num_chains, num_visible), dtype=torch.uint8, generator=generator)
            for generator in generators
        ]
    )
