"""The grid of a dilution sweep, and what it refuses."""

import pytest
from pydantic import ValidationError

from backend.contracts.catalogue import NO_JUDGE, catalogue
from backend.contracts.packing import JOB_BYTES, training_bytes
from backend.contracts.parameters import DEFAULT_JUDGE
from backend.contracts.plan import ANALYSIS, EVALUATION, MACHINE
from backend.contracts.study_types.dilution_sweep import DilutionSweep, DilutionSweepParameters
from backend.contracts.work import work_of_evaluation, work_of_training

SMALL = {"initial_dilutions": [0.0, 0.4], "num_replicas": 3, "pruning_grid": [0.6, 0.2, 0.4]}


def test_every_machine_is_judged_at_its_own_dilution_and_at_every_level_above() -> None:
    """Kills: levels below p0 kept, p0 itself left out or taken twice, levels in the order in which they were given."""
    plan = DilutionSweep.plan(DilutionSweepParameters(**SMALL))
    machines = [cell for cell in plan.cells if cell.kind == MACHINE]
    levels = {
        p0: [
            c.axes["pruning"]
            for c in plan.cells
            if c.kind == EVALUATION and c.axes == {**c.axes, "initial_dilution": p0, "replica": 1}
        ]
        for p0 in (0.0, 0.4)
    }
    assert len(machines) == 6
    assert levels == {0.0: [0.0, 0.2, 0.4, 0.6], 0.4: [0.4, 0.6]}


def test_parents_come_before_children_and_jobs_cover_every_cell_once() -> None:
    plan = DilutionSweep.plan(DilutionSweepParameters(**SMALL))
    seen: set[str] = set()
    for cell in plan.cells:
        assert cell.parent is None or cell.parent in seen
        seen.add(cell.id)
    covered = [cell for job in plan.jobs for cell in job.cells]
    assert sorted(covered) == sorted(seen)
    assert len(covered) == len(set(covered)) == len(plan.cells)


def test_the_work_of_a_job_is_that_of_its_cells() -> None:
    parameters = DilutionSweepParameters(
        **SMALL,
        training={"gibbs_steps": 7, "num_updates": 11, "num_chains": 13},
        generation={"num_samples": 17, "gibbs_steps": 19},
    )
    train, evaluate = DilutionSweep.plan(parameters).jobs[:2]
    assert train.work == 3 * work_of_training(parameters.training.model_dump())
    of_one = work_of_evaluation({"generation": parameters.generation.model_dump()})
    assert evaluate.work == pytest.approx(3 * 4 * of_one)


def test_replicas_and_dilutions_have_their_own_seeds() -> None:
    """Kills: replicas that share a seed."""
    machines = [c for c in DilutionSweep.plan(DilutionSweepParameters(**SMALL)).cells if c.kind == MACHINE]
    assert len({cell.parameters["seed"] for cell in machines}) == 6


def test_another_seed_gives_other_machines() -> None:
    """Kills: machines whose seed forgets that of the study."""
    one, other = (DilutionSweep.plan(DilutionSweepParameters(**SMALL, seed=seed)) for seed in (0, 1))
    assert {cell.id for cell in one.cells}.isdisjoint(cell.id for cell in other.cells)


def test_evaluations_go_machine_by_machine() -> None:
    """A machine is read once for all of its levels. Kills: level by level over all machines."""
    plan = DilutionSweep.plan(DilutionSweepParameters(**SMALL))
    of = {cell.id: cell for cell in plan.cells}
    order = [(of[one].axes["replica"], of[one].axes["pruning"]) for one in plan.jobs[1].cells]
    assert order == [(replica, level) for replica in range(3) for level in (0.0, 0.2, 0.4, 0.6)]


def test_an_evaluation_names_its_judge() -> None:
    """Kills: values of two judges under one identity."""
    with_judge, without = (
        [c for c in DilutionSweep.plan(DilutionSweepParameters(**SMALL, judge=judge)).cells if c.kind == EVALUATION]
        for judge in (DEFAULT_JUDGE, NO_JUDGE)
    )
    assert {cell.parameters["judge"] for cell in with_judge} == {catalogue().judge_digest(DEFAULT_JUDGE)}
    assert {cell.id for cell in with_judge}.isdisjoint(cell.id for cell in without)


