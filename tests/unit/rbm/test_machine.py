"""Machines refuse what they cannot be; new machines are what science says."""

import pytest
import torch

from tests.oracle import exact
from worker.rbm.machine import (
    Machine,
    dilution,
    machine_on_mask,
    new_machine,
    num_zero_weights,
    pixel_means,
    stack,
)

MEANS = torch.tensor([0.0, 0.2, 0.5, 0.7, 1.0, 0.1, 0.9])


def parts(**changes):
    given = {
        "weight_matrix": torch.zeros(2, 7, 5),
        "vbias": torch.zeros(2, 7),
        "hbias": torch.zeros(2, 5),
        "mask": torch.ones(2, 7, 5, dtype=torch.bool),
    }
    return given | changes


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"weight_matrix": torch.zeros(7, 5)}, "weight_matrix has shape"),
        ({"weight_matrix": torch.zeros(2, 7, 5).double()}, "weight_matrix has type"),
        ({"vbias": torch.zeros(2, 5)}, "vbias has shape"),
        ({"hbias": torch.zeros(1, 5)}, "hbias has shape"),
        ({"mask": torch.ones(2, 5, 7, dtype=torch.bool)}, "mask has shape"),
        ({"mask": torch.ones(2, 7, 5)}, "mask has type"),
        ({"vbias": torch.full((2, 7), torch.nan)}, "not finite"),
        ({"hbias": torch.full((2, 5), torch.inf)}, "not finite"),
        ({"weight_matrix": torch.ones(2, 7, 5), "mask": torch.zeros(2, 7, 5).bool()}, "70 weights outside the mask"),
    ],
)
def test_impossible_machines_are_refused(unchecked_shapes, changes, message):
    with pytest.raises(ValueError, match=message):
        Machine(**parts(**changes))


def test_new_machines_follow_the_definition():
    machine = new_machine(7, 5, [0.0, 0.33, 1.0], MEANS, exact.seeded(3))
    assert (~machine.mask).sum(dim=(1, 2)).tolist() == [0, round(0.33 * 35), 35]
    assert dilution(machine) == [0.0, 12 / 35, 1.0]
    expected = torch.logit(MEANS.clamp(1e-3, 1 - 1e-3)).repeat(3, 1)
    torch.testing.assert_close(machine.vbias, expected)
    assert not bool(machine.hbias.any())


def test_initial_weights_are_normal_with_the_given_width():
    machine = new_machine(101, 97, [0.5], torch.full((101,), 0.5), exact.seeded(1))
    weights = machine.weight_matrix[machine.mask]
    assert float(weights.std()) == pytest.approx(0.01, rel=5 / (2 * len(weights)) ** 0.5)
    assert abs(float(weights.mean())) < 5 * 0.01 / len(weights) ** 0.5
    rows = (~machine.mask[0]).double().mean(dim=1)
    assert float((rows - 0.5).abs().max()) < 5 * 0.5 / 97**0.5


def test_a_replica_does_not_depend_on_its_batch():
    together = new_machine(7, 5, [0.1, 0.6], MEANS, exact.seeded(2))
    alone = new_machine(7, 5, [0.6], MEANS, exact.seeded(1, 1))
    assert torch.equal(together.weight_matrix[1], alone.weight_matrix[0])
    assert torch.equal(together.mask[1], alone.mask[0])


def test_new_weights_on_a_given_mask(unchecked_shapes):
    mask = exact.tiny_machine(2).mask
    machine = machine_on_mask(mask, MEANS, exact.seeded(2))
    assert torch.equal(machine.mask, mask)
    assert bool((machine.weight_matrix[mask] != 0).all())
    with pytest.raises(ValueError, match="pixel_means"):
        machine_on_mask(mask, MEANS[:6], exact.seeded(2))


def test_generators_are_one_for_each_replica():
    shared = torch.Generator()
    with pytest.raises(ValueError, match="share a generator"):
        new_machine(7, 5, [0.0, 0.0], MEANS, [shared, shared])
    with pytest.raises(ValueError, match="1 generators for 2 replicas"):
        new_machine(7, 5, [0.0, 0.0], MEANS, [shared])


def test_replicas_come_out_and_go_back_in():
    machine = exact.tiny_machine(3)
    again = stack([machine.replica(index) for index in range(3)])
    assert torch.equal(again.weight_matrix, machine.weight_matrix)
    assert torch.equal(again.mask, machine.mask)
    with pytest.raises(IndexError, match="use 0 to 2"):
        machine.replica(3)
    with pytest.raises(ValueError, match="cannot stack"):
        stack([machine, exact.tiny_machine(1, 11, 5)])
    with pytest.raises(ValueError, match="cannot stack"):
        stack([])


def test_a_copied_replica_shares_no_memory():
    machine = exact.tiny_machine(2)
    machine.replica(0).weight_matrix.zero_()
    machine.clone().vbias.zero_()
    assert bool(machine.weight_matrix[0].any())
    assert bool(machine.vbias.any())


@pytest.mark.parametrize(("p", "count"), [(0.0, 0), (0.1, 4), (0.5, 18), (1.0, 35)])
def test_zero_weights_are_rounded(p, count):
    assert num_zero_weights(p, 35) == count


def test_pixel_means():
    images = torch.tensor([[0, 1, 1], [0, 0, 1]], dtype=torch.uint8)
    assert pixel_means(images).tolist() == [0.0, 0.5, 1.0]
