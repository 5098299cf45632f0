"""Machine files and checkpoints: what goes in comes out, and what is broken is refused with a reason."""

import pytest
import torch

from tests.oracle import exact
from worker.rbm.checkpoint import read_checkpoint, write_checkpoint
from worker.rbm.machine_file import read_machine, write_machine
from worker.rbm.tensor_bytes import pack, pack_bits, unpack, unpack_bits
from worker.rbm.training import TrainingSchedule, start_training


def machine_tensors(**changes):
    machine = exact.tiny_machine()
    given = {
        "weight_matrix": machine.weight_matrix[0],
        "vbias": machine.vbias[0],
        "hbias": machine.hbias[0],
        "mask": pack_bits(machine.mask),
    }
    return {name: tensor for name, tensor in (given | changes).items() if tensor is not None}


def started():
    images = torch.randint(0, 2, (9, 7), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    plan = TrainingSchedule(gibbs_steps=1, num_updates=1, batch_size=3, num_chains=2, learning_rate=0.1)
    return start_training(images, plan, 5, [0.0, 0.5], [1, 2])


def test_a_machine_file_keeps_every_bit_and_the_metadata():
    machine = exact.tiny_machine()
    again, metadata = read_machine(write_machine(machine, {"initial_dilution": "0.25", "note": "ä"}))
    for name in ("weight_matrix", "vbias", "hbias", "mask"):
        assert torch.equal(getattr(again, name), getattr(machine, name))
    assert metadata == {"initial_dilution": "0.25", "note": "ä"}
    with pytest.raises(ValueError, match="3 replicas"):
        write_machine(exact.tiny_machine(3))


def test_a_zero_inside_the_mask_stays_inside():
    machine = exact.tiny_machine(dilution=0.0)
    machine.weight_matrix[0, 2, 3] = 0
    assert bool(read_machine(write_machine(machine))[0].mask[0, 2, 3])


def test_half_precision_without_mask_is_read():
    tensors = machine_tensors(mask=None)
    tensors["weight_matrix"] = tensors["weight_matrix"].half()
    machine, _ = read_machine(pack(tensors, {"initial_dilution": "0.8"}))
    assert torch.equal(machine.weight_matrix[0], tensors["weight_matrix"].float())
    assert torch.equal(machine.mask[0], tensors["weight_matrix"] != 0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"weight_matrix": None}, "no tensor 'weight_matrix'"),
        ({"weight_matrix": torch.zeros(7, 5).double()}, "torch.float64"),
        ({"weight_matrix": torch.zeros(35)}, "with 2 axes"),
        ({"vbias": torch.zeros(5)}, "vbias has shape"),
        ({"hbias": torch.full((5,), torch.nan)}, "not finite"),
        ({"mask": torch.zeros(4, dtype=torch.uint8)}, "4 bytes of mask"),
        ({"mask": torch.zeros(5, dtype=torch.uint8)}, "outside the mask"),
        ({"mask": torch.ones(7, 5, dtype=torch.bool)}, "it must be torch.uint8"),
    ],
)
def test_wrong_machine_files_are_refused(unchecked_shapes, changes, message):
    with pytest.raises(ValueError, match=message):
        read_machine(pack(machine_tensors(**changes), {}))


@pytest.mark.parametrize("kept", [0, 1, 7, 8, 9, 100, -1])
def test_truncated_bytes_are_refused(kept):
    data = write_machine(exact.tiny_machine())
    with pytest.raises(ValueError, match="no whole safetensors file"):
        read_machine(data[:kept])
    with pytest.raises(ValueError, match="no whole safetensors file"):
        read_checkpoint(write_checkpoint(started())[:kept])


def test_random_bytes_are_refused():
    with pytest.raises(ValueError, match="no whole safetensors file"):
        read_machine(bytes(range(256)) * 10)


@pytest.mark.parametrize(
    ("tensor_changes", "text_changes", "message"),
    [
        ({}, {"format": "something else"}, "format is 'something else'"),
        ({}, {"cursor": "-1"}, "cursor is '-1'"),
        ({}, {"cursor": "10"}, "cursor is 10"),
        ({}, {"num_chains": "30"}, "bytes of mask"),
        ({"generators": torch.zeros(2, 3, dtype=torch.uint8)}, {}, "generator state of 3 bytes"),
        ({"generators": torch.zeros(2, 3)}, {}, "generators is torch.float32"),
        ({"order": torch.zeros(1, 9, dtype=torch.int32)}, {}, "order has shape"),
        ({"weight_matrix": torch.full((2, 7, 5), torch.inf)}, {}, "not finite"),
    ],
)
def test_wrong_checkpoints_are_refused(unchecked_shapes, tensor_changes, text_changes, message):
    tensors, metadata = unpack(write_checkpoint(started()))
    with pytest.raises(ValueError, match=message):
        read_checkpoint(pack(tensors | tensor_changes, metadata | text_changes))


def test_a_machine_file_is_no_checkpoint():
    with pytest.raises(ValueError, match="format is None"):
        read_checkpoint(write_machine(exact.tiny_machine()))


@pytest.mark.parametrize("count", [1, 7, 8, 9, 64])
def test_bits_are_packed_and_unpacked(count):
    mask = torch.arange(count) % 3 == 0
    assert torch.equal(unpack_bits(pack_bits(mask), (count,)), mask)
