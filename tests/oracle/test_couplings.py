"""Effective couplings against exact enumeration of ln p and against plain quadrature."""

import itertools
from pathlib import Path

import pytest
import torch

from tests.oracle import exact, ising
from worker.rbm import couplings
from worker.rbm.couplings import quadrature
from worker.rbm.machine import Machine, stack
from worker.rbm.machine_file import read_machine
from worker.rbm.pruning import prune

AVERAGES = ("gaussian", "exact")
TRIPLES = torch.tensor([[0, 1, 2], [6, 3, 1], [2, 4, 5], [5, 0, 6]])
ZOO = Path(__file__).parents[2] / "models_store" / "zoo"


def machine_of(weights, vbias=None, hbias=None):
    """A machine of one replica from plain numbers; where a weight is 0 it is masked."""
    w = torch.as_tensor(weights, dtype=torch.float32)
    b = torch.zeros(w.shape[0]) if vbias is None else torch.as_tensor(vbias, dtype=torch.float32)
    c = torch.zeros(w.shape[1]) if hbias is None else torch.as_tensor(hbias, dtype=torch.float32)
    return Machine(w[None], b[None], c[None], (w != 0)[None])


def extreme_machine(std, seed, largest=16.0, num_visible=13, num_hidden=5):
    """Biases up to 16; four hidden units have weights of size `largest`: one, two, three, one among others."""
    generator = torch.Generator().manual_seed(seed)
    weights = torch.randn(num_visible, num_hidden, generator=generator) * std
    weights[:, 0], weights[:, 1], weights[:, 2] = 0, 0, 0
    weights[3, 0] = largest
    weights[:2, 1] = torch.tensor([largest, -largest])
    weights[:3, 2] = torch.tensor([-largest, largest, largest / 7])
    weights[4, 3] = largest
    biases = [(torch.rand(count, generator=generator) * 32 - 16) for count in (num_visible, num_hidden)]
    biases[1][1] = -(weights[:, 1].sum() / 2)
    return machine_of(weights, *biases)


def bound_of_error(machine, *units):
    """1e-10 of the product of the weights for each hidden unit, as the documentation states, and 1e-12 of rounding."""
    weights = machine.weight_matrix[0, list(units)].double().abs() / 4
    return 1e-10 * float(weights.prod(dim=0).sum()) + 1e-12


@pytest.mark.parametrize("std", [0.01, 0.3, 1.0, 4.0])
@pytest.mark.parametrize("largest", [0.5, 16.0, 60.0])
def test_every_coupling_is_the_gaussian_average_of_the_definition(std, largest):
    """Kills: any factor, sign, field, average or variance that differs from the definition; overflow of one large
    weight; nodes too few or too far apart."""
    machine = extreme_machine(std, seed=3, largest=largest)
    fields, pairs = couplings.effective_fields(machine)[0], couplings.two_body_couplings(machine)[0]
    for unit in range(machine.num_visible):
        error = abs(float(fields[unit]) - ising.integrated_coupling(machine, unit))
        assert error < bound_of_error(machine, unit)
    for a, b in itertools.combinations(range(machine.num_visible), 2):
        assert abs(float(pairs[a, b]) - ising.integrated_coupling(machine, a, b)) < bound_of_error(machine, a, b)
    for triple, value in zip(TRIPLES.tolist(), couplings.three_body_couplings(machine, TRIPLES)[0], strict=True):
        error = abs(float(value) - ising.integrated_coupling(machine, *triple))
        assert error < 10 * bound_of_error(machine, *triple)


def test_a_unit_that_receives_much():
    """Kills: nodes whose step does not follow the standard deviation (20 here) or the field."""
    generator = torch.Generator().manual_seed(1)
    weights = torch.where(torch.rand(401, 3, generator=generator) < 0.5, 4.0, -4.0)
    machine = machine_of(weights, hbias=[-16.0, 0.0, 16.0])
    pairs = couplings.two_body_couplings(machine)[0]
    for a, b in ((0, 1), (7, 200), (399, 400)):
        assert abs(float(pairs[a, b]) - ising.integrated_coupling(machine, a, b)) < 1e-11
    fields = couplings.effective_fields(machine)[0]
    for unit in (0, 200, 400):
        assert abs(float(fields[unit]) - ising.integrated_coupling(machine, unit)) < 1e-10


