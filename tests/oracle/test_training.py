"""What a run's bits may depend on: seed, data and schedule, and nothing else."""

import numba
import pytest
import torch

from tests.oracle import exact
from worker.rbm.checkpoint import read_checkpoint, write_checkpoint
from worker.rbm.training import TrainingSchedule, start_training, start_training_from, train

IMAGES = torch.randint(0, 2, (23, 13), generator=torch.Generator().manual_seed(2), dtype=torch.uint8)
DILUTIONS, SEEDS = [0.0, 0.3, 0.8], [11, 12, 13]
NUM_UPDATES = 12
"""With 23 images and batches of 5 this crosses two borders of epochs."""


OPTIONS = {
    "learning_rate_decay": "linear", "gradient": "centred", "weight_decay": 0.01, "momentum": 0.6, "nesterov": True,
}  # fmt: skip


def schedule(algorithm="pcd", learning_rate=0.2):
    """The paper's training, or with every option for the name "options"."""
    options = OPTIONS if algorithm == "options" else {"algorithm": algorithm}
    return TrainingSchedule(
        gibbs_steps=3, num_updates=NUM_UPDATES, batch_size=5, num_chains=5, learning_rate=learning_rate, **options
    )


def started(algorithm="pcd", dilutions=DILUTIONS, seeds=SEEDS):
    return start_training(IMAGES, schedule(algorithm), 11, dilutions, seeds)


def assert_same_bits(left, right):
    for name in ("weight_matrix", "vbias", "hbias", "mask"):
        assert torch.equal(getattr(left.machine, name), getattr(right.machine, name)), name
    assert torch.equal(left.chains, right.chains)
    assert torch.equal(left.order, right.order)
    assert torch.equal(left.diverged_at, right.diverged_at)
    assert (left.velocity is None) == (right.velocity is None)
    if left.velocity is not None:
        for name in ("weight_matrix", "vbias", "hbias"):
            assert torch.equal(getattr(left.velocity, name), getattr(right.velocity, name)), name
    assert (left.cursor, left.num_updates_done) == (right.cursor, right.num_updates_done)
    for one, other in zip(left.generators, right.generators, strict=True):
        assert torch.equal(one.get_state(), other.get_state())


@pytest.mark.parametrize("algorithm", ["pcd", "cd", "options"])
@pytest.mark.parametrize("cut", [0, 1, 4, 7])
def test_resumed_run_is_the_uninterrupted_one(algorithm, cut):
    """Kills: a checkpoint that forgets chains, generators, data order, cursor, mask, velocity or count of updates."""
    whole = train(started(algorithm), IMAGES, schedule(algorithm), NUM_UPDATES)
    part = train(started(algorithm), IMAGES, schedule(algorithm), cut)
    resumed = read_checkpoint(write_checkpoint(part))
    assert_same_bits(resumed, part)
    train(resumed, IMAGES, schedule(algorithm), NUM_UPDATES - cut)
    assert_same_bits(resumed, whole)


@pytest.mark.parametrize("algorithm", ["pcd", "options"])
def test_slices_do_not_change_the_bits(algorithm):
    """Kills: anything drawn or reset once for each call of `train`, such as the rate's decay."""
    whole = train(started(algorithm), IMAGES, schedule(algorithm), NUM_UPDATES)
    sliced = started(algorithm)
    for _ in range(NUM_UPDATES):
        train(sliced, IMAGES, schedule(algorithm), 1)
    assert_same_bits(sliced, whole)


@pytest.mark.parametrize("algorithm", ["pcd", "cd", "options"])
def test_a_batch_of_replicas_is_the_replicas_one_by_one(algorithm):
    """Kills: replicas that share a generator, a mask, an order or chains; a batched sum with other rounding."""
    together = train(started(algorithm), IMAGES, schedule(algorithm), NUM_UPDATES)
    for index in range(3):
        alone = started(algorithm, DILUTIONS[index : index + 1], SEEDS[index : index + 1])
        train(alone, IMAGES, schedule(algorithm), NUM_UPDATES)
        assert torch.equal(alone.machine.weight_matrix[0], together.machine.weight_matrix[index])
        assert torch.equal(alone.machine.vbias[0], together.machine.vbias[index])
        assert torch.equal(alone.machine.hbias[0], together.machine.hbias[index])
        assert torch.equal(alone.machine.mask[0], together.machine.mask[index])
        assert torch.equal(alone.chains[0], together.chains[index])
        assert torch.equal(alone.order[0], together.order[index])
        assert torch.equal(alone.generators[0].get_state(), together.generators[index].get_state())


@pytest.mark.parametrize("options", [{}, OPTIONS])
def test_bits_do_not_depend_on_the_number_of_threads(options):
    """Kills: sums whose order follows the threads. 37 x 19 units make several tasks of each kernel."""
    images = torch.randint(0, 2, (200, 37), generator=torch.Generator().manual_seed(2), dtype=torch.uint8)
    plan = TrainingSchedule(gibbs_steps=2, num_updates=5, batch_size=90, num_chains=130, learning_rate=0.1, **options)
    runs = []
    for threads in (1, numba.config.NUMBA_NUM_THREADS):
        numba.set_num_threads(threads)
        torch.set_num_threads(threads)
        runs.append(train(start_training(images, plan, 19, [0.2, 0.5], [1, 2]), images, plan, 5))
    assert_same_bits(*runs)


