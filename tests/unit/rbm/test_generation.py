"""Generation in blocks, its start, and what it costs a second thread."""

import threading
import time

import pytest
import torch

from tests.oracle import exact
from worker.rbm.generation import GIBBS_STEPS_PER_BLOCK, generate, generate_in_blocks
from worker.rbm.sampling import random_chains, sample_gibbs


def test_generating_at_once_is_generating_in_default_blocks():
    machine = exact.tiny_machine(2)
    steps = 2 * GIBBS_STEPS_PER_BLOCK + 7
    blocks = list(generate_in_blocks(machine, 19, steps, exact.seeded(2)))
    assert [done for done, _ in blocks] == [GIBBS_STEPS_PER_BLOCK, 2 * GIBBS_STEPS_PER_BLOCK, steps]
    assert torch.equal(generate(machine, 19, steps, exact.seeded(2)), blocks[-1][1])
    assert blocks[-1][1].shape == (2, 19, 7)


def test_samples_of_a_replica_do_not_depend_on_the_batch():
    machine = exact.tiny_machine(2)
    together = generate(machine, 19, 12, exact.seeded(2))
    alone = generate(machine.replica(1), 19, 12, exact.seeded(1, 1))
    assert torch.equal(together[1], alone[0])


def test_chains_start_at_one_half():
    chains = random_chains(2000, 50, exact.seeded(2))
    assert chains.dtype == torch.uint8
    assert abs(float(chains.double().mean()) - 0.5) < 5 * 0.5 / chains.numel() ** 0.5
    assert not torch.equal(chains[0], chains[1])


@pytest.mark.parametrize(("samples", "steps", "block"), [(0, 1, 1), (1, 0, 1), (1, 1, 0)])
def test_impossible_numbers_are_refused(samples, steps, block):
    with pytest.raises(ValueError, match="at least 1"):
        list(generate_in_blocks(exact.tiny_machine(), samples, steps, exact.seeded(1), block))


def test_another_thread_runs_while_the_kernel_does():
    """A heartbeat must beat during a long call: the kernel holds no interpreter lock."""
    machine = exact.tiny_machine(1, 101, 97)
    start = random_chains(64, 101, exact.seeded(1))
    sample_gibbs(machine, start, 1, exact.seeded(1))
    beats, stop = [], threading.Event()

    def beat():
        while not stop.is_set():
            beats.append(time.perf_counter())
            time.sleep(0.005)

    thread = threading.Thread(target=beat)
    thread.start()
    began = time.perf_counter()
    sample_gibbs(machine, start, 8000, exact.seeded(1))
    ended = time.perf_counter()
    stop.set()
    thread.join()
    during = [moment for moment in beats if began < moment < ended]
    assert len(during) > (ended - began) / 0.005 / 10


def test_two_threads_may_sample_at_the_same_time():
    machine = exact.tiny_machine(1, 37, 19)
    start = random_chains(100, 37, exact.seeded(1))
    expected = sample_gibbs(machine, start, 50, exact.seeded(1))[0]
    results = []
    threads = [
        threading.Thread(target=lambda: results.append(sample_gibbs(machine, start, 50, exact.seeded(1))[0]))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 4
    assert all(torch.equal(result, expected) for result in results)
