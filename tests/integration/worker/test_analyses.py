"""Machines that begin from other machines, and what is read from them: a real worker against the science by hand."""

import itertools
from typing import Any

import pytest
import torch

from backend.contracts.identity import derive_seed
from backend.contracts.messages import CouplingsRequest, StudyCreate
from backend.contracts.results import RepresentationResult, SpectrumResult
from backend.contracts.states import CellState, StudyState
from backend.services.cells import cell_artifact
from backend.services.errors import InvalidRequest
from backend.services.order import order_couplings
from backend.services.submit import submit_study
from backend.storage.tables import Cell
from tests.integration.worker.plans import QUICK, assert_same_machine, uninterrupted
from tests.integration.worker.rig import Rig, wait_until
from worker.datasets import load_dataset
from worker.rbm.analysis.spectrum import eigenvalues
from worker.rbm.couplings import condensed, effective_fields, three_body_couplings, two_body_couplings
from worker.rbm.couplings.couplings_file import read_couplings
from worker.rbm.machine import Machine, machine_on_mask, new_machine, pixel_means
from worker.rbm.machine_file import read_machine
from worker.rbm.pruning import prune
from worker.rbm.training import TrainingSchedule, start_training_from, train
from worker.rbm.training.rewind import rewound

IMAGES = torch.from_numpy(load_dataset("mnist").train_images)
SEEDS = itertools.count()
"""No test finds cells that another one has filled."""
GENERATION = {"num_samples": 23, "gibbs_steps": 7}


def run(rig: Rig, kind: str, **parameters: Any) -> str:
    given = {"training": QUICK, "seed": next(SEEDS), **parameters}
    if kind != "representation":
        given |= {"generation": GENERATION}
    study = submit_study(rig.lab, StudyCreate(name="A study", type=kind, parameters=given)).id
    rig.wait_for_end(study, StudyState.DONE)
    return study


def machine_of(rig: Rig, cell: Cell) -> Machine:
    row = rig.machines()[cell.id]
    return read_machine(rig.lab.artifacts.get(row.artifact_digest))[0]


def result_of(rig: Rig, study: str, analysis: str) -> bytes:
    [cell] = [one for one in rig.cells(study, "analysis") if one.parameters["analysis"] == analysis]
    kind, data = cell_artifact(rig.lab, cell.id)
    assert kind == "result"
    return data


def retrained(start: Machine, cell: Cell) -> Machine:
    """What the cell's machine must be, trained in this process from a start that the test made."""
    training = {name: value for name, value in cell.parameters["training"].items() if name != "num_hidden"}
    schedule = TrainingSchedule(**training)
    state = start_training_from(start, IMAGES, schedule, [cell.parameters["seed"]])
    return train(state, IMAGES, schedule, schedule.num_updates).machine


def test_retrained_and_same_mask_machines_begin_where_they_should(busy_rig: Rig) -> None:
    """Kills: retraining from other weights or another mask, new weights that are the old ones, a wrong parent."""
    study = run(busy_rig, "retraining", pairs=[[0.2, 0.7]], num_replicas=2, pruning_grid=[0.9])
    cells = {cell.id: cell for cell in busy_rig.cells(study, "machine")}
    kinds = []
    for cell in cells.values():
        if cell.parent is None:
            continue
        start = prune(uninterrupted(cells[cell.parent].parameters), 0.7)
        kinds.append(cell.parameters["start"]["weights"])
        if kinds[-1] == "new":
            generator = torch.Generator().manual_seed(derive_seed("weights", cell.parameters["seed"]))
            start = machine_on_mask(start.mask, pixel_means(IMAGES), [generator])
        row = busy_rig.machines()[cell.id]
        assert_same_machine(busy_rig.lab.artifacts.get(row.artifact_digest), retrained(start, cell))
        assert row.provenance["parent"] == cell.parent
        assert row.initial_dilution == 0.7
        kind = {"new": "same mask", "kept": "retrained"}[kinds[-1]]
        assert row.name.startswith(f"p0 = 0.2, pruned to 0.7, {kind}, replica ")
    assert sorted(kinds) == ["kept", "kept", "new", "new"]


