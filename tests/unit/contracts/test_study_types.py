"""The grids of every study type: what is trained from what, what is judged, what is read from it."""

from collections import Counter

import pytest
from pydantic import ValidationError

from backend.contracts.cells import Start, machine_cell
from backend.contracts.grid import (
    FROZEN,
    ITERATIVE,
    REFERENCE,
    RETRAINED,
    REWOUND,
    SAME_MASK,
    SECOND_SCHEDULE,
    TRAINED,
)
from backend.contracts.parameters import TrainingParameters
from backend.contracts.plan import ANALYSIS, EVALUATION, MACHINE, CellPlan, StudyPlan
from backend.contracts.study_types import StudyType, study_types
from backend.contracts.study_types.iterative_pruning import IterativePruning, IterativePruningParameters
from backend.contracts.study_types.judge import JudgeParameters, JudgeStudy
from backend.contracts.study_types.representation import Representation, RepresentationParameters
from backend.contracts.study_types.reproduce import Reproduce, ReproduceParameters
from backend.contracts.study_types.retraining import Retraining, RetrainingParameters

TYPES = list(study_types().values())
RETRAIN = {"pairs": [[0.0, 0.7], [0.4, 0.9]], "num_replicas": 2, "pruning_grid": [0.5, 0.8, 0.95]}


def of_class(plan: StudyPlan, kind: str, machine_class: str) -> list[CellPlan]:
    return [cell for cell in plan.cells if cell.kind == kind and cell.axes.get("machine_class") == machine_class]


def smallest(kind: type[StudyType]) -> StudyPlan:
    preset = next(iter(kind.presets.values()))
    return kind.plan(kind.parameters.model_validate(preset))


@pytest.mark.parametrize("kind", TYPES, ids=lambda kind: kind.name)
def test_needs_come_first_and_jobs_cover_every_cell_once(kind: type[StudyType]) -> None:
    plan = smallest(kind)
    seen: set[str] = set()
    for cell in plan.cells:
        assert ({cell.parent} if cell.parent else set()) | set(cell.inputs) <= seen
        seen.add(cell.id)
    covered = [cell for job in plan.jobs for cell in job.cells]
    assert Counter(covered) == Counter(cell.id for cell in plan.cells)


@pytest.mark.parametrize("kind", TYPES, ids=lambda kind: kind.name)
def test_every_preset_is_valid_and_every_type_explains_itself(kind: type[StudyType]) -> None:
    assert kind.presets
    for preset in kind.presets.values():
        kind.parameters.model_validate(preset)
    assert kind.title
    assert kind.description
    for field in kind.parameters.model_json_schema()["properties"].values():
        assert field.get("title") or "$ref" in field


def test_retraining_compares_four_classes_of_each_pair() -> None:
    plan = Retraining.plan(RetrainingParameters.model_validate(RETRAIN))
    trained = Counter(cell.parameters["initial_dilution"] for cell in of_class(plan, MACHINE, TRAINED))
    assert trained == {0.0: 2, 0.7: 2, 0.4: 2, 0.9: 2}, "first machines and references"
    for kind, weights in ((RETRAINED, "kept"), (SAME_MASK, "new")):
        cells = of_class(plan, MACHINE, kind)
        assert {(cell.axes["initial_dilution"], cell.axes["pruned_to"]) for cell in cells} == {(0.0, 0.7), (0.4, 0.9)}
        for cell in cells:
            parent = next(one for one in plan.cells if one.id == cell.parent)
            assert parent.axes == {**parent.axes, "machine_class": TRAINED, "replica": cell.axes["replica"]}
            assert parent.parameters["initial_dilution"] == cell.axes["initial_dilution"]
            assert cell.parameters["initial_dilution"] == cell.parameters["start"]["pruning"] == cell.axes["pruned_to"]
            assert cell.parameters["start"]["weights"] == weights
    assert len({cell.parameters["seed"] for cell in plan.cells if cell.kind == MACHINE}) == 4 * 2 + 2 * 2 * 2


