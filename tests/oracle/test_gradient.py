"""The gradient step against autograd of the exact log-likelihood.

The gradient is linear in the model's samples. So a batch with one replica for each visible state, each with that state
as its only model sample, averaged with the exact p(v), must give the exact gradient.
"""

import pytest
import torch

from tests.oracle import exact
from worker.rbm.energy import hidden_probabilities
from worker.rbm.training import TrainingSchedule, compiled_step, gradient, start_training_from, train
from worker.rbm.training.gradient import Phase

STATES = exact.all_states(exact.NUM_VISIBLE)
IMAGES = torch.randint(0, 2, (11, exact.NUM_VISIBLE), generator=torch.Generator().manual_seed(3), dtype=torch.uint8)


def average_step(step, machine, learning_rate=1.0):
    """The change of each parameter in one step, averaged over the exact law of the model's samples."""
    batch = exact.repeated(machine, len(STATES))
    before = batch.clone()
    images = IMAGES.repeat(len(STATES), 1, 1)
    model = STATES.unsqueeze(1)
    active = torch.ones(len(STATES), dtype=torch.bool)
    phases = [Phase(visible, hidden_probabilities(batch, visible)) for visible in (images, model)]
    step(batch, phases[0], phases[1], learning_rate, active)
    weights = exact.state_probabilities(machine)
    changes = [
        torch.tensordot(weights, (getattr(batch, name) - getattr(before, name)).double(), dims=1)
        for name in ("weight_matrix", "vbias", "hbias")
    ]
    return changes, batch


@pytest.mark.parametrize("step", [gradient.gradient_step, compiled_step.gradient_step])
def test_step_is_the_exact_gradient_on_the_mask(step):
    """Kills: flipped sign of any gradient, transposed weights, swapped phases, a sum where a mean belongs."""
    machine = exact.tiny_machine()
    (weights, vbias, hbias), _ = average_step(step, machine)
    expected = exact.exact_gradient(machine, IMAGES)
    torch.testing.assert_close(weights, expected[0] * machine.mask[0], atol=2e-6, rtol=1e-4)
    torch.testing.assert_close(vbias, expected[1], atol=2e-6, rtol=1e-4)
    torch.testing.assert_close(hbias, expected[2], atol=2e-6, rtol=1e-4)


@pytest.mark.parametrize("step", [gradient.gradient_step, compiled_step.gradient_step])
def test_masked_weights_stay_exactly_zero(step):
    """Kills: the mask not applied after the update."""
    machine = exact.tiny_machine(dilution=0.5)
    _, batch = average_step(step, machine)
    assert bool((batch.weight_matrix[~batch.mask] == 0).all())
    assert bool((batch.weight_matrix[batch.mask] != 0).any())


def test_compiled_step_equals_the_torch_step():
    """Kills: a wrong block border, phase size or rate in the compiled step, at sizes above one block."""
    machine = exact.tiny_machine(replicas=2, num_visible=37, num_hidden=19, spread=0.3)
    generator = torch.Generator().manual_seed(5)
    phases = [
        Phase(v, hidden_probabilities(machine, v))
        for v in (torch.randint(0, 2, (2, n, 37), generator=generator, dtype=torch.uint8) for n in (13, 29))
    ]
    active = torch.ones(2, dtype=torch.bool)
    slow, fast = machine.clone(), machine.clone()
    gradient.gradient_step(slow, phases[0], phases[1], 0.1, active)
    compiled_step.gradient_step(fast, phases[0], phases[1], 0.1, active)
    for name in ("weight_matrix", "vbias", "hbias"):
        torch.testing.assert_close(getattr(fast, name), getattr(slow, name), atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("step", [gradient.gradient_step, compiled_step.gradient_step])
def test_inactive_replicas_do_not_move(step):
    """Kills: a step that ignores which replicas are active."""
    machine = exact.tiny_machine(replicas=2)
    moved = machine.clone()
    visible = STATES.repeat(2, 1, 1)
    phase, other = Phase(visible, hidden_probabilities(machine, visible)), Phase(visible[:, :3], torch.ones(2, 3, 5))
    step(moved, phase, other, 0.5, torch.tensor([False, True]))
    assert torch.equal(moved.weight_matrix[0], machine.weight_matrix[0])
    assert torch.equal(moved.vbias[0], machine.vbias[0])
    assert not torch.equal(moved.weight_matrix[1], machine.weight_matrix[1])


@pytest.mark.parametrize("algorithm", ["pcd", "cd"])
def test_mean_update_of_long_chains_is_the_exact_gradient(algorithm):
    """Kills: a negative phase from the data, from the chains before sampling, or from another replica's chains.

    600 replicas of one machine make one full-batch update with 60 Gibbs steps (enough to forget the start here). Their
    mean change must be within 5 standard errors of the exact gradient, for every parameter.
    """
    replicas = 600
    machine = exact.tiny_machine(spread=0.6)
    schedule = TrainingSchedule(
        algorithm=algorithm, gibbs_steps=60, num_updates=1, batch_size=11, num_chains=11, learning_rate=1.0
    )
    state = start_training_from(exact.repeated(machine, replicas), IMAGES, schedule, range(replicas))
    train(state, IMAGES, schedule, 1)
    expected = exact.exact_gradient(machine, IMAGES)
    for name, target in zip(("weight_matrix", "vbias", "hbias"), expected, strict=True):
        change = (getattr(state.machine, name) - getattr(machine, name)).double()
        kept = target * machine.mask[0] if name == "weight_matrix" else target
        error = change.std(dim=0) / replicas**0.5
        assert bool(((change.mean(dim=0) - kept).abs() <= 5 * error + 1e-6).all()), name


@pytest.mark.parametrize("algorithm", ["pcd", "cd"])
def test_training_raises_the_exact_log_likelihood(algorithm):
    """Kills: descent instead of ascent, in any part of the whole loop."""
    schedule = TrainingSchedule(
        algorithm=algorithm, gibbs_steps=2, num_updates=300, batch_size=11, num_chains=11, learning_rate=0.1
    )
    images = torch.tensor([[1, 1, 1, 0, 0, 0, 1], [0, 0, 0, 1, 1, 1, 0]], dtype=torch.uint8).repeat(6, 1)
    machine = exact.tiny_machine(spread=0.1)
    state = start_training_from(machine, images, schedule, [1])
    train(state, images, schedule, schedule.num_updates)
    assert exact.mean_log_likelihood(machine, images) < -4
    assert exact.mean_log_likelihood(state.machine, images) > -2.5
