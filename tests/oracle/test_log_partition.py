"""Log Z by annealed importance sampling against exact enumeration, and its error bar against what is observed."""

import math

import pytest
import torch

from tests.oracle import exact
from worker.rbm.energy import free_energy
from worker.rbm.likelihood import LogPartition, anneal_in_blocks, base_rates, inverse_temperatures, log_partition
from worker.rbm.likelihood.annealing import softplus_difference
from worker.rbm.likelihood.partition import summarise
from worker.rbm.likelihood.path import log_base_partition
from worker.rbm.machine import Machine, stack

SEEDS = 100
ROUNDING = 2e-6
"""Nats; the fields are float32."""


def images(num_visible: int) -> torch.Tensor:
    """Independent pixels with means from 0.1 to 0.8."""
    uniform = torch.rand(200, num_visible, generator=torch.Generator().manual_seed(7))
    return (uniform < torch.linspace(0.1, 0.8, num_visible)).to(torch.uint8)


def seen_by_seeds(machine: Machine, first_seed: int, temperatures: int = 30, chains: int = 100) -> LogPartition:
    """The estimates of many seeds for one machine, as a batch of equal replicas."""
    generators = exact.seeded(SEEDS, first_seed)
    batch = exact.repeated(machine, SEEDS)
    return log_partition(batch, base_rates(images(machine.num_visible)), generators, temperatures, chains)


def true_log_partition(machine: Machine) -> float:
    return float(exact.log_partition(*exact.parameters(machine)))


@pytest.mark.parametrize(("num_visible", "num_hidden"), [(7, 5), (11, 5), (13, 3)])
@pytest.mark.parametrize("spread", [0.1, 1.0, 1.5])
@pytest.mark.parametrize("dilution", [0.0, 0.5, 0.9])
def test_the_error_bar_holds_the_exact_value_and_is_not_inflated(num_visible, num_hidden, spread, dilution):
    """Kills: any wrong term of the weights or the path, a base off by a constant, a bar too short or long.

    The interval holds log Z for at least 90 of 100 seeds; the observed spread of 100 values is known to 7 %, so a
    right interval of +-1.96 deviations is 0.75 to 1.3 times as long as the observed one.
    """
    machine = exact.tiny_machine(1, num_visible, num_hidden, seed=3, dilution=dilution, spread=spread)
    true = true_log_partition(machine)
    found = seen_by_seeds(machine, 1000)
    held = (found.low - ROUNDING <= true) & (true <= found.high + ROUNDING)
    assert int(held.sum()) >= 90
    length = float((found.high - found.low).mean()) / (2 * 1.96 * float(found.value.std()))
    assert 0.75 < length < 1.3
    assert abs(float(found.value.mean()) - true) < 5 * float(found.value.std()) / SEEDS**0.5 + ROUNDING


