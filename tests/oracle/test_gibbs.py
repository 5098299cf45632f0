"""Samplers against exact laws of tiny machines, and the compiled sampler against its reference, bit for bit."""

import numba
import numpy as np
import pytest
import torch

from tests.oracle import exact
from worker.rbm.machine import Machine, stack
from worker.rbm.sampling import prepare, random_chains, reference, sample_gibbs

SAMPLERS = ["fixed_point", "float"]
SIGMAS = 5.0
"""A right sampler fails a two-sided test of one number at this level once in 1.7 million seeds; seeds are fixed."""


def state_index(visible):
    """The position of each state in `exact.all_states`."""
    powers = 2 ** torch.arange(visible.shape[-1] - 1, -1, -1)
    return (visible.long() * powers).sum(dim=-1)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_stationary_law_of_every_visible_state(sampler):
    """Kills: wrong conditional in either layer, biases swapped, chains or steps that share random numbers.

    30,000 independent chains after 100 steps; chi-square over all 2^7 states, states with fewer than 10 expected
    counts pooled, must be within 5 sigma of its mean.
    """
    machine = exact.tiny_machine(spread=0.7)
    num_chains = 30_000
    start = random_chains(num_chains, 7, exact.seeded(1))
    visible, _ = sample_gibbs(machine, start, 100, exact.seeded(1, 5), sampler)
    counts = torch.bincount(state_index(visible[0]), minlength=128).double()
    expected = exact.state_probabilities(machine) * num_chains
    common = expected >= 10
    counts = torch.cat([counts[common], counts[~common].sum().reshape(1)])
    expected = torch.cat([expected[common], expected[~common].sum().reshape(1)])
    chi_square = float(((counts - expected) ** 2 / expected).sum())
    degrees = len(expected) - 1
    assert abs(chi_square - degrees) < SIGMAS * (2 * degrees) ** 0.5


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_one_step_draws_each_hidden_unit_and_pair_from_the_conditional(sampler):
    """Kills: two units, chains or layers that use the same random number; a threshold that is off."""
    machine = exact.tiny_machine(seed=8, num_hidden=11, spread=0.5)
    num_chains = 40_000
    start = torch.tensor([1, 0, 1, 1, 0, 0, 1], dtype=torch.uint8).repeat(1, num_chains, 1)
    visible, hidden = sample_gibbs(machine, start, 1, exact.seeded(1, 3), sampler)
    weights, vbias, hbias = exact.parameters(machine)
    p = torch.sigmoid(start[0, 0].double() @ weights + hbias)
    centred = hidden[0].double() - p
    sd = (p * (1 - p)).sqrt()
    assert float((centred.mean(dim=0) / sd).abs().max()) < SIGMAS / num_chains**0.5
    correlation = (centred / sd).T @ (centred / sd) / num_chains
    assert float((correlation - correlation.diag().diag()).abs().max()) < SIGMAS / num_chains**0.5
    neighbours = (centred[1:] * centred[:-1] / sd**2).mean(dim=0)
    assert float(neighbours.abs().max()) < SIGMAS / num_chains**0.5
    p_visible = torch.sigmoid(hidden[0].double() @ weights.T + vbias)
    z = (visible[0].double() - p_visible).sum(dim=0) / (p_visible * (1 - p_visible)).sum(dim=0).sqrt()
    assert float(z.abs().max()) < SIGMAS


@pytest.mark.parametrize(
    ("num_visible", "num_hidden", "num_chains"),
    [(7, 5, 3), (13, 11, 67), (37, 19, 131), (1, 1, 2), (8, 16, 65), (83, 161, 5), (160, 79, 3)],
)
def test_compiled_sampler_gives_the_bits_of_the_reference(num_visible, num_hidden, num_chains):
    """Kills: any change of the compiled arithmetic: a flip missed or counted twice, other random words, exp, scale."""
    machine = exact.tiny_machine(3, num_visible, num_hidden, spread=1.5)
    start = random_chains(num_chains, num_visible, exact.seeded(3))
    fast = sample_gibbs(machine, start, 7, exact.seeded(3, 9), "fixed_point")
    slow = sample_gibbs(machine, start, 7, exact.seeded(3, 9), "reference")
    assert torch.equal(fast[0], slow[0])
    assert torch.equal(fast[1], slow[1])
    probabilities = [prepare(machine, name).hidden_probabilities(start) for name in ("fixed_point", "reference")]
    assert torch.equal(probabilities[0], probabilities[1])


def test_random_words_are_philox():
    """Kills: a wrong constant, number of rounds or order of words in the counter-based generator.

    The known answers of Random123's test file kat_vectors for philox4x32 with 10 rounds.
    """
    zeros = reference.philox((0, 0, 0, 0), 0)
    ones = reference.philox((2**32 - 1,) * 4, 2**64 - 1)
    pi = reference.philox((0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344), 0x299F31D0_A4093822)
    assert zeros == (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)
    assert ones == (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)
    assert pi == (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1)


