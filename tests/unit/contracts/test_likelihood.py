"""Which evaluations measure the log-likelihood, what that costs, and that nothing changes where none is asked."""

from typing import Any

import pytest
from pydantic import ValidationError

from backend.contracts.cells import work_of
from backend.contracts.plan import EVALUATION, CellPlan
from backend.contracts.study_types import study_types
from backend.contracts.study_types.dilution_sweep import DilutionSweep, DilutionSweepParameters
from backend.contracts.work import STEPS_PER_TEMPERATURE

SMALL = {
    "initial_dilutions": [0.0, 0.4],
    "num_replicas": 2,
    "pruning_grid": [0.2, 0.6],
    "generation": {"num_samples": 17, "gibbs_steps": 19},
}


def evaluations(**likelihood: Any) -> list[CellPlan]:
    plan = DilutionSweep.plan(DilutionSweepParameters(**SMALL, likelihood=likelihood))
    return [cell for cell in plan.cells if cell.kind == EVALUATION]


def levels_with(cells: list[CellPlan]) -> set[tuple[Any, Any]]:
    return {(c.axes["initial_dilution"], c.axes["pruning"]) for c in cells if "annealing" in c.parameters}


def test_levels_choose_the_evaluations() -> None:
    """Kills: levels of pruned machines taken for own ones, p = 0 taken for everybody's own level."""
    assert levels_with(evaluations(levels="none")) == set()
    assert levels_with(evaluations(levels="own")) == {(0.0, 0.0), (0.4, 0.4)}
    assert levels_with(evaluations(levels="every")) == {(0.0, 0.0), (0.0, 0.2), (0.0, 0.6), (0.4, 0.4), (0.4, 0.6)}


def test_only_cells_that_measure_it_have_another_identity() -> None:
    """Kills: settings of what is not measured in the identity; two settings with one identity; "own" in it."""
    none, own, every = (evaluations(levels=levels) for levels in ("none", "own", "every"))
    assert [cell.id for cell in evaluations(levels="none", num_temperatures=77)] == [cell.id for cell in none]
    unchanged = {cell.id for cell in none} & {cell.id for cell in own}
    assert unchanged == {cell.id for cell in own if "annealing" not in cell.parameters}
    assert not {cell.id for cell in none} & {cell.id for cell in every}
    assert {cell.id for cell in own if "annealing" in cell.parameters} < {cell.id for cell in every}
    others = [evaluations(levels="every", num_temperatures=77), evaluations(levels="every", num_chains=77)]
    assert len({cells[0].id for cells in (every, *others)}) == 3
    assert every[0].identity["annealing"] == {}, "defaults stay out of the identity"


def test_work_counts_the_annealed_chains() -> None:
    """Kills: progress and estimates that forget what takes longest."""
    cells = evaluations(levels="own", num_temperatures=30, num_chains=11)
    (without,) = {work_of(cell) for cell in cells if "annealing" not in cell.parameters}
    annealed = STEPS_PER_TEMPERATURE * 30 * 11
    assert {work_of(cell) for cell in cells if "annealing" in cell.parameters} == {without + annealed}
    plan = DilutionSweep.plan(DilutionSweepParameters(**SMALL, likelihood={"levels": "every", "num_chains": 10}))
    assert plan.jobs[1].work == pytest.approx(2 * 3 * (without + STEPS_PER_TEMPERATURE * 5000 * 10))


def test_every_study_that_judges_can_measure_it() -> None:
    """Kills: a study type that was forgotten, or that judges nothing and offers it."""
    offering = {name for name, kind in study_types().items() if "likelihood" in kind.parameters.model_fields}
    judging = {name for name, kind in study_types().items() if "judge" in kind.parameters.model_fields}
    assert offering == judging


@pytest.mark.parametrize("wrong", [{"num_chains": 1}, {"num_temperatures": 0}, {"levels": "some"}])
def test_what_gives_no_error_bar_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        evaluations(**wrong)
