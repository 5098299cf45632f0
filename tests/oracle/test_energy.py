"""Energies, free energies and conditionals against sums over all hidden states."""

import torch

from tests.oracle import exact
from worker.rbm import energy
from worker.rbm.sampling import prepare

STATES = exact.all_states(exact.NUM_VISIBLE)
HIDDEN_STATES = exact.all_states(exact.NUM_HIDDEN)


def test_energy_is_minus_the_exponent_of_the_joint_law():
    """Kills: a wrong sign or a missing bias in the energy; swapped biases."""
    machine = exact.tiny_machine()
    joint = exact.log_joint(*exact.parameters(machine), STATES)
    for index, hidden in enumerate(HIDDEN_STATES):
        h = hidden.repeat(1, len(STATES), 1)
        got = energy.energy(machine, STATES.unsqueeze(0), h)[0].double()
        torch.testing.assert_close(got, -joint[:, index], atol=1e-5, rtol=1e-5)


def test_free_energy_sums_out_the_hidden_units_of_each_replica():
    """Kills: free energy with the wrong sign, without biases, or with another replica's parameters."""
    machine = exact.tiny_machine(replicas=3)
    got = energy.free_energy(machine, STATES.expand(3, -1, -1))
    for replica in range(3):
        expected = -exact.log_unnormalised(*exact.parameters(machine.replica(replica)), STATES)
        torch.testing.assert_close(got[replica].double(), expected, atol=1e-5, rtol=1e-5)


def test_log_partition_from_free_energies_equals_the_double_sum():
    """Kills: free energies that are off by a constant for each state of the visible layer."""
    machine = exact.tiny_machine(seed=4)
    got = torch.logsumexp(-energy.free_energy(machine, STATES.unsqueeze(0))[0].double(), dim=0)
    torch.testing.assert_close(got, exact.log_partition(*exact.parameters(machine)), atol=1e-5, rtol=1e-6)


def test_conditionals_are_ratios_of_the_joint_law():
    """Kills: a transposed weight matrix, swapped biases, a flipped sign inside the sigmoid."""
    machine = exact.tiny_machine(seed=2)
    joint = torch.softmax(exact.log_joint(*exact.parameters(machine), STATES).flatten(), 0)
    joint = joint.reshape(len(STATES), len(HIDDEN_STATES))
    p_hidden = (joint @ HIDDEN_STATES.double()) / joint.sum(dim=1, keepdim=True)
    p_visible = (joint.T @ STATES.double()) / joint.sum(dim=0).unsqueeze(1)
    got_hidden = energy.hidden_probabilities(machine, STATES.unsqueeze(0))[0].double()
    got_visible = energy.visible_probabilities(machine, HIDDEN_STATES.unsqueeze(0))[0].double()
    torch.testing.assert_close(got_hidden, p_hidden, atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(got_visible, p_visible, atol=1e-6, rtol=1e-5)
    for sampler in ("fixed_point", "float", "reference"):
        prepared = prepare(machine, sampler).hidden_probabilities(STATES.unsqueeze(0))[0].double()
        torch.testing.assert_close(prepared, p_hidden, atol=1e-6, rtol=1e-5)
