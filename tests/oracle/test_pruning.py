"""Exact counts of pruned weights, for every rule."""

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.oracle import exact
from worker.rbm.machine import Machine, new_machine
from worker.rbm.pruning import prune, prune_grid
from worker.rbm.registry import family

RULES = ["magnitude", "random", "hidden_unit"]
NUM_WEIGHTS = 35


def machine_with(weights, mask=None):
    weights = torch.as_tensor(weights, dtype=torch.float32).reshape(1, 7, 5)
    mask = torch.ones(1, 7, 5).bool() if mask is None else mask
    return Machine(weights * mask, torch.zeros(1, 7), torch.zeros(1, 5), mask)


def diluted(p0, seed=0):
    return new_machine(7, 5, [p0], torch.full((7,), 0.5), exact.seeded(1, seed))


def num_masked(machine):
    return int((~machine.mask).sum())


def test_every_rule_is_tested_here():
    """Kills: a new rule without these tests."""
    assert sorted(RULES) == sorted(family("pruning_rules"))


@pytest.mark.parametrize("rule", RULES)
@settings(max_examples=60, deadline=None)
@given(p0=st.floats(0, 1), p=st.floats(0, 1), seed=st.integers(0, 5))
def test_exactly_round_pn_weights_are_masked(rule, p0, p, seed):
    """Kills: one weight too many or too few, masked weights not counted in, pruning below p0."""
    machine = diluted(p0, seed)
    pruned = prune(machine, p, rule, exact.seeded(1))
    assert num_masked(pruned) == max(round(p0 * NUM_WEIGHTS), round(p * NUM_WEIGHTS))
    assert bool((pruned.weight_matrix[~pruned.mask] == 0).all())
    assert bool((machine.mask | ~pruned.mask).all())
    assert torch.equal(pruned.weight_matrix[pruned.mask], machine.weight_matrix[pruned.mask])


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("p", [0.0, 0.2, 0.4])
def test_nothing_to_do_at_or_below_the_dilution(rule, p):
    """Kills: pruning p of the weights that are left; a mask that is opened again."""
    machine = diluted(0.4)
    pruned = prune(machine, p, rule, exact.seeded(1))
    assert torch.equal(pruned.mask, machine.mask)
    assert torch.equal(pruned.weight_matrix, machine.weight_matrix)


@pytest.mark.parametrize("rule", RULES)
def test_everything_is_pruned_at_one(rule):
    """Kills: a threshold that spares the largest weight."""
    pruned = prune(exact.tiny_machine(3, dilution=0.3), 1.0, rule, exact.seeded(3))
    assert not bool(pruned.mask.any())
    assert not bool(pruned.weight_matrix.any())


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("p", [-0.01, 1.01, float("nan")])
def test_p_outside_the_unit_interval_is_refused(rule, p):
    """Kills: a p that is clamped or wraps around."""
    with pytest.raises(ValueError, match="must be in"):
        prune(diluted(0.1), p, rule, exact.seeded(1))


def test_magnitude_takes_the_smallest_and_keeps_the_sign():
    """Kills: pruning by signed value; pruning the largest first."""
    weights = torch.linspace(-1.7, 1.8, NUM_WEIGHTS)
    pruned = prune(machine_with(weights), 10 / NUM_WEIGHTS)
    smallest = set(weights.abs().argsort()[:10].tolist())
    assert set((~pruned.mask.flatten()).nonzero().flatten().tolist()) == smallest


@pytest.mark.parametrize("count", [0, 1, 17, 34, 35])
def test_ties_go_by_index(count):
    """Kills: a comparison with the threshold's value, which prunes all ties or none; an unstable sort."""
    weights = torch.tensor([0.5, -0.5] * 18)[:NUM_WEIGHTS]
    pruned = prune(machine_with(weights), count / NUM_WEIGHTS)
    assert (~pruned.mask.flatten()).nonzero().flatten().tolist() == list(range(count))


def test_a_zero_inside_the_mask_is_a_weight_like_any_other():
    """Kills: counting zeros by value; a zero weight confused with a masked one."""
    weights = torch.arange(NUM_WEIGHTS).float()
    mask = torch.ones(1, 7, 5).bool()
    mask[0, 6, 4] = False
    machine = machine_with(weights, mask)
    assert num_masked(prune(machine, 1 / NUM_WEIGHTS)) == 1
    assert bool(prune(machine, 1 / NUM_WEIGHTS).mask[0, 0, 0])
    assert not bool(prune(machine, 2 / NUM_WEIGHTS).mask[0, 0, 0])


@pytest.mark.parametrize("rule", RULES)
def test_a_grid_has_the_counts_and_is_nested(rule):
    """Kills: a grid that draws or sorts anew for each p."""
    grid = [index / NUM_WEIGHTS for index in range(NUM_WEIGHTS + 1)]
    machines = list(prune_grid(diluted(0.0), grid, rule, exact.seeded(1)))
    assert [num_masked(machine) for machine in machines] == list(range(NUM_WEIGHTS + 1))
    for wider, narrower in itertools.pairwise(machines):
        assert bool((wider.mask | ~narrower.mask).all())


def test_each_replica_is_pruned_by_its_own_weights_and_dilution():
    """Kills: one threshold for the whole batch."""
    machine = new_machine(7, 5, [0.0, 0.6], torch.full((7,), 0.5), exact.seeded(2))
    pruned = prune(machine, 0.4)
    assert (~pruned.mask).sum(dim=(1, 2)).tolist() == [14, 21]
    for index in range(2):
        alone = prune(machine.replica(index), 0.4)
        assert torch.equal(alone.mask[0], pruned.mask[index])


def test_random_pruning_is_uniform_and_from_each_generator():
    """Kills: a random rule with a fixed order, or one order for all replicas. 5 sigma over 2,000 draws."""
    generator = torch.Generator().manual_seed(1)
    machine = machine_with(torch.ones(NUM_WEIGHTS))
    draws = torch.stack([(~prune(machine, 0.2, "random", [generator]).mask).flatten() for _ in range(2000)]).double()
    sd = (0.2 * 0.8 / 2000) ** 0.5
    assert float((draws.mean(dim=0) - 0.2).abs().max()) < 5 * sd
    with pytest.raises(ValueError, match="generator"):
        prune(machine, 0.2, "random")


def test_the_hidden_unit_rule_prunes_every_unit_alike():
    """Kills: a per-unit rule that ranks globally or along the wrong axis."""
    machine = exact.tiny_machine(dilution=0.0)
    pruned = prune(machine, 15 / NUM_WEIGHTS, "hidden_unit")
    assert (~pruned.mask[0]).sum(dim=0).tolist() == [3] * 5
    kept = torch.where(pruned.mask, machine.weight_matrix.abs(), torch.inf)[0].min(dim=0).values
    lost = torch.where(pruned.mask, 0, machine.weight_matrix.abs())[0].max(dim=0).values
    assert bool((lost < kept).all())
