"""A training run as bytes: everything that is needed to go on with it bit for bit."""

from __future__ import annotations

import torch
from torch import Tensor

from worker.rbm.machine import Machine
from worker.rbm.tensor_bytes import pack, pack_bits, require, unpack, unpack_bits
from worker.rbm.training.gradient import Gradient
from worker.rbm.training.state import TrainingState

FORMAT = "dilution-lab checkpoint 2"
PARAMETERS = {"weight_matrix": 3, "vbias": 2, "hbias": 2}
"""The parameters of a machine and how many axes each has."""
VELOCITY = "velocity of "


def write_checkpoint(state: TrainingState) -> bytes:
    """Weights, masks, chains, generator states, data order and counters of a run, as safetensors bytes."""
    machine = state.machine
    tensors = {
        "weight_matrix": machine.weight_matrix,
        "vbias": machine.vbias,
        "hbias": machine.hbias,
        "mask": pack_bits(machine.mask),
        "chains": pack_bits(state.chains.bool()),
        "order": state.order,
        "generators": torch.stack([generator.get_state() for generator in state.generators]),
        "diverged_at": state.diverged_at,
    }
    if state.velocity is not None:
        tensors |= {f"{VELOCITY}{name}": getattr(state.velocity, name) for name in PARAMETERS}
    metadata = {
        "format": FORMAT,
        "num_chains": str(state.chains.shape[1]),
        "cursor": str(state.cursor),
        "num_updates_done": str(state.num_updates_done),
    }
    return pack(tensors, metadata)


def read_checkpoint(data: bytes, device: torch.device | str = "cpu") -> TrainingState:
    """The run that `write_checkpoint` wrote, its machine and chains on the given device.

    Raises:
        ValueError: if the bytes are cut off, are no checkpoint, or their parts do not fit each other.
    """
    tensors, metadata = unpack(data)
    if metadata.get("format") != FORMAT:
        raise ValueError(f"format is {metadata.get('format')!r}; a checkpoint has {FORMAT!r}")
    machine = _read_machine(tensors)
    chain_shape = (machine.num_replicas, _number(metadata, "num_chains"), machine.num_visible)
    chains = unpack_bits(require(tensors, "chains", (torch.uint8,), 1), chain_shape)
    return TrainingState(
        machine=machine.to(device),
        chains=chains.to(torch.uint8).to(device),
        generators=_read_generators(tensors),
        order=require(tensors, "order", (torch.int32,), 2),
        cursor=_number(metadata, "cursor"),
        num_updates_done=_number(metadata, "num_updates_done"),
        diverged_at=require(tensors, "diverged_at", (torch.int64,), 1).to(device),
        velocity=_read_velocity(tensors, device),
    )


def _read_machine(tensors: dict[str, Tensor]) -> Machine:
    parameters = {name: require(tensors, name, (torch.float32,), axes) for name, axes in PARAMETERS.items()}
    shape = tuple(parameters["weight_matrix"].shape)
    return Machine(**parameters, mask=unpack_bits(require(tensors, "mask", (torch.uint8,), 1), shape))


def _read_velocity(tensors: dict[str, Tensor], device: torch.device | str) -> Gradient | None:
    if not any(name.startswith(VELOCITY) for name in tensors):
        return None
    parts = {
        name: require(tensors, f"{VELOCITY}{name}", (torch.float32,), axes).to(device)
        for name, axes in PARAMETERS.items()
    }
    return Gradient(**parts)


def _read_generators(tensors: dict[str, Tensor]) -> list[torch.Generator]:
    states = require(tensors, "generators", (torch.uint8,), 2)
    generators = [torch.Generator() for _ in states]
    for generator, state in zip(generators, states, strict=True):
        try:
            generator.set_state(state.clone())  # torch 2.13 reads a view at a wrong address, and crashes
        except RuntimeError as error:
            raise ValueError(f"a generator state of {state.numel()} bytes does not fit torch's: {error}") from error
    return generators


def _number(metadata: dict[str, str], name: str) -> int:
    text = metadata.get(name, "")
    if not text.isdigit():
        raise ValueError(f"{name} is {text!r}; it must be a whole number, 0 or more")
    return int(text)