def test_a_trained_machine():
    """Kills: a scheme that is only right for small machines; blocks that are lost or counted twice."""
    machine, _ = read_machine((ZOO / "paper-schedule-p0-40.safetensors").read_bytes())
    pairs = couplings.two_body_couplings(machine)[0]
    assert torch.equal(pairs, pairs.T)
    strongest = divmod(int(pairs.abs().argmax()), 784)
    for a, b in (strongest, (350, 400), (405, 433)):
        assert abs(float(pairs[a, b]) - ising.integrated_coupling(machine, a, b)) < 1e-10


@pytest.mark.parametrize(("std", "bound"), [(0.1, 0.001), (1.0, 0.02), (1.5, 0.04)])
@pytest.mark.parametrize("dilution", [0.0, 0.5, 0.9])
def test_the_gaussian_step_costs_little(std, bound, dilution):
    """Kills: both other readings of eq. 10; the pair's own weights in the variance; sigma taken for v.

    Pooled over ten machines of 12 x 6 units, seeds 0 to 9: rmse over all pairs / rms of the enumerated couplings.
    """
    machines = [ising.zero_mean_machine(std, dilution, seed) for seed in range(10)]
    got = couplings.two_body_couplings(stack(machines))
    expected = torch.stack([ising.enumerated_pairs(machine) for machine in machines])
    assert (got - expected).square().mean().sqrt() <= bound * expected.square().mean().sqrt()
    assert expected.abs().max() > 0


@pytest.mark.parametrize("dilution", [0.0, 0.5, 0.9])
@pytest.mark.parametrize("spread", [0.1, 1.5, 6.0])
def test_the_exact_average_is_the_enumeration(dilution, spread):
    """Kills: a wrong sign of the product of cosines; another replica's parameters; a missing bias."""
    machine = exact.tiny_machine(replicas=3, dilution=dilution, spread=spread, seed=5)
    fields = couplings.effective_fields(machine, "exact")
    pairs = couplings.two_body_couplings(machine, "exact")
    triples = couplings.three_body_couplings(machine, TRIPLES, "exact")
    for replica in range(3):
        one = machine.replica(replica)
        close = {"atol": 1e-9, "rtol": 0}
        torch.testing.assert_close(fields[replica], ising.enumerated_couplings(one, [[j] for j in range(7)]), **close)
        torch.testing.assert_close(pairs[replica], ising.enumerated_pairs(one), **close)
        torch.testing.assert_close(triples[replica], ising.enumerated_couplings(one, TRIPLES.tolist()), **close)


def test_the_gaussian_average_is_exact_where_there_is_nothing_to_average():
    """Kills: a variance that includes the spins of the coupling; a unit with sd = 0 left out, or divided by."""
    pair = machine_of([[3.0, 0, 0], [-2.0, 1.5, 0], [0, 0.7, 5.0]], [0.3, -0.2, 0.1], [0.5, -1.0, 2.0])
    torch.testing.assert_close(couplings.two_body_couplings(pair)[0], ising.enumerated_pairs(pair), atol=1e-9, rtol=0)
    triple = machine_of([[3.0], [-2.0], [1.5]], [0.3, -0.2, 0.1], [0.5])
    got = couplings.three_body_couplings(triple, torch.tensor([[0, 1, 2]]))
    assert float(got) == pytest.approx(float(ising.enumerated_couplings(triple, [[0, 1, 2]])), abs=1e-9)
    assert abs(float(got)) > 0.05
    single = machine_of([[3.0, 0], [0, -2.0]], [0.3, -0.2], [0.5, -1.0])
    expected = ising.enumerated_couplings(single, [[0], [1]])
    torch.testing.assert_close(couplings.effective_fields(single)[0], expected, atol=1e-9, rtol=0)


@pytest.mark.parametrize("average", AVERAGES)
def test_without_weights_there_are_no_couplings(average):
    """Kills: rounding left over where the answer is 0; a division by the number of nodes when there are none."""
    machine = prune(exact.tiny_machine(replicas=2), 1.0)
    assert (couplings.two_body_couplings(machine, average) == 0).all()
    assert (couplings.three_body_couplings(machine, TRIPLES, average) == 0).all()
    assert torch.equal(couplings.effective_fields(machine, average), machine.vbias.double() / 2)


