"""What a cell costs, in chain steps of a machine of 784 x 400 units."""

import pytest

from backend.contracts.cells import work_of
from backend.contracts.parameters import GenerationParameters, TrainingParameters
from backend.contracts.plan import CellPlan
from backend.contracts.work import (
    EXTRA_WHILE_NEW,
    LEARNED,
    STEPS_PER_JUDGED_SAMPLE,
    STEPS_PER_PAIR_OF_SAMPLES,
    STEPS_PER_RECORD,
    STEPS_PER_SAMPLE,
    STEPS_PER_TEMPERATURE,
    STEPS_PER_UPDATE,
    size_of,
    work_of_evaluation,
    work_of_training,
)


def training(new: bool = False, **changes: float) -> float:
    numbers = {"gibbs_steps": 7, "num_updates": 11, "num_chains": 13, "batch_size": 17, **changes}
    return work_of_training(TrainingParameters(**numbers).model_dump(), new=new)


def evaluation(samples: int, steps: int, **more: object) -> float:
    generation = GenerationParameters(num_samples=samples, gibbs_steps=steps).model_dump()
    return work_of_evaluation({"generation": generation, **more})


def test_a_training_is_its_chain_steps_and_what_an_update_costs_besides() -> None:
    """Kills: an update without its gradient; a batch, chains or the likelihood forgotten; a part that does not grow."""
    besides = STEPS_PER_SAMPLE * (13 + 17) + STEPS_PER_UPDATE
    assert training() == pytest.approx(11 * (7 * 13 + besides) + 12 * STEPS_PER_RECORD)
    assert training(gibbs_steps=8) - training() == pytest.approx(11 * 13)
    many = training(num_updates=800) - 800 * (7 * 13 + besides)
    assert many == pytest.approx(41 * STEPS_PER_RECORD), "every twentieth update, and the first"


def test_a_new_machine_takes_longer_until_it_has_learned() -> None:
    """Kills: a retrained machine counted as new; an extra without end, or that the learning rate does not shorten."""

    def extra(**changes: float) -> float:
        return training(new=True, **changes) - training(new=False, **changes)

    one = EXTRA_WHILE_NEW * 7 * 13
    assert extra(learning_rate=1e-6) == pytest.approx(11 * one, rel=1e-4), "nothing is learned"
    long = extra(num_updates=1_000_000, learning_rate=0.1)
    assert long == pytest.approx(one * LEARNED / 0.1)
    assert long > extra(num_updates=300, learning_rate=0.1) > extra(num_updates=300, learning_rate=1.0)
    plan = {"kind": "machine", "parameters": {"training": TrainingParameters().model_dump()}, "identity": {}}
    new, retrained = (CellPlan(**plan, dataset_digest="", axes={}, parent=parent) for parent in (None, "0" * 64))
    assert work_of(new) > work_of(retrained)


def test_an_evaluation_is_its_chain_steps_and_its_metrics() -> None:
    """Kills: metrics forgotten, or the pairs of samples counted like samples; annealed chains forgotten."""
    metrics = 19 * STEPS_PER_JUDGED_SAMPLE + 19 * 19 * STEPS_PER_PAIR_OF_SAMPLES
    assert evaluation(19, 23) == pytest.approx(19 * 23 + metrics)
    annealed = evaluation(19, 23, annealing={"num_temperatures": 29, "num_chains": 31})
    assert annealed - evaluation(19, 23) == pytest.approx(STEPS_PER_TEMPERATURE * 29 * 31)


def test_a_step_of_a_larger_machine_counts_for_more() -> None:
    """Kills: the size forgotten in one of them, so that one speed would not serve both."""
    assert size_of(400) == pytest.approx(1)
    assert size_of(800) > 1 > size_of(200) > 0
    assert training(num_hidden=800) == pytest.approx(size_of(800) * training())
    larger = evaluation(19, 23, num_hidden=800) - evaluation(19, 23)
    assert larger == pytest.approx((size_of(800) - 1) * 19 * 23)