def test_rewound_machines_get_their_first_weights_back_at_each_step(busy_rig: Rig) -> None:
    """Kills: rewinding to the weights of the step before, or to those of another replica."""
    study = run(
        busy_rig, "iterative-pruning", initial_dilution=0.2, steps=[0.5, 0.7], schedules=["rewound"], num_replicas=1,
        pruning_grid=[0.9],
    )  # fmt: skip
    cells = busy_rig.cells(study, "machine")
    [first] = [cell for cell in cells if cell.parameters["initial_dilution"] == 0.2]
    generator = torch.Generator().manual_seed(first.parameters["seed"])
    untrained = new_machine(784, QUICK["num_hidden"], [0.2], pixel_means(IMAGES), [generator])
    before = uninterrupted(first.parameters)
    for pruning in (0.5, 0.7):
        [cell] = [one for one in cells if one.parent and one.parameters["initial_dilution"] == pruning]
        expected = retrained(rewound(prune(before, pruning), untrained), cell)
        assert_same_machine(busy_rig.lab.artifacts.get(busy_rig.machines()[cell.id].artifact_digest), expected)
        before = expected


def test_spectra_are_those_of_the_stored_machines(busy_rig: Rig) -> None:
    study = run(busy_rig, "dilution-sweep", initial_dilutions=[0.0, 0.5], num_replicas=2, pruning_grid=[0.6])
    result = SpectrumResult.model_validate_json(result_of(busy_rig, study, "spectrum"))
    assert [(one.initial_dilution, one.num_replicas) for one in result.series] == [(0.0, 2), (0.5, 2)]
    for series in result.series:
        own = [
            eigenvalues(machine_of(busy_rig, cell))[0]
            for cell in busy_rig.cells(study, "machine")
            if cell.parameters["initial_dilution"] == series.initial_dilution
        ]
        assert series.mean == pytest.approx(torch.stack(own).mean(dim=0).tolist(), rel=1e-9)


def test_couplings_and_principal_components(busy_rig: Rig) -> None:
    study = run(busy_rig, "representation", initial_dilution=0.2, pruning=0.8, num_replicas=2)
    result = RepresentationResult.model_validate_json(result_of(busy_rig, study, "representation"))
    assert [(panel.features, panel.reference) for panel in result.panels] == [
        ("weights", "reference"), ("weights", "same_mask"), ("couplings", "reference"), ("couplings", "same_mask"),
    ]  # fmt: skip
    for panel in result.panels:
        classes = sorted(point.machine_class for point in panel.points)
        assert classes == sorted([*["frozen"] * 2, *["retrained"] * 2, *[panel.reference] * 2])
    machines = {cell.id: cell for cell in busy_rig.cells(study, "machine")}
    for cell in busy_rig.cells(study, "analysis"):
        if cell.parameters["analysis"] == "couplings":
            machine = machine_of(busy_rig, machines[cell.parent or ""])
            if "pruning" in cell.parameters:
                machine = prune(machine, 0.8)
            stored = read_couplings(cell_artifact(busy_rig.lab, cell.id)[1])
            assert torch.equal(stored.two_body, condensed(two_body_couplings(machine))[0])
            assert torch.equal(stored.fields, effective_fields(machine)[0].float())


def test_a_comparison_without_a_judge_is_not_planned(busy_rig: Rig) -> None:
    study = run(busy_rig, "retraining", pairs=[[0.0, 0.5]], num_replicas=1, pruning_grid=[0.5], judge="none")
    assert busy_rig.cells(study, "analysis") == []


def test_couplings_of_chosen_triples_are_ordered_for_any_machine(busy_rig: Rig) -> None:
    study = run(busy_rig, "dilution-sweep", initial_dilutions=[0.3], num_replicas=1, pruning_grid=[0.6])
    [cell] = busy_rig.cells(study, "machine")
    machine_id = busy_rig.machines()[cell.id].id
    triples = [(100, 101, 102), (3, 400, 5)]
    asked = order_couplings(busy_rig.lab, machine_id, CouplingsRequest(pruning=0.6, triples=triples))
    again = order_couplings(busy_rig.lab, machine_id, CouplingsRequest(pruning=0.6, triples=triples))
    assert again.cell_id == asked.cell_id

    def done() -> bool:
        with busy_rig.lab.database.read() as session:
            return session.get_one(Cell, asked.cell_id).state == CellState.DONE

    wait_until(done, "couplings")
    stored = read_couplings(cell_artifact(busy_rig.lab, asked.cell_id)[1])
    expected = three_body_couplings(prune(machine_of(busy_rig, cell), 0.6), torch.tensor(triples))
    assert stored.triples.tolist() == [list(triple) for triple in triples]
    assert torch.allclose(stored.three_body, expected[0].float())
    for wrong, says in (((1, 1, 2), "three different"), ((1, 2, 784), "0 to 783")):
        with pytest.raises(InvalidRequest, match=says):
            order_couplings(busy_rig.lab, machine_id, CouplingsRequest(triples=[wrong]))
    with pytest.raises(InvalidRequest, match="bring weights back"):
        order_couplings(busy_rig.lab, machine_id, CouplingsRequest(pruning=0.1))