def test_more_replicas_share_the_machines_of_fewer() -> None:
    few = DilutionSweep.plan(DilutionSweepParameters(**SMALL))
    more = DilutionSweep.plan(DilutionSweepParameters(**{**SMALL, "num_replicas": 5}))
    machines_and_evaluations = {cell.id for cell in few.cells if cell.kind != ANALYSIS}
    assert machines_and_evaluations < {cell.id for cell in more.cells}


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"initial_dilutions": [1.2]}, "less than or equal to 1"),
        ({"pruning_grid": [-0.1]}, "greater than or equal to 0"),
        ({"initial_dilutions": [0.9], "pruning_grid": [0.5]}, "p < p0"),
        ({"num_replicas": 0}, "greater than or equal to 1"),
        ({"num_replicas": 1000, "pruning_grid": [i / 1000 for i in range(1000)]}, "at most 20,000 are allowed"),
        ({"pruning_grid": [0.3, 0.1 + 0.2]}, "has a value twice"),
        ({"pruning_rule": "biggest"}, "is not one of the pruning rules: hidden_unit, magnitude, random"),
        ({"dataset": "cifar"}, "is not one of the datasets: mnist"),
        ({"learning_rate": 0.1}, "Extra inputs are not permitted"),
        ({"training": {"learning_rate": float("nan")}}, "finite number"),
        ({"training": {"algorithm": "cd", "num_chains": 7}}, "num_chains is 7, it must equal batch_size, 500"),
        ({"training": {"nesterov": True}}, "momentum is 0: give a momentum above 0"),
        ({"training": {"final_learning_rate": 0.01}}, "the rate does not decay"),
        ({"training": {"learning_rate_decay": "linear", "final_learning_rate": 0.04}}, "ends at or below its start"),
        ({"initial_dilutions": []}, "at least 1 item"),
        ({"seed": 2**48}, "less than 281474976710656"),
    ],
)
def test_bad_input_is_refused_with_a_reason(given: dict[str, object], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        DilutionSweepParameters.model_validate(given)


def test_every_preset_is_valid() -> None:
    for preset in DilutionSweep.presets.values():
        DilutionSweepParameters.model_validate(preset)


def test_the_paper_preset_is_the_papers_schedule() -> None:
    paper = DilutionSweepParameters.model_validate(DilutionSweep.presets["The paper"])
    assert (paper.training.gibbs_steps, paper.training.num_updates, paper.num_replicas) == (1000, 10_000, 15)
    assert (paper.training.num_hidden, paper.training.algorithm) == (400, "pcd")
    assert (min(paper.initial_dilutions), max(paper.initial_dilutions)) == (0.0, 0.8)


def test_many_large_machines_are_several_jobs_that_fit_into_memory() -> None:
    """Kills: a job that no memory holds; a part left out, taken twice, or judged with another part's machines."""
    large = {"num_hidden": 4096, "num_chains": 500, "batch_size": 500}
    parameters = DilutionSweepParameters(
        initial_dilutions=[0.0], num_replicas=50, pruning_grid=[0.5], training={"gibbs_steps": 1, **large}
    )
    plan = DilutionSweep.plan(parameters)
    train, evaluate = ([job for job in plan.jobs if job.kind == kind] for kind in ("train", "evaluate"))
    machines = [cell.id for cell in plan.cells if cell.kind == MACHINE]
    assert [len(job.cells) for job in train] == [16, 17, 17]
    assert [cell for job in train for cell in job.cells] == machines
    assert train[1].title == "Train p0 = 0, part 2 of 3"
    parents = {cell.id: cell.parent for cell in plan.cells}
    for trained, judged in zip(train, evaluate, strict=True):
        assert {parents[cell] for cell in judged.cells} == set(trained.cells)
    assert all(len(job.cells) * training_bytes(parameters.training) <= JOB_BYTES for job in train)


def test_the_papers_replicas_are_one_job() -> None:
    """Kills: batches so small that a GPU idles."""
    jobs = DilutionSweep.plan(DilutionSweepParameters(initial_dilutions=[0.0], num_replicas=90)).jobs
    assert [len(job.cells) for job in jobs if job.kind == "train"] == [90]