def test_replicas_have_their_own_seeds_masks_weights_chains_and_orders():
    """Kills: one generator, mask, order or set of chains for all replicas; a seed that is ignored."""
    state = started(dilutions=[0.4, 0.4, 0.4])
    for name, parts in {
        "mask": state.machine.mask,
        "weights": state.machine.weight_matrix,
        "chains": state.chains,
        "order": state.order,
    }.items():
        assert not torch.equal(parts[0], parts[1]), name
        assert not torch.equal(parts[1], parts[2]), name
    assert_same_bits(state, started(dilutions=[0.4, 0.4, 0.4]))


def test_every_image_is_used_once_in_an_epoch():
    """Kills: a cursor that stands still or skips; an order that is no permutation."""
    state = started()
    for row in state.order:
        assert sorted(row.tolist()) == list(range(len(IMAGES)))
    cursors = []
    for _ in range(6):
        train(state, IMAGES, schedule(), 1)
        cursors.append(state.cursor)
    assert cursors == [5, 10, 15, 20, 5, 10]


def test_each_epoch_has_a_new_order():
    """Kills: an order that is drawn once and used in every epoch; one new order for all replicas."""
    state = started()
    first = state.order.clone()
    train(state, IMAGES, schedule(), 5)
    for replica in range(3):
        assert sorted(state.order[replica].tolist()) == list(range(len(IMAGES)))
        assert not torch.equal(state.order[replica], first[replica])
    assert not torch.equal(state.order[0], state.order[1])


def test_batches_follow_the_order_of_each_replica():
    """Kills: the batch of one replica given to all. With CD-1 at a tiny rate vbias moves by its own batch's mean."""
    from worker.rbm.training import update

    state = started()
    rows = state.order[:, :5].long()
    batch = update._next_batch(state, IMAGES, 5)
    for replica in range(3):
        assert torch.equal(batch[replica], IMAGES[rows[replica]])


def test_masked_weights_stay_exactly_zero_and_the_mask_stays():
    """Kills: the mask not applied in an update; a mask that is drawn again."""
    state = started()
    mask = state.machine.mask.clone()
    assert [int((~m).sum()) for m in mask] == [0, round(0.3 * 143), round(0.8 * 143)]
    train(state, IMAGES, schedule(), NUM_UPDATES)
    assert torch.equal(state.machine.mask, mask)
    assert bool((state.machine.weight_matrix[~mask] == 0).all())
    assert bool((state.machine.weight_matrix[mask] != 0).all())


def test_persistent_chains_go_on_and_cd_chains_restart():
    """Kills: PCD that restarts its chains from the data, CD that carries them on.

    Without weights and with biases of +-100 the chains' next state is known: every unit at its bias's sign. A rate so
    small that nothing moves shows where the chains started.
    """
    machine = exact.tiny_machine(1, 13, 11)
    images = torch.zeros(5, 13, dtype=torch.uint8)
    strong = torch.zeros(1, 13, 11)
    # Unit j of both layers copies itself: the chains remember where they started.
    strong[0, range(11), range(11)] = 80.0
    machine = type(machine)(
        strong, torch.full((1, 13), -40.0), torch.full((1, 11), -40.0), torch.ones(1, 13, 11).bool()
    )
    for algorithm, expect_data in (("pcd", False), ("cd", True)):
        plan = schedule(algorithm, learning_rate=1e-9)
        state = start_training_from(machine, images, plan, [3])
        before = state.chains.clone()
        train(state, images, plan, 2)
        kept = state.chains[..., :11]
        assert torch.equal(kept, torch.zeros_like(kept) if expect_data else before[..., :11])


@pytest.mark.parametrize("spoilt", [float("inf"), float("nan"), 100.5, -100.5])
@pytest.mark.parametrize("parameter", ["weight_matrix", "vbias", "hbias"])
def test_a_diverged_replica_is_flagged_and_the_others_go_on(spoilt, parameter):
    """Kills: a replica that is not finite or exploded spoiling the batch, or going unnoticed; a wrong update noted."""
    state = train(started(), IMAGES, schedule(), 2)
    getattr(state.machine, parameter)[1].flatten()[0] = spoilt
    train(state, IMAGES, schedule(), 4)
    assert state.diverged.tolist() == [False, True, False]
    assert state.diverged_at.tolist() == [-1, 3, -1]
    assert bool((state.machine.weight_matrix[1] == 0).all())
    for index in (0, 2):
        alone = train(started("pcd", [DILUTIONS[index]], [SEEDS[index]]), IMAGES, schedule(), 6)
        assert torch.equal(alone.machine.weight_matrix[0], state.machine.weight_matrix[index])
    assert_same_bits(read_checkpoint(write_checkpoint(state)), state)


def test_large_parameters_of_a_machine_that_learns_are_not_an_explosion():
    """Kills: a bound that trained machines reach."""
    state = started()
    state.machine.vbias[1, 0] = -90.0
    train(state, IMAGES, schedule(), 1)
    assert not bool(state.diverged.any())


def test_retraining_starts_from_the_surviving_weights():
    """Kills: retraining that draws new weights, changes the caller's machine or forgets its mask."""
    trained = train(started(), IMAGES, schedule(), 4).machine
    copy = trained.clone()
    state = start_training_from(trained, IMAGES, schedule(), [5, 6, 7])
    assert torch.equal(state.machine.weight_matrix, trained.weight_matrix)
    train(state, IMAGES, schedule(), 3)
    assert torch.equal(trained.weight_matrix, copy.weight_matrix)
    assert torch.equal(state.machine.mask, copy.mask)
    assert not torch.equal(state.machine.weight_matrix, copy.weight_matrix)