def test_probabilities_are_accurate_over_the_whole_range():
    """Kills: a coarse exponential or a clamp that is too narrow. Relative error below 1e-6 for fields of -60 to 15."""
    fields = torch.linspace(-60, 15, 1501)
    machine = Machine(torch.zeros(1, 2, 1501), torch.zeros(1, 2), fields[None], torch.ones(1, 2, 1501).bool())
    got = prepare(machine).hidden_probabilities(torch.zeros(1, 1, 2, dtype=torch.uint8))[0, 0].double()
    # The fixed-point field is exact to 2^-25 here; its error in x is the same relative error in p.
    torch.testing.assert_close(got, torch.sigmoid(fields.double()), rtol=1e-6, atol=0)


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e3, 1e8])
def test_fixed_point_holds_weights_of_any_size(scale):
    """Kills: a fixed exponent, which overflows for large weights."""
    machine = exact.tiny_machine(num_visible=29, num_hidden=3, spread=scale)
    start = random_chains(50, 29, exact.seeded(1))
    exact_fields = start[0].double() @ machine.weight_matrix[0].double() + machine.hbias[0].double()
    prepared = prepare(machine)
    weights = prepared.tiles[0, 0, :, :3].astype(np.int64)
    got = start[0].numpy().astype(np.int64) @ weights + prepared.hbias[0]
    bound = 30 * float(prepared.scale[0]) / 2
    assert float(np.abs(got * float(prepared.scale[0]) - exact_fields.numpy()).max()) <= bound
    assert np.abs(got).max() < 2**31
    assert float(prepared.scale[0]) <= max(2**-28, scale * 2**-20)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_replicas_do_not_depend_on_their_batch(sampler):
    """Kills: random numbers drawn from one generator for the whole batch; counters that run over replicas."""
    machine = exact.tiny_machine(3, 13, 11)
    start = random_chains(67, 13, exact.seeded(3))
    together = sample_gibbs(machine, start, 6, exact.seeded(3, 20), sampler)[0]
    for index in range(3):
        alone = sample_gibbs(machine.replica(index), start[index : index + 1], 6, exact.seeded(1, 20 + index), sampler)
        assert torch.equal(alone[0][0], together[index])


def test_equal_replicas_with_different_seeds_differ():
    """Kills: replicas that share a key."""
    machine = exact.tiny_machine(1, 13, 11)
    start = random_chains(40, 13, exact.seeded(1)).repeat(2, 1, 1)
    visible, _ = sample_gibbs(stack([machine, machine]), start, 3, exact.seeded(2))
    assert not torch.equal(visible[0], visible[1])


def test_each_call_draws_new_numbers():
    """Kills: a key that is not drawn from the generator at each call."""
    machine = exact.tiny_machine(1, 13, 11)
    start, generators = random_chains(40, 13, exact.seeded(1)), exact.seeded(1)
    first, _ = sample_gibbs(machine, start, 3, generators)
    second, _ = sample_gibbs(machine, start, 3, generators)
    assert not torch.equal(first, second)


def test_bits_do_not_depend_on_the_number_of_threads():
    """Kills: random numbers or sums that follow the thread instead of the chain."""
    machine = exact.tiny_machine(2, 37, 19)
    start = random_chains(200, 37, exact.seeded(2))
    one = sample_gibbs(machine, start, 5, exact.seeded(2, 7))
    numba.set_num_threads(numba.config.NUMBA_NUM_THREADS)
    many = sample_gibbs(machine, start, 5, exact.seeded(2, 7))
    assert torch.equal(many[0], one[0])
    assert torch.equal(many[1], one[1])


def test_the_start_is_not_changed_and_requests_are_checked():
    """Kills: sampling in place on the caller's chains; silently broadcast shapes; a shared generator let through."""
    machine = exact.tiny_machine(2)
    start = random_chains(4, 7, exact.seeded(2))
    copy = start.clone()
    sample_gibbs(machine, start, 3, exact.seeded(2))
    assert torch.equal(start, copy)
    shared = torch.Generator()
    with pytest.raises(ValueError, match="share a generator"):
        sample_gibbs(machine, start, 3, [shared, shared])
    with pytest.raises(ValueError, match="at least 1"):
        sample_gibbs(machine, start, 0, exact.seeded(2))
    with pytest.raises(ValueError, match="must be"):
        sample_gibbs(machine, start[:, :, :5].contiguous(), 3, exact.seeded(2))
    with pytest.raises(ValueError, match="samplers"):
        sample_gibbs(machine, start, 3, exact.seeded(2), "metropolis")
