"""The GPU sampler on a real device, at the paper's size: what the interpreter cannot show.

Where there is a device, tests/oracle/test_fused_sampler.py runs on it as well.
"""

import pytest
import torch

from tests.oracle import exact, fused_reference
from tests.triton_device import DEVICE
from worker.rbm import energy
from worker.rbm.machine import Machine, stack
from worker.rbm.sampling import default_sampler, prepare, random_chains
from worker.rbm.training import TrainingSchedule, start_training, train

pytestmark = pytest.mark.gpu


def paper_sized(replicas, first_seed=1):
    return stack([exact.tiny_machine(1, 784, 400, seed=first_seed + r, spread=0.1) for r in range(replicas)])


def test_the_gpu_sampler_is_the_default():
    """Kills: a fallback where there is nothing to fall back from."""
    assert default_sampler(DEVICE) == "fused"


def test_one_step_has_the_bits_of_the_reference():
    """Kills: wrong tiles, strides or numbers at full size. A few draws in a million may differ."""
    machine = paper_sized(2)
    start = random_chains(500, 784, exact.seeded(2))
    got = prepare(machine.to(DEVICE)).sample(start.to(DEVICE), 1, exact.seeded(2, 9))
    expected = fused_reference.sample(machine, start, 1, exact.seeded(2, 9))
    for one, other in zip(got, expected, strict=True):
        assert float((one.cpu() != other).double().mean()) < 1e-4


@pytest.mark.parametrize("gibbs_steps", [1, 7, 230])
def test_a_batch_of_replicas_is_the_replicas_one_by_one(gibbs_steps):
    """Kills: a sum whose order follows the batch; a graph that misses a replica, a step or the remainder."""
    machines = paper_sized(17)
    start = random_chains(500, 784, exact.seeded(17))
    together = prepare(machines.to(DEVICE)).sample(start.to(DEVICE), gibbs_steps, exact.seeded(17, 30))
    for index in (0, 7, 16):
        alone = prepare(machines.replica(index).to(DEVICE)).sample(
            start[index : index + 1].to(DEVICE), gibbs_steps, exact.seeded(1, 30 + index)
        )
        assert torch.equal(alone[0][0], together[0][index])
        assert torch.equal(alone[1][0], together[1][index])


def test_replayed_graphs_see_new_parameters_states_and_keys():
    """Kills: a graph that was recorded over memory which is not used any more."""
    start = random_chains(500, 784, exact.seeded(2)).to(DEVICE)
    results = []
    for seed in (1, 5, 1):
        prepared = prepare(paper_sized(2, seed).to(DEVICE))
        results.append(prepared.sample(start, 20, exact.seeded(2, seed))[0])
        del prepared
    assert torch.equal(results[0], results[2])
    assert not torch.equal(results[0], results[1])


def test_probabilities_are_those_of_the_rounded_weights():
    """Kills: a lossy sum or exponential."""
    machine = paper_sized(2)
    half = Machine(machine.weight_matrix.half().float(), machine.vbias, machine.hbias, machine.mask)
    visible = random_chains(500, 784, exact.seeded(2))
    got = prepare(machine.to(DEVICE)).hidden_probabilities(visible.to(DEVICE)).cpu()
    torch.testing.assert_close(got, energy.hidden_probabilities(half, visible), rtol=1e-4, atol=1e-6)


def test_a_diverged_replica_is_flagged_without_asking_the_device_at_each_update():
    """Kills: a flag that comes with another update's number, or stops the replicas beside it."""
    images = torch.randint(0, 2, (100, 784), generator=torch.Generator().manual_seed(2), dtype=torch.uint8)
    plan = TrainingSchedule(gibbs_steps=1, num_updates=4, batch_size=50, num_chains=50, learning_rate=0.01)
    state = train(start_training(images, plan, 400, [0.0] * 3, [1, 2, 3], device=DEVICE), images, plan, 1)
    before = state.machine.weight_matrix.clone()
    state.machine.weight_matrix[1, 5, 7] = torch.nan
    train(state, images, plan, 3)
    assert state.diverged_at.tolist() == [-1, 2, -1]
    assert not state.machine.weight_matrix[1].any()
    assert not torch.equal(state.machine.weight_matrix[2], before[2])


def test_training_in_a_batch_is_training_alone_and_resumes():
    """Kills: a library's product in the update, whose order of summing follows the batch."""
    images = torch.randint(0, 2, (2000, 784), generator=torch.Generator().manual_seed(2), dtype=torch.uint8)
    plan = TrainingSchedule(gibbs_steps=10, num_updates=6, batch_size=500, num_chains=500, learning_rate=0.01)

    def started(dilutions, seeds):
        return start_training(images, plan, 400, dilutions, seeds, device=DEVICE)

    whole = train(started([0.0, 0.5, 0.8], [1, 2, 3]), images, plan, 6)
    resumed = train(train(started([0.0, 0.5, 0.8], [1, 2, 3]), images, plan, 2), images, plan, 4)
    alone = train(started([0.5], [2]), images, plan, 6)
    assert torch.equal(resumed.machine.weight_matrix, whole.machine.weight_matrix)
    assert torch.equal(alone.machine.weight_matrix[0], whole.machine.weight_matrix[1])
    assert torch.equal(alone.machine.hbias[0], whole.machine.hbias[1])
    assert torch.equal(alone.chains[0], whole.chains[1])
