"""The GPU sampler: exact laws of tiny machines, its bits against a second writing, and what they may depend on.

On the CUDA device, else in Triton's interpreter, where a kernel's program costs a tenth of a second: few programs.
"""

import gc

import numpy as np
import pytest
import torch
import triton
import triton.language as tl

from tests.oracle import exact, fused_reference
from tests.oracle.test_gibbs import SIGMAS, state_index
from tests.triton_device import DEVICE
from worker.rbm import energy, sampling
from worker.rbm.machine import Machine, stack
from worker.rbm.sampling import fused, prepare, random_chains
from worker.rbm.sampling.fused import FusedMachine
from worker.rbm.sampling.gpu import kernels, loops, workspace
from worker.rbm.sampling.gpu.tiles import Tiles
from worker.rbm.training import TrainingSchedule, fused_step, gradient, start_training, train
from worker.rbm.training.gradient import Phase

ONE_PROGRAM = Tiles(chains=4096, units=32, inputs=16) if DEVICE.type == "cpu" else Tiles()
"""A tile so tall that the interpreter has few programs to run."""


def sample(machine, start, steps, generators, **options):
    """Last visible and hidden states, on the CPU."""
    states = FusedMachine(machine.to(DEVICE), **options).sample(start.to(DEVICE), steps, generators)
    return [one.cpu() for one in states]


def rounded(machine):
    """The machine whose weights the sampler really has."""
    return Machine(machine.weight_matrix.half().float(), machine.vbias, machine.hbias, machine.mask)


@triton.jit
def store_words(result, key, block, chain, step, LAYER: tl.constexpr):
    chains = tl.zeros((1,), tl.int64) + chain
    words = kernels.random_words(key, chains, block, step, LAYER, 1, 1)
    for index in tl.static_range(4):
        tl.store(result + index + tl.zeros((1, 1), tl.int32), words[index].to(tl.int64))


