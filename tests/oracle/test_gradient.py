"""The gradient step against autograd of the exact log-likelihood.

The gradient is linear in the model's samples. So a batch with one replica for each visible state, each with that state
as its only model sample, averaged with the exact p(v), must give the exact gradient.
"""

import pytest
import torch

from tests.oracle import exact
from worker.rbm.energy import hidden_probabilities
from worker.rbm.training import Ascent, TrainingSchedule, compiled_step, gradient, start_training_from, train
from worker.rbm.training.gradient import Gradient, Phase

STEPS = pytest.mark.parametrize("step", [gradient.gradient_step, compiled_step.gradient_step])
PARAMETERS = ("weight_matrix", "vbias", "hbias")
STATES = exact.all_states(exact.NUM_VISIBLE)
IMAGES = torch.randint(0, 2, (11, exact.NUM_VISIBLE), generator=torch.Generator().manual_seed(3), dtype=torch.uint8)


def average_step(step, machine):
    """The change of each parameter in one step, averaged over the exact law of the model's samples."""
    batch = exact.repeated(machine, len(STATES))
    before = batch.clone()
    images = IMAGES.repeat(len(STATES), 1, 1)
    model = STATES.unsqueeze(1)
    active = torch.ones(len(STATES), dtype=torch.bool)
    phases = [Phase(visible, hidden_probabilities(batch, visible)) for visible in (images, model)]
    step(batch, phases[0], phases[1], Ascent(rate=1.0), active)
    weights = exact.state_probabilities(machine)
    changes = [
        torch.tensordot(weights, (getattr(batch, name) - getattr(before, name)).double(), dims=1) for name in PARAMETERS
    ]
    return changes, batch


@STEPS
def test_step_is_the_exact_gradient_on_the_mask(step):
    """Kills: flipped sign of any gradient, transposed weights, swapped phases, a sum where a mean belongs."""
    machine = exact.tiny_machine()
    (weights, vbias, hbias), _ = average_step(step, machine)
    expected = exact.exact_gradient(machine, IMAGES)
    torch.testing.assert_close(weights, expected[0] * machine.mask[0], atol=2e-6, rtol=1e-4)
    torch.testing.assert_close(vbias, expected[1], atol=2e-6, rtol=1e-4)
    torch.testing.assert_close(hbias, expected[2], atol=2e-6, rtol=1e-4)


@STEPS
def test_masked_weights_stay_exactly_zero(step):
    """Kills: the mask not applied after the update."""
    machine = exact.tiny_machine(dilution=0.5)
    _, batch = average_step(step, machine)
    assert bool((batch.weight_matrix[~batch.mask] == 0).all())
    assert bool((batch.weight_matrix[batch.mask] != 0).any())


def two_phases(machine, sizes=(13, 29)):
    """Random states of the data and the model, unlike in number, and what the hidden units make of them."""
    generator = torch.Generator().manual_seed(5)
    shapes = [(machine.num_replicas, size, machine.num_visible) for size in sizes]
    visible = [torch.randint(0, 2, shape, generator=generator, dtype=torch.uint8) for shape in shapes]
    return [Phase(states, hidden_probabilities(machine, states)) for states in visible]


@pytest.mark.parametrize(
    "ascent",
    [
        Ascent(rate=0.1),
        Ascent(rate=0.1, gradient="centred"),
        Ascent(rate=0.1, weight_decay=0.3, momentum=0.7),
        Ascent(rate=0.1, gradient="centred", weight_decay=0.3, momentum=0.7, nesterov=True),
    ],
)
def test_compiled_step_equals_the_torch_step(ascent):
    """Kills: a wrong block border, phase size, rate or option in the compiled step, at sizes above one block."""
    machine = exact.tiny_machine(replicas=2, num_visible=37, num_hidden=19, spread=0.3)
    phases = two_phases(machine)
    active = torch.ones(2, dtype=torch.bool)
    slow, fast = machine.clone(), machine.clone()
    velocities = [Gradient.zeros(machine) if ascent.momentum else None for _ in range(2)]
    for _ in range(3):
        gradient.gradient_step(slow, *phases, ascent, active, velocity=velocities[0])
        compiled_step.gradient_step(fast, *phases, ascent, active, velocity=velocities[1])
    for name in PARAMETERS:
        torch.testing.assert_close(getattr(fast, name), getattr(slow, name), atol=1e-6, rtol=1e-5)


