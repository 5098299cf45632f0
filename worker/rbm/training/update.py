"""Updates of a training run: batch, positive phase, negative phase, gradient step."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import UInt8
from torch import Tensor

from worker.rbm.sampling import PreparedMachine, default_sampler, prepare
from worker.rbm.sampling.fixed_point import FixedPointMachine
from worker.rbm.training import compiled_step, fused_step
from worker.rbm.training.gradient import Phase, gradient_step, within
from worker.rbm.training.schedule import TrainingSchedule
from worker.rbm.training.state import LARGEST_PARAMETER, TrainingState, shuffled_orders
from worker.rbm.transfer import send

GRADIENT_STEPS = {"fixed_point": compiled_step.gradient_step, "fused": fused_step.gradient_step}
"""The step that goes with a device's sampler; plain torch with any other."""


def train(
    state: TrainingState, images: UInt8[Tensor, "sample visible"], schedule: TrainingSchedule, num_updates: int
) -> TrainingState:
    """Make `num_updates` further updates, in place, and return the same state.

    On a GPU the host waits for nothing before the last update. How a run is cut into calls does not change its bits,
    nor does it matter which replicas share the batch, nor, on the CPU, how many threads there are.

    Args:
        state: the run so far.
        images: the data with which the run was started, on the CPU or on the machine's device.
        schedule: the schedule with which the run was started. Its `num_updates` is the caller's to compare.
        num_updates: how many updates to make now.

    Raises:
        ValueError: if data or schedule do not fit the state.

    Source: paper, section 2, eqs. 3-5; Tieleman 2008 (PCD); Hinton 2002 (CD).
    """
    _check(state, images, schedule, num_updates)
    images = images.to(state.machine.device)
    for _ in range(num_updates):
        _update(state, images, schedule)
    if state.machine.device.type == "cuda":
        torch.cuda.synchronize(state.machine.device)
    return state


def _check(state: TrainingState, images: Tensor, schedule: TrainingSchedule, num_updates: int) -> None:
    if images.shape != (state.order.shape[1], state.machine.num_visible):
        wanted = (state.order.shape[1], state.machine.num_visible)
        raise ValueError(f"images have shape {tuple(images.shape)}; this run was started with {wanted}")
    if state.chains.shape[1] != schedule.num_chains:
        raise ValueError(f"num_chains is {schedule.num_chains}; this run was started with {state.chains.shape[1]}")
    if (state.velocity is None) != (schedule.momentum == 0):
        kept = "no velocity" if state.velocity is None else "a velocity"
        raise ValueError(f"momentum is {schedule.momentum}; this run was started with {kept}")
    if num_updates < 0:
        raise ValueError(f"num_updates is {num_updates}; it must be 0 or more")


def _update(state: TrainingState, images: Tensor, schedule: TrainingSchedule) -> None:
    """One update of every replica."""
    batch = _next_batch(state, images, schedule.batch_size)
    prepared = prepare(state.machine)
    start = batch if schedule.algorithm == "cd" else state.chains
    data = Phase(batch, prepared.hidden_probabilities(batch))
    model = _negative_phase(prepared, start, schedule.gibbs_steps, state.generators)
    state.chains = model.visible
    step = GRADIENT_STEPS.get(default_sampler(state.machine.device), gradient_step)
    ascent = schedule.ascent(state.num_updates_done)
    step(state.machine, data, model, ascent, ~state.diverged, velocity=state.velocity)
    state.num_updates_done += 1
    _flag_diverged(state)


def _negative_phase(
    prepared: PreparedMachine, start: Tensor, gibbs_steps: int, generators: Sequence[torch.Generator]
) -> Phase:
    """The chains after their Gibbs steps, and p(h|v) of them."""
    if isinstance(prepared, FixedPointMachine):
        return Phase(*prepared.sample_and_infer(start, gibbs_steps, generators))
    chains, _ = prepared.sample(start, gibbs_steps, generators)
    return Phase(chains, prepared.hidden_probabilities(chains))


def _next_batch(state: TrainingState, images: Tensor, batch_size: int) -> UInt8[Tensor, "replica sample visible"]:
    """The next images of each replica's order. What is left of an epoch and smaller than a batch is dropped."""
    if state.cursor + batch_size > state.order.shape[1]:
        state.order = shuffled_orders(state.order.shape[1], state.generators)
        state.cursor = 0
    rows = state.order[:, state.cursor : state.cursor + batch_size]
    state.cursor += batch_size
    found = images.index_select(0, send(rows.reshape(-1), images.device))
    return found.view(*rows.shape, images.shape[1])


def _flag_diverged(state: TrainingState) -> None:
    """Set the replicas whose parameters are not finite or exploded to 0, so that the rest of the batch can go on."""
    machine = state.machine
    parameters = (machine.weight_matrix, machine.vbias, machine.hbias)
    sound = compiled_step.within if machine.device.type == "cpu" else within
    bad = torch.zeros(machine.num_replicas, dtype=torch.bool, device=machine.device)
    for parameter in parameters:
        bad |= ~sound(parameter, LARGEST_PARAMETER)
    if machine.device.type == "cpu" and not bool(bad.any()):
        return  # a GPU is not asked, since the answer would have to be waited for
    state.diverged_at.masked_fill_(bad, state.num_updates_done)
    for parameter in parameters:
        parameter.masked_fill_(bad.reshape(-1, *[1] * (parameter.ndim - 1)), 0.0)