@pytest.mark.parametrize("sigma", [0.5, 1.5, 3.0])
def test_the_interval_of_lognormal_weights_holds_their_mean(sigma):
    """Kills: the delta method alone, which holds it in half of the cases at sigma = 3; an end that is always far away.

    2,000 sets of 100 weights whose logarithms are normal: log E w = sigma^2 / 2. The interval is no longer than
    1.3 times +-1.96 observed deviations.
    """
    normal = torch.randn(2000, 100, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    found = summarise(sigma * normal, 0.0)
    held = (found.low <= sigma**2 / 2) & (sigma**2 / 2 <= found.high)
    assert float(held.double().mean()) > 0.92
    assert float((found.low > sigma**2 / 2).double().mean()) < 0.035
    length = float((found.high - found.low).mean()) / (2 * 1.96 * float(found.value.std()))
    assert length < 1.3


def test_estimate_interval_and_effective_chains_by_hand():
    """Kills: a mean of logarithms, a variance by n, a lost base, an effective number of another definition."""
    weights = [1.0, 2.0, 6.0]
    found = summarise(torch.tensor([weights, [5.0] * 3]).double().log(), 10.0)
    assert found.value.tolist() == pytest.approx([10 + math.log(3), 10 + math.log(5)])
    half = 1.959964 * math.sqrt(7) / 3 / math.sqrt(3)
    assert found.low.tolist() == pytest.approx([10 + math.log(3) - half, 10 + math.log(5)])
    logs = torch.tensor(weights).double().log()
    variance = float(logs.var())
    upper = float(logs.mean()) + variance / 2 + 1.959964 * math.sqrt(variance / 3 + variance**2 / 4)
    assert upper > math.log(3) + half
    assert found.high.tolist() == pytest.approx([10 + upper, 10 + math.log(5)])
    assert found.effective_chains.tolist() == pytest.approx([81 / 41, 3.0])


def test_the_mean_weight_is_the_ratio_of_partition_functions_even_on_a_short_path():
    """Kills: a step that does not leave its distribution as it is: weights of the wrong order, a skipped temperature.

    One to three temperatures, 200,000 chains, machine and base far apart: within 5 standard errors.
    """
    machine = exact.tiny_machine(1, 7, 5, seed=9, spread=0.8)
    base = base_rates(images(7))
    ratio = math.exp(true_log_partition(machine) - log_base_partition(base, 5))
    for temperatures in (1, 2, 3):
        blocks = anneal_in_blocks(machine, base, inverse_temperatures(temperatures), 200_000, exact.seeded(1, 5))
        weights = list(blocks)[-1][1][0].exp()
        assert abs(float(weights.mean()) - ratio) < 5 * float(weights.std()) / 200_000**0.5


def test_more_temperatures_leave_less_spread():
    """Kills: a path that jumps, chains that do not follow it."""
    machine = exact.tiny_machine(1, 13, 3, seed=3, dilution=0.0, spread=1.5)
    spreads = [float(seen_by_seeds(machine, 400, temperatures).value.std()) for temperatures in (5, 80)]
    assert spreads[1] < spreads[0] / 2.5


def test_base_machine_is_its_own_partition_function():
    """Kills: a wrong log Z of the base; hidden units of the base left out; weights of a path that goes nowhere.

    A machine without couplings whose visible biases are the base's and whose hidden biases are 0: every weight is 1.
    """
    base = base_rates(images(11))
    machine = Machine(torch.zeros(1, 11, 5), base[None], torch.zeros(1, 5), torch.zeros(1, 11, 5).bool())
    found = log_partition(machine, base, exact.seeded(1), 10, 7)
    assert float(found.value) == pytest.approx(true_log_partition(machine), abs=1e-5)
    assert float(found.high - found.low) == pytest.approx(0, abs=1e-5)
    assert float(found.effective_chains) == pytest.approx(7, abs=1e-5)


def test_constant_pixels_and_dead_units_give_finite_values():
    """Kills: the logit of 0 or 1; NaN from units without weights or with huge ones."""
    constant = torch.zeros(50, 7, dtype=torch.uint8)
    constant[:, 3] = 1
    base = base_rates(constant)
    assert base[0] == pytest.approx(math.log(1e-3 / 0.999), rel=1e-4)
    assert base[3] == pytest.approx(-math.log(1e-3 / 0.999), rel=1e-4)
    machines = [exact.tiny_machine(dilution=1.0), exact.tiny_machine(spread=200.0)]
    found = log_partition(stack(machines), base, exact.seeded(2), 300, 31)
    for values in (found.value, found.low, found.high, found.effective_chains):
        assert bool(torch.isfinite(values).all())
    assert float(found.low[0]) < true_log_partition(machines[0]) < float(found.high[0])


def test_softplus_difference_is_exact_for_every_step_and_field():
    """Kills: cancellation of two large logarithms, overflow of the exponential, one wrong sign."""
    x = torch.tensor([-3e4, -90.0, -20.0, -1.0, -1e-3, 0.0, 1e-3, 1.0, 20.0, 90.0, 3e4]).reshape(1, 1, -1)
    for before, beta in [(0.0, 1.0), (0.0, 1e-4), (0.3, 0.3001), (0.9999, 1.0), (0.2, 0.7)]:
        wide = [
            value.clamp(min=0) + torch.log1p(torch.exp(-value.abs()))
            for value in (beta * x.double(), before * x.double())
        ]
        got = softplus_difference(x, before, beta).double()
        torch.testing.assert_close(got, wide[0] - wide[1], rtol=3e-6, atol=1e-37)


def test_replicas_do_not_depend_on_their_batch():
    """Kills: one stream of random numbers for the batch, weights or biases of another replica."""
    machine = exact.tiny_machine(3, 13, 11)
    base = base_rates(images(13))
    together = log_partition(machine, base, exact.seeded(3, 20), 20, 31)
    for index in range(3):
        alone = log_partition(machine.replica(index), base, exact.seeded(1, 20 + index), 20, 31)
        assert float(alone.value) == pytest.approx(float(together.value[index]), abs=1e-4)
        assert float(alone.high) == pytest.approx(float(together.high[index]), abs=1e-4)


def test_equal_replicas_with_different_seeds_differ():
    """Kills: replicas that share a stream."""
    machine = exact.repeated(exact.tiny_machine(), 2)
    found = log_partition(machine, base_rates(images(7)), exact.seeded(2), 5, 11)
    assert float(found.value[0]) != float(found.value[1])


def test_blocks_come_at_every_temperature():
    """Kills: a run that cannot be stopped in between; a count that does not reach the number of temperatures."""
    machine = exact.tiny_machine(2)
    blocks = anneal_in_blocks(machine, base_rates(images(7)), inverse_temperatures(9), 3, exact.seeded(2))
    assert [number for number, _ in blocks] == list(range(1, 10))


def test_the_path_leads_from_the_base_to_the_machine():
    """Kills: a path that ends just before 1 or has equal neighbours."""
    for number in (1, 2, 1000):
        betas = inverse_temperatures(number)
        assert len(betas) == number + 1
        assert (float(betas[0]), float(betas[-1])) == (0.0, 1.0)
        assert bool((betas.diff() > 0).all())


def test_what_makes_no_sense_is_refused(unchecked_shapes):
    """Kills: an error bar of one chain, an empty path, a base of another size, a shared generator."""
    machine, base = exact.tiny_machine(2), base_rates(images(7))
    for arguments, says in [
        ((machine, base, exact.seeded(2), 5, 1), "2 chains or more"),
        ((machine, base, exact.seeded(2), 0, 5), "num_temperatures is 0"),
        ((machine, base_rates(images(5)), exact.seeded(2), 5, 5), "base_vbias has shape"),
        ((machine, base, exact.seeded(1) * 2, 5, 5), "share a generator"),
    ]:
        with pytest.raises(ValueError, match=says):
            log_partition(*arguments)
    for path in ([0.0, 0.5], [0.1, 1.0], [0.0, 0.7, 0.7, 1.0], [1.0]):
        with pytest.raises(ValueError, match="ascend from 0 to 1"):
            list(anneal_in_blocks(machine, base, torch.tensor(path).double(), 5, exact.seeded(2)))


def test_free_energies_and_log_partition_make_a_law():
    """Kills: a free energy and a log Z that differ by a constant: probabilities of all states must add to 1."""
    machine = exact.tiny_machine(1, 7, 5, seed=3, spread=0.5)
    found = log_partition(machine, base_rates(images(7)), exact.seeded(1), 300, 400)
    logs = -free_energy(machine, exact.all_states(7)[None]).double() - found.value[:, None]
    half = float(found.high - found.low) / 2
    assert abs(float(torch.logsumexp(logs, dim=1))) < 3 * half
    assert half < 0.02