@STEPS
def test_momentum_and_weight_decay_by_hand(step):
    """Kills: a velocity that is not kept, Nesterov for plain, decay of biases, decay with the wrong sign."""
    machine = exact.tiny_machine()
    phases = two_phases(machine)
    active = torch.ones(1, dtype=torch.bool)
    rate, decay, momentum = 0.2, 0.3, 0.7
    for nesterov in (False, True):
        got = machine.clone()
        velocity = Gradient.zeros(got)
        wanted = {name: getattr(machine, name).double() for name in PARAMETERS}
        kept = {name: torch.zeros_like(one) for name, one in wanted.items()}
        slopes = gradient.log_likelihood_gradient(*phases, machine.mask)
        ascent = Ascent(rate=rate, weight_decay=decay, momentum=momentum, nesterov=nesterov)
        for _ in range(3):
            step(got, *phases, ascent, active, velocity=velocity)
            for name in PARAMETERS:
                shrink = decay * wanted[name] if name == "weight_matrix" else 0.0
                change = rate * (getattr(slopes, name).double() - shrink)
                kept[name] = momentum * kept[name] + change
                wanted[name] = wanted[name] + (momentum * kept[name] + change if nesterov else kept[name])
        for name in PARAMETERS:
            torch.testing.assert_close(getattr(got, name).double(), wanted[name], atol=1e-6, rtol=1e-5)


@STEPS
def test_centred_step_is_a_standard_step_of_the_centred_machine(step):
    """Kills: an offset forgotten, exchanged, of the wrong phase or with the wrong sign; the mask left out.

    In the parameters of E = -(v - mu) W (h - lambda) - (v - mu) b' - (h - lambda) c' the step is
    <(v - mu)(h - lambda)>_data - <(v - mu)(h - lambda)>_model, <v>_data - <v>_model, <h>_data - <h>_model.
    """
    machine = exact.tiny_machine(dilution=0.4)
    data, model = two_phases(machine)
    moved = machine.clone()
    step(moved, data, model, Ascent(rate=0.5, gradient="centred"), torch.ones(1, dtype=torch.bool))
    v, h = data.visible[0].double(), data.hidden_probabilities[0].double()
    model_v, model_h = model.visible[0].double(), model.hidden_probabilities[0].double()
    mu, lam = v.mean(0), h.mean(0)
    weights, vbias, hbias = exact.parameters(machine)
    centred_vbias, centred_hbias = vbias + weights @ lam, hbias + mu @ weights
    products = [
        torch.stack([torch.outer(one - mu, other - lam) for one, other in zip(*pair, strict=True)]).mean(0)
        for pair in ((v, h), (model_v, model_h))
    ]
    weights = weights + 0.5 * (products[0] - products[1]) * machine.mask[0]
    centred_vbias = centred_vbias + 0.5 * (v.mean(0) - model_v.mean(0))
    centred_hbias = centred_hbias + 0.5 * (h.mean(0) - model_h.mean(0))
    expected = (weights, centred_vbias - weights @ lam, centred_hbias - mu @ weights)
    for got, wanted in zip(exact.parameters(moved), expected, strict=True):
        torch.testing.assert_close(got, wanted, atol=1e-6, rtol=1e-5)


@STEPS
def test_inactive_replicas_do_not_move(step):
    """Kills: a step that ignores which replicas are active."""
    machine = exact.tiny_machine(replicas=2)
    moved = machine.clone()
    visible = STATES.repeat(2, 1, 1)
    phase, other = Phase(visible, hidden_probabilities(machine, visible)), Phase(visible[:, :3], torch.ones(2, 3, 5))
    step(moved, phase, other, Ascent(rate=0.5), torch.tensor([False, True]))
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
    for name, target in zip(PARAMETERS, expected, strict=True):
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
