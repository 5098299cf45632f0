"""Schedules and starts of training refuse what cannot be trained."""

import pytest
import torch

from worker.rbm.pruning import prune
from worker.rbm.training import (
    TrainingSchedule,
    start_training,
    start_training_from,
    train,
)
from worker.rbm.training.rewind import rewound

IMAGES = torch.randint(0, 2, (9, 7), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
PLAN = TrainingSchedule(gibbs_steps=1, num_updates=1, batch_size=3, num_chains=2, learning_rate=0.1)


def schedule(**changes):
    given = {"gibbs_steps": 1, "num_updates": 1, "batch_size": 3, "num_chains": 3, "learning_rate": 0.1}
    return TrainingSchedule(**(given | changes))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"gibbs_steps": 0}, "gibbs_steps is 0"),
        ({"num_updates": 0}, "num_updates is 0"),
        ({"batch_size": -1}, "batch_size is -1"),
        ({"num_chains": 0}, "num_chains is 0"),
        ({"learning_rate": 0.0}, "learning_rate is 0.0"),
        ({"learning_rate": float("nan")}, "learning_rate is nan"),
        ({"algorithm": "cd", "num_chains": 4}, "must equal batch_size, 3"),
        ({"final_learning_rate": 0.0}, "final_learning_rate is 0.0"),
        ({"weight_decay": -0.1}, "weight_decay is -0.1"),
        ({"momentum": 1.0}, "momentum is 1.0"),
        ({"nesterov": True}, "momentum is 0"),
    ],
)
def test_impossible_schedules_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        schedule(**changes)


def test_unknown_words_are_refused(unchecked_shapes):
    with pytest.raises(ValueError, match="must be one of pcd, cd"):
        schedule(algorithm="sgd")
    with pytest.raises(ValueError, match="must be one of none, linear, exponential"):
        schedule(learning_rate_decay="cosine")
    with pytest.raises(ValueError, match="must be one of standard, centred"):
        schedule(gradient="natural")


@pytest.mark.parametrize(
    ("decay", "rates"),
    [
        ("none", [0.8, 0.8, 0.8, 0.8, 0.8]),
        ("linear", [0.8, 0.625, 0.45, 0.275, 0.1]),
        ("exponential", [0.8, 0.8 * 8**-0.25, 0.8 * 8**-0.5, 0.8 * 8**-0.75, 0.1]),
    ],
)
def test_the_rate_goes_from_the_first_update_to_the_last(decay, rates):
    """Kills: a decay that is off by one update, ends elsewhere or takes the wrong form."""
    plan = schedule(num_updates=5, learning_rate=0.8, learning_rate_decay=decay, final_learning_rate=0.1)
    assert [plan.ascent(update).rate for update in range(5)] == pytest.approx(rates)


def test_a_run_of_one_update_has_its_first_rate():
    plan = schedule(num_updates=1, learning_rate=0.8, learning_rate_decay="linear")
    assert plan.ascent(0).rate == 0.8


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (IMAGES.float(), "must be uint8"),
        (IMAGES[0], "must be uint8"),
        (IMAGES[:2], "only 2 images"),
        (IMAGES * 255, "0 or 1"),
    ],
)
def test_unfit_images_are_refused(unchecked_shapes, images, message):
    with pytest.raises(ValueError, match=message):
        start_training(images, PLAN, 5, [0.0], [1])


def test_unfit_starts_are_refused(unchecked_shapes):
    with pytest.raises(ValueError, match="1 seeds for 2"):
        start_training(IMAGES, PLAN, 5, [0.0, 0.1], [1])
    machine = start_training(IMAGES, PLAN, 5, [0.0], [1]).machine
    with pytest.raises(ValueError, match="7 visible units"):
        start_training_from(machine, IMAGES[:, :6], PLAN, [1])
    with pytest.raises(ValueError, match="2 generators for 1"):
        start_training_from(machine, IMAGES, PLAN, [1, 2])


def test_a_run_goes_on_only_with_its_own_data_and_chains(unchecked_shapes):
    state = start_training(IMAGES, PLAN, 5, [0.0], [1])
    with pytest.raises(ValueError, match="was started with"):
        train(state, IMAGES[:8], PLAN, 1)
    with pytest.raises(ValueError, match="num_chains is 3"):
        train(state, IMAGES, schedule(), 1)
    with pytest.raises(ValueError, match="started with no velocity"):
        train(state, IMAGES, schedule(num_chains=2, momentum=0.5), 1)
    with pytest.raises(ValueError, match="0 or more"):
        train(state, IMAGES, PLAN, -1)
    assert train(state, IMAGES, PLAN, 0).num_updates_done == 0


def test_rewinding_gives_the_first_weights_on_the_mask_that_is_left():
    """Kills: rewound machines that keep trained weights or biases, or a mask other than the pruned one."""
    first = start_training(IMAGES, PLAN, 5, [0.2], [1]).machine
    trained = train(start_training(IMAGES, PLAN, 5, [0.2], [1]), IMAGES, PLAN, 3).machine
    pruned = prune(trained, 0.6)
    machine = rewound(pruned, first)
    assert torch.equal(machine.mask, pruned.mask)
    assert torch.equal(machine.weight_matrix[machine.mask], first.weight_matrix[machine.mask])
    assert bool((machine.weight_matrix[~machine.mask] == 0).all())
    assert torch.equal(machine.vbias, first.vbias)
    assert torch.equal(machine.hbias, first.hbias)
    assert not torch.equal(trained.vbias, first.vbias)


def test_rewinding_to_another_line_is_refused():
    one, other = (start_training(IMAGES, PLAN, 5, [0.5], [seed]).machine for seed in (1, 2))
    with pytest.raises(ValueError, match="another line"):
        rewound(one, other)
    with pytest.raises(ValueError, match="must be the same"):
        rewound(one, start_training(IMAGES, PLAN, 4, [0.5], [1]).machine)