def test_every_class_of_a_pair_is_judged_at_the_same_levels() -> None:
    """Kills: a frozen or reference curve on other levels than the retrained one."""
    plan = Retraining.plan(RetrainingParameters.model_validate(RETRAIN))
    judged: dict[tuple[object, ...], set[object]] = {}
    for cell in plan.cells:
        if cell.kind == EVALUATION:
            axes = cell.axes
            key = (axes["machine_class"], axes["initial_dilution"], axes.get("pruned_to"), axes["replica"])
            judged.setdefault(key, set()).add(axes["pruning"])
    for p0, p, levels in ((0.0, 0.7, {0.7, 0.8, 0.95}), (0.4, 0.9, {0.9, 0.95})):
        for replica in (0, 1):
            assert judged[RETRAINED, p0, p, replica] == judged[SAME_MASK, p0, p, replica] == levels
            assert judged[TRAINED, p, None, replica] == levels
            assert judged[TRAINED, p0, None, replica] == {p0} | levels


def test_a_retraining_shares_its_first_machines_and_references_with_sweeps() -> None:
    plan = Retraining.plan(RetrainingParameters.model_validate(RETRAIN))
    sweep = study_types()["dilution-sweep"]
    given = {"initial_dilutions": [0.0, 0.7], "num_replicas": 2, "pruning_grid": [0.8]}
    swept = sweep.plan(sweep.parameters.model_validate(given))
    machines = {cell.id for cell in swept.cells if cell.kind == MACHINE}
    assert machines < {cell.id for cell in plan.cells}


def test_the_same_mask_control_can_be_left_out() -> None:
    plan = Retraining.plan(RetrainingParameters.model_validate({**RETRAIN, "same_mask": False}))
    assert of_class(plan, MACHINE, SAME_MASK) == []


def test_iterative_schedules_go_step_by_step() -> None:
    """Kills: steps that all start from the first machine, rewinding to other weights than the first ones."""
    given = {"initial_dilution": 0.2, "steps": [0.5, 0.7], "num_replicas": 1, "pruning_grid": [0.6, 0.8]}
    plan = IterativePruning.plan(IterativePruningParameters.model_validate(given))
    [first] = [c for c in of_class(plan, MACHINE, TRAINED) if c.axes["initial_dilution"] == 0.2]
    for kind, weights in ((ITERATIVE, "kept"), (REWOUND, "initial")):
        one, two = of_class(plan, MACHINE, kind)
        assert (one.parent, two.parent) == (first.id, one.id)
        assert [cell.parameters["start"]["weights"] for cell in (one, two)] == [weights, weights]
        assert [cell.axes["pruned_to"] for cell in (one, two)] == [0.5, 0.7]
    for cell in of_class(plan, MACHINE, REWOUND):
        assert cell.parameters["start"]["initial"] == {
            "initial_dilution": 0.2,
            "seed": first.parameters["seed"],
        }
    assert {cell.parent for cell in of_class(plan, MACHINE, RETRAINED)} == {first.id}, "pruned at once"


def test_representation_has_the_couplings_of_four_classes() -> None:
    given = {"initial_dilution": 0.4, "pruning": 0.9, "num_replicas": 3}
    plan = Representation.plan(RepresentationParameters.model_validate(given))
    couplings = [cell for cell in plan.cells if cell.kind == ANALYSIS and cell.axes["analysis"] == "couplings"]
    assert Counter(cell.axes["machine_class"] for cell in couplings) == dict.fromkeys(
        (FROZEN, RETRAINED, REFERENCE, SAME_MASK), 3
    )
    frozen = [cell for cell in couplings if cell.axes["machine_class"] == FROZEN]
    assert all(cell.parameters["pruning"] == 0.9 for cell in frozen)
    assert all("pruning" not in cell.parameters for cell in couplings if cell not in frozen)
    for kind in (FROZEN, RETRAINED, REFERENCE, SAME_MASK):
        assert len({cell.parent for cell in couplings if cell.axes["machine_class"] == kind}) == 3, (
            "each its own machine"
        )
    components = plan.cells[-1]
    assert set(components.inputs) == {cell.id for cell in plan.cells[:-1]}
    assert all(cell.kind != EVALUATION for cell in plan.cells), "nothing is judged"