KNOWN_ANSWERS = [
    ((0, 0, 0, 0), 0, 7, "5f6fb709 0d893f64 4f121f81 4f730a48"),
    ((2**32 - 1,) * 4, 2**64 - 1, 7, "5207ddc2 45165e59 4d8ee751 8c52f662"),
    ((0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344), 0x299F31D0_A4093822, 7, "4dfccaba 190a87f0 c47362ba b6b5242a"),
    ((0, 0, 0, 0), 0, 10, "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    ((0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344), 0x299F31D0_A4093822, 10, "d16cfe09 94fdcceb 5001e420 24126ea1"),
]
"""Of Random123's file kat_vectors: counter, key, rounds, words."""


@pytest.mark.parametrize(("counter", "key", "rounds", "words"), KNOWN_ANSWERS)
def test_random_words_are_philox(counter, key, rounds, words):
    """Kills: another constant, number of rounds or order of counter, key and words, in the kernel or its reference."""
    expected = [int(word, 16) for word in words.split()]
    reference = fused_reference.philox(tuple(np.array([word], np.uint64) for word in counter), key, rounds)
    assert [int(word[0]) for word in reference] == expected
    if rounds == 7:
        block, chain, step, layer = counter
        result = torch.zeros(4, dtype=torch.int64, device=DEVICE)
        store_words[(1,)](result, key - 2**64 if key >= 2**63 else key, block, chain, step, layer)
        assert result.tolist() == expected


@pytest.mark.parametrize(
    ("num_visible", "num_hidden", "num_chains", "tiles"),
    [
        (7, 5, 3, Tiles()),
        (1, 1, 1, Tiles(16, 32, 16)),
        (37, 67, 19, Tiles(16, 32, 16)),
        (67, 37, 19, Tiles(32, 64, 16)),
        (37, 67, 19, Tiles(32, 32, 64)),
    ],
)
def test_bits_are_those_of_the_reference(num_visible, num_hidden, num_chains, tiles):
    """Kills: a tile, unit, chain or step that takes another's numbers, inputs, weights or bias; a sum cut short."""
    machine = exact.tiny_machine(2, num_visible, num_hidden, spread=0.5)
    start = random_chains(num_chains, num_visible, exact.seeded(2))
    got = sample(machine, start, 2, exact.seeded(2, 9), tiles=tiles)
    expected = fused_reference.sample(machine, start, 2, exact.seeded(2, 9))
    assert torch.equal(got[0], expected[0])
    assert torch.equal(got[1], expected[1])


def test_stationary_law_of_every_visible_state():
    """Kills: wrong conditional in either layer, biases swapped, chains or steps that share random numbers.

    8,192 chains start from the exact law and must still have it after 10 steps: chi-square over all 2^7 states, those
    with fewer than 10 expected counts pooled, within 5 sigma of its mean.
    """
    machine, num_chains = exact.tiny_machine(spread=0.7), 8192
    law = exact.state_probabilities(rounded(machine))
    drawn = torch.multinomial(law, num_chains, replacement=True, generator=exact.seeded(1)[0])
    start = exact.all_states(7)[drawn].unsqueeze(0)
    visible, _ = sample(machine, start, 10, exact.seeded(1, 5), tiles=ONE_PROGRAM)
    assert not torch.equal(visible, start)
    counts = torch.bincount(state_index(visible[0]), minlength=128).double()
    common = law * num_chains >= 10
    counts = torch.cat([counts[common], counts[~common].sum().reshape(1)])
    expected = torch.cat([law[common], law[~common].sum().reshape(1)]) * num_chains
    chi_square = float(((counts - expected) ** 2 / expected).sum())
    degrees = len(expected) - 1
    assert abs(chi_square - degrees) < SIGMAS * (2 * degrees) ** 0.5


def test_one_step_draws_each_unit_and_pair_from_the_conditional():
    """Kills: units, chains or layers that use the same random number, neighbours that share a word above all.

    40 units take words from two calls' groups, so every pair of places in a group is among the pairs.
    """
    machine = exact.tiny_machine(seed=8, num_hidden=40, spread=0.5)
    num_chains = 16_384
    start = torch.tensor([1, 0, 1, 1, 0, 0, 1], dtype=torch.uint8).repeat(1, num_chains, 1)
    visible, hidden = sample(machine, start, 1, exact.seeded(1, 3), tiles=ONE_PROGRAM)
    weights, vbias, hbias = exact.parameters(rounded(machine))
    p = torch.sigmoid(start[0, 0].double() @ weights + hbias)
    centred = (hidden[0].double() - p) / (p * (1 - p)).sqrt()
    assert float(centred.mean(dim=0).abs().max()) < SIGMAS / num_chains**0.5
    correlation = centred.T @ centred / num_chains
    assert float((correlation - correlation.diag().diag()).abs().max()) < SIGMAS / num_chains**0.5
    neighbours = (centred[1:] * centred[:-1]).mean(dim=0)
    assert float(neighbours.abs().max()) < SIGMAS / num_chains**0.5
    p_visible = torch.sigmoid(hidden[0].double() @ weights.T + vbias)
    z = (visible[0].double() - p_visible).sum(dim=0) / (p_visible * (1 - p_visible)).sum(dim=0).sqrt()
    assert float(z.abs().max()) < SIGMAS


def test_rare_units_are_on_as_often_as_they_should():
    """Kills: probabilities resolved to the 16 bits that are a unit's own, with which these units would never be on.

    32 units with p = 2^-18, 2^22 draws: 16 expected, each count a Poisson number to within 5 sigma.
    """
    bias = torch.logit(torch.tensor(2.0**-18, dtype=torch.float64)).float()
    num_chains = 4096 * 32
    machine = Machine(torch.zeros(1, 1, 32), torch.zeros(1, 1), bias.repeat(1, 32), torch.ones(1, 1, 32).bool())
    start = torch.zeros(1, num_chains, 1, dtype=torch.uint8)
    _, hidden = sample(machine, start, 1, exact.seeded(1, 4), tiles=ONE_PROGRAM)
    assert abs(int(hidden.sum()) - 16) < SIGMAS * 16**0.5
    assert int(hidden.sum()) > 0


def test_sampler_agrees_with_the_cpu_sampler():
    """Kills: anything that makes another law of a larger machine. Means of all units, over 4,096 chains of each."""
    machine = exact.tiny_machine(num_visible=31, num_hidden=23, spread=0.3, dilution=0.5)
    start = random_chains(4096, 31, exact.seeded(1))
    ours = sample(machine, start, 6, exact.seeded(1, 5), tiles=ONE_PROGRAM)
    cpu = sampling.sample_gibbs(machine, start, 6, exact.seeded(1, 77), "fixed_point")
    for one, other in zip(ours, cpu, strict=True):
        means = one[0].double().mean(dim=0), other[0].double().mean(dim=0)
        deviation = (2 * means[1] * (1 - means[1]) / 4096).sqrt()
        assert float(((means[0] - means[1]) / deviation).abs().max()) < SIGMAS


def test_a_batch_of_replicas_is_the_replicas_one_by_one(monkeypatch):
    """Kills: numbers, weights, biases or states taken by place in the batch; groups that skip or repeat a replica."""
    machines = [exact.tiny_machine(1, 13, 11, seed=seed, dilution=0.3 * seed) for seed in range(3)]
    start = random_chains(17, 13, exact.seeded(3))
    monkeypatch.setattr(loops, "_l2_bytes", lambda device: 1)
    grouped = sample(stack(machines), start, 3, exact.seeded(3, 20))
    monkeypatch.setattr(loops, "_l2_bytes", lambda device: 2**30)
    workspace._free.clear()
    together = sample(stack(machines), start, 3, exact.seeded(3, 20))
    for index, machine in enumerate(machines):
        alone = sample(machine, start[index : index + 1], 3, exact.seeded(1, 20 + index))
        for layer in (0, 1):
            assert torch.equal(grouped[layer][index], alone[layer][0])
            assert torch.equal(together[layer][index], alone[layer][0])


def test_a_chain_does_not_depend_on_the_number_of_chains():
    """Kills: random numbers counted through the tile instead of by chain."""
    machine = exact.tiny_machine(1, 13, 11)
    start = random_chains(33, 13, exact.seeded(1))
    many = sample(machine, start, 2, exact.seeded(1, 3), tiles=Tiles(16, 32, 16))
    few = sample(machine, start[:, :18], 2, exact.seeded(1, 3), tiles=Tiles(32, 32, 16))
    assert torch.equal(many[0][:, :18], few[0])
    assert torch.equal(many[1][:, :18], few[1])


def test_replayed_graphs_go_on_counting_steps(monkeypatch):
    """Kills: steps that are counted anew in each graph, or a remainder that is left out."""
    machine = exact.tiny_machine(1, 13, 11)
    start = random_chains(17, 13, exact.seeded(1))
    whole = sample(machine, start, 5, exact.seeded(1, 3))
    monkeypatch.setattr(loops, "STEPS_PER_GRAPH", 2)
    workspace._free.clear()
    assert torch.equal(sample(machine, start, 5, exact.seeded(1, 3))[0], whole[0])


def test_padding_stays_off_and_is_not_read():
    """Kills: padded units that come on or have weights; padded chains that reach a real one."""
    machine = exact.tiny_machine(1, 13, 11, spread=30)
    start = random_chains(17, 13, exact.seeded(1))
    prepared = FusedMachine(machine.to(DEVICE), tiles=Tiles(32, 32, 16))
    clean = prepared.sample(start.to(DEVICE), 2, exact.seeded(1, 3))
    buffers = prepared._workspace.chain_buffers(17)
    assert not buffers.visible[:, :, 13:].any()
    assert not buffers.hidden[:, :, 11:].any()
    assert not prepared._workspace.weights[:, 13:].any()
    assert not prepared._workspace.weights[:, :, 11:].any()
    buffers.visible[:, 17:] = torch.nan
    poisoned = prepared.sample(start.to(DEVICE), 2, exact.seeded(1, 3))
    assert torch.equal(poisoned[0], clean[0])
    assert torch.equal(poisoned[1], clean[1])


def test_machines_of_one_shape_do_not_share_buffers_until_one_is_gone():
    """Kills: a second machine that overwrites the first one's weights; buffers that are made anew at each update."""
    first, second = (exact.tiny_machine(1, 13, 11, seed=seed).to(DEVICE) for seed in (1, 2))
    start = random_chains(5, 13, exact.seeded(1)).to(DEVICE)
    prepared = prepare(first, "fused")
    before = prepared.hidden_probabilities(start)
    first.weight_matrix.mul_(2)
    other = prepare(second, "fused")
    assert torch.equal(prepared.hidden_probabilities(start), before)
    assert not torch.equal(other.hidden_probabilities(start), before)
    kept = prepared._workspace
    del prepared
    gc.collect()
    again = prepare(first, "fused")
    assert again._workspace is kept
    assert other._workspace is not kept
    assert not torch.equal(again.hidden_probabilities(start), before)


def test_buffers_are_kept_for_the_last_numbers_of_chains():
    """Kills: buffers (and graphs) that are made anew at each call; buffers of every number of chains kept for ever."""
    space = FusedMachine(exact.tiny_machine(1, 13, 11).to(DEVICE))._workspace
    training = space.chain_buffers(3)
    assert space.chain_buffers(5) is not training
    assert space.chain_buffers(3) is training
    space.chain_buffers(7)
    assert [kept.num_chains for kept in space.kept] == [5, 7]


def test_hidden_probabilities_are_those_of_the_rounded_weights():
    """Kills: a wrong bias, stride or border; probabilities in half precision. 67 samples make a tile and a part."""
    machine = exact.tiny_machine(2, 37, 43, spread=0.5)
    visible = random_chains(67, 37, exact.seeded(2))
    prepared = FusedMachine(machine.to(DEVICE), tiles=Tiles(64, 32, 16))
    got = prepared.hidden_probabilities(visible.to(DEVICE)).cpu()
    torch.testing.assert_close(got, energy.hidden_probabilities(rounded(machine), visible), rtol=1e-5, atol=1e-7)
    torch.testing.assert_close(got, energy.hidden_probabilities(machine, visible), rtol=0, atol=2e-3)


def test_weights_beyond_half_precision_still_decide_their_units():
    """Kills: infinite weights, whose product with a unit that is off is not a number."""
    machine = Machine(
        torch.tensor([[[1e6, -1e6], [0.0, 0.0]]]), torch.zeros(1, 2), torch.zeros(1, 2), torch.ones(1, 2, 2).bool()
    )
    start = torch.tensor([[[1, 0]] * 9], dtype=torch.uint8)
    _, hidden = sample(machine, start, 1, exact.seeded(1))
    assert hidden[0].tolist() == [[1, 0]] * 9
    off = FusedMachine(machine.to(DEVICE)).hidden_probabilities(torch.zeros_like(start).to(DEVICE)).cpu()
    assert torch.equal(off, torch.full((1, 9, 2), 0.5))


SCHEDULE = TrainingSchedule(gibbs_steps=1, num_updates=4, batch_size=5, num_chains=5, learning_rate=0.2)
IMAGES = torch.randint(0, 2, (23, 13), generator=torch.Generator().manual_seed(2), dtype=torch.uint8)


@pytest.fixture
def fused_by_default(monkeypatch):
    """Training on the tests' device takes the GPU sampler, as on a GPU."""
    monkeypatch.setitem(sampling.DEFAULT_SAMPLERS, DEVICE.type, "fused")
    sampling.default_sampler.cache_clear()
    yield
    sampling.default_sampler.cache_clear()


def trained(dilutions, seeds, updates):
    return train(start_training(IMAGES, SCHEDULE, 11, dilutions, seeds, device=DEVICE), IMAGES, SCHEDULE, updates)


@pytest.mark.usefixtures("fused_by_default")
def test_training_resumed_is_training_uninterrupted_and_its_replicas_do_not_meet():
    """Kills: random state kept outside the generators; parameters of an update before; replicas that share numbers."""
    whole = trained([0.0, 0.5], [11, 12], 3)
    resumed = trained([0.0, 0.5], [11, 12], 1)
    workspace._free.clear()
    train(resumed, IMAGES, SCHEDULE, 2)
    assert torch.equal(resumed.machine.weight_matrix, whole.machine.weight_matrix)
    assert torch.equal(resumed.chains, whole.chains)
    alone = trained([0.5], [12], 3)
    assert torch.equal(alone.machine.weight_matrix[0], whole.machine.weight_matrix[1])
    assert torch.equal(alone.chains[0], whole.chains[1])
    assert bool((whole.machine.weight_matrix[~whole.machine.mask] == 0).all())


def test_gradient_is_the_torch_gradient():
    """Kills: phases exchanged, a sum where a mean belongs, a border left out, half precision, the mask not applied."""
    machine = exact.tiny_machine(2, 37, 43, spread=0.5, dilution=0.5)
    phases = []
    for size in (41, 70):
        visible = random_chains(size, 37, exact.seeded(2, size))
        phases.append(Phase(visible, energy.hidden_probabilities(machine, visible)))
    expected = gradient.log_likelihood_gradient(*phases, machine.mask)
    moved = [Phase(one.visible.to(DEVICE), one.hidden_probabilities.to(DEVICE)) for one in phases]
    got = fused_step.log_likelihood_gradient(*moved, machine.mask.to(DEVICE))
    for name in ("weight_matrix", "vbias", "hbias"):
        torch.testing.assert_close(getattr(got, name).cpu(), getattr(expected, name), rtol=1e-5, atol=3e-7)
    assert bool((got.weight_matrix.cpu()[~machine.mask] == 0).all())


def test_requests_that_do_not_fit_are_refused():
    """Kills: a check left out."""
    machine = exact.tiny_machine(2).to(DEVICE)
    start = random_chains(3, 7, exact.seeded(2)).to(DEVICE)
    with pytest.raises(ValueError, match="gibbs_steps is 0"):
        prepare(machine, "fused").sample(start, 0, exact.seeded(2))
    with pytest.raises(ValueError, match="1 generators for 2 replicas"):
        prepare(machine, "fused").sample(start, 1, exact.seeded(1))
    with pytest.raises(ValueError, match="visible has shape"):
        prepare(machine, "fused").hidden_probabilities(start[:, :, :5])
    with pytest.raises(ValueError, match="units is 16"):
        Tiles(units=16)
    with pytest.raises(ValueError, match="chains is 48"):
        Tiles(chains=48)
    assert fused.why_not(DEVICE) is None
