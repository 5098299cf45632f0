"""Schedules and starts of training refuse what cannot be trained."""

import pytest
import torch

from worker.rbm.training import (
    PAPER_SCHEDULE,
    TWO_CORE_SCHEDULE,
    TrainingSchedule,
    start_training,
    start_training_from,
    train,
)

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
    ],
)
def test_impossible_schedules_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        schedule(**changes)


def test_an_unknown_algorithm_is_refused(unchecked_shapes):
    with pytest.raises(ValueError, match="must be one of pcd, cd"):
        schedule(algorithm="sgd")


def test_the_named_schedules():
    assert (PAPER_SCHEDULE.gibbs_steps, PAPER_SCHEDULE.num_updates) == (1000, 10_000)
    assert (PAPER_SCHEDULE.batch_size, PAPER_SCHEDULE.num_chains, PAPER_SCHEDULE.learning_rate) == (500, 500, 0.03)
    assert (TWO_CORE_SCHEDULE.gibbs_steps, TWO_CORE_SCHEDULE.num_updates) == (10, 2_000)
    assert (TWO_CORE_SCHEDULE.batch_size, TWO_CORE_SCHEDULE.num_chains) == (128, 128)


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
    with pytest.raises(ValueError, match="0 or more"):
        train(state, IMAGES, PLAN, -1)
    assert train(state, IMAGES, PLAN, 0).num_updates_done == 0