def test_a_judge_learns_from_two_schedules_and_is_tested_with_the_last_replicas() -> None:
    """Kills: one schedule for both, a test set that was learned from, a card without its judge."""
    given = {"initial_dilutions": [0.0], "num_replicas": 3, "num_unseen": 1, "pruning_grid": [0.5]}
    given |= {"training": {"num_updates": 7}, "second_training": {"num_updates": 8}}
    plan = JudgeStudy.plan(JudgeParameters.model_validate(given))
    updates = {
        kind: [cell.parameters["training"]["num_updates"] for cell in of_class(plan, MACHINE, kind)]
        for kind in (TRAINED, SECOND_SCHEDULE)
    }
    assert updates == {TRAINED: [7, 7, 7], SECOND_SCHEDULE: [8, 8, 8]}
    judge, card = plan.cells[-2:]
    evaluations = {cell.id for cell in plan.cells if cell.kind == EVALUATION}
    assert judge.parameters["num_learned_from"] == 2
    assert (set(judge.inputs), set(card.inputs)) == (evaluations, evaluations | {judge.id})


def test_the_report_reads_every_result_of_the_reproduction() -> None:
    """Kills: a report without the qualities at p0, or without one of the analyses that its claims are about."""
    given = {"initial_dilutions": [0.0, 0.4], "num_replicas": 2, "pruning_grid": [0.5, 0.9]}
    given |= {"pairs": [[0.0, 0.7]], "represented_pair": [0.4, 0.9]}
    plan = Reproduce.plan(ReproduceParameters.model_validate(given))
    report = plan.cells[-1]
    read = [cell for cell in plan.cells if cell.id in report.inputs]
    analyses = {cell.axes["analysis"] for cell in read if cell.kind == ANALYSIS}
    judged = {(cell.axes["initial_dilution"], cell.axes["replica"]) for cell in read if cell.kind == EVALUATION}
    assert analyses == {"spectrum", "collapse", "comparison", "representation"}
    assert judged >= {(p0, replica) for p0 in (0.0, 0.4) for replica in (0, 1)}


@pytest.mark.parametrize(
    ("kind", "given", "says"),
    [
        (Retraining, {"pairs": [[0.7, 0.4]]}, "p must be above p0"),
        (Retraining, {"pairs": [[0.1, 0.4], [0.1, 0.4]]}, "pairs has a value twice"),
        (Retraining, {"pairs": [[0.1, 1.4]]}, "less than or equal to 1"),
        (Retraining, {"pairs": [[0.1]]}, "Field required"),
        (Retraining, {"pairs": []}, "at least 1 item"),
        (Representation, {"initial_dilution": 0.9, "pruning": 0.9}, "p must be above p0"),
        (IterativePruning, {"steps": [0.5, 0.4]}, "each must be above the one before"),
        (IterativePruning, {"initial_dilution": 0.6, "steps": [0.5, 0.7]}, "each must be above the one before"),
        (IterativePruning, {"schedules": ["sideways"]}, "'iterative', 'rewound' or 'retrained'"),
        (IterativePruning, {"num_replicas": 1000}, "at most 20,000 are allowed"),
    ],
)
def test_bad_input_is_refused_with_a_reason(kind: type[StudyType], given: dict[str, object], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        kind.parameters.model_validate(given)


def test_where_a_training_begins_is_part_of_its_identity() -> None:
    """Kills: retrained, same-mask and rewound machines that are taken for each other."""

    def machine(start: Start | None) -> CellPlan:
        return machine_cell(
            dataset="mnist", dataset_digest="d" * 64, initial_dilution=0.4, training=TrainingParameters(), seed=7,
            axes={}, start=start,
        )  # fmt: skip

    first = machine(None)
    starts = [
        None,
        Start(first, 0.7, "magnitude", "kept"),
        Start(first, 0.7, "magnitude", "new"),
        Start(first, 0.7, "magnitude", "initial"),
        Start(first, 0.8, "magnitude", "kept"),
        Start(first, 0.7, "random", "kept"),
        Start(machine(Start(first, 0.5, "magnitude", "kept")), 0.7, "magnitude", "kept"),
    ]
    assert len({machine(start).id for start in starts}) == len(starts)