@pytest.mark.parametrize("average", AVERAGES)
def test_spins_that_no_hidden_unit_joins_have_exactly_no_coupling(average):
    """Kills: a pruned weight that contributes; a mask that is ignored."""
    machine = prune(exact.tiny_machine(num_visible=11, num_hidden=3, dilution=0), 0.7)
    joined = machine.mask[0].to(torch.int64) @ machine.mask[0].T.to(torch.int64) > 0
    pairs = couplings.two_body_couplings(machine, average)[0]
    assert not joined.all()
    assert torch.equal(pairs != 0, joined & ~torch.eye(11, dtype=torch.bool))
    triples = torch.tensor(list(itertools.combinations(range(11), 3)))
    joined = machine.mask[0][triples].all(dim=1).any(dim=1)
    values = couplings.three_body_couplings(machine, triples, average)[0]
    assert 0 < int(joined.sum()) < len(triples)
    assert torch.equal(values != 0, joined)


def test_a_batch_is_its_replicas_one_by_one():
    """Kills: sums that run on from one replica to the next; another replica's nodes."""
    machine = exact.tiny_machine(replicas=3)
    pairs, fields = couplings.two_body_couplings(machine), couplings.effective_fields(machine)
    triples = couplings.three_body_couplings(machine, TRIPLES)
    for replica in range(3):
        one = machine.replica(replica)
        assert torch.equal(couplings.two_body_couplings(one)[0], pairs[replica])
        assert torch.equal(couplings.effective_fields(one)[0], fields[replica])
        assert torch.equal(couplings.three_body_couplings(one, TRIPLES)[0], triples[replica])


@pytest.mark.parametrize(
    "in_blocks",
    [couplings.two_body_couplings_in_blocks, lambda m: couplings.three_body_couplings_in_blocks(m, TRIPLES)],
)
def test_blocks_report_their_progress_and_add_up(in_blocks, monkeypatch):
    """Kills: a last block that is cut off or added twice; progress that goes back, stands still or stops
    before 1."""
    machine = exact.tiny_machine(replicas=2)
    whole = [result.clone() for _, result in in_blocks(machine)][-1]
    monkeypatch.setattr(quadrature, "ELEMENTS_PER_BLOCK", 7 * 11)
    monkeypatch.setattr("worker.rbm.couplings.three_body.ELEMENTS_PER_BLOCK", 2 * 11)
    progress = [(fraction, result.clone()) for fraction, result in in_blocks(machine)]
    fractions = [fraction for fraction, _ in progress]
    assert len(set(fractions)) == len(fractions) - 1 > 20
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1
    for fraction, result in progress:
        assert fraction < 1 or torch.equal(result, progress[-1][1])
    torch.testing.assert_close(progress[-1][1], whole, atol=1e-14, rtol=0)


def test_condensed_couplings_keep_their_order():
    """Kills: pairs by columns, or the diagonal among them."""
    matrix = couplings.two_body_couplings(exact.tiny_machine(replicas=2))
    pairs = couplings.condensed(matrix)
    expected = [[row[a][b] for a in range(7) for b in range(a + 1, 7)] for row in matrix.float().tolist()]
    assert pairs.tolist() == expected
    assert torch.equal(couplings.square(pairs), matrix.float())
    with pytest.raises(ValueError, match="20 pairs"):
        couplings.square(pairs[:, 1:])


def test_refusals(unchecked_shapes):
    """Kills: an unknown average taken for another; a triple that repeats a unit or counts from the end."""
    machine = exact.tiny_machine()
    with pytest.raises(ValueError, match="average is 'mean field'; it must be one of gaussian, exact"):
        couplings.two_body_couplings(machine, "mean field")
    for triples, message in (
        ([[0, 1, 1]], "1 triples repeat"),
        ([[0, 1, 7]], "outside 0 to 6"),
        ([[-1, 1, 2]], "outside 0 to 6"),
        ([[0, 1]], r"shape \(1, 2\)"),
    ):
        with pytest.raises(ValueError, match=message):
            couplings.three_body_couplings(machine, torch.tensor(triples))


def test_small_machines():
    """Kills: a machine with fewer visible units than a coupling has spins, which fails instead of having none."""
    machine = machine_of([[2.0, -1.0]])
    assert couplings.two_body_couplings(machine).tolist() == [[[0.0]]]
    none = torch.empty(0, 3, dtype=torch.int64)
    assert couplings.three_body_couplings(machine, none).shape == (1, 0)
    expected = ising.enumerated_couplings(machine, [[0]])
    torch.testing.assert_close(couplings.effective_fields(machine)[0], expected, atol=1e-9, rtol=0)
