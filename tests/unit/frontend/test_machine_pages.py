"""The table of machines and the page of one machine, as component trees and figures."""

import pytest

from backend.contracts.messages import (
    Dependant,
    Dependants,
    Lineage,
    MachineCurve,
    MachineCurves,
    MachinePoint,
    MachineTraining,
    MetricInfo,
    ReferenceLine,
    TrainingCurve,
    TrainingPoint,
)
from backend.storage.repositories.machines import SORT_KEYS
from frontend.components import machine_deletion, machine_facts, machine_figures
from frontend.pages import machines
from frontend.plots.machine import measured_of_machine, training_of_machine, ways_of
from tests.unit.frontend import messages
from tests.unit.frontend.tree import text, walk


def links(tree):
    return [one.href for one in walk(tree) if getattr(one, "href", None)]


def test_every_column_is_an_order_that_the_api_has():
    assert {one["field"] for one in machines.columns()} == set(SORT_KEYS)


@pytest.mark.parametrize(
    ("sort", "order", "field", "direction"),
    [
        (None, None, "created", "desc"),
        ("dilution", "asc", "dilution", "asc"),
        ("beauty", "sideways", "created", "desc"),
    ],
)
def test_the_order_of_an_address_is_the_order_of_the_table(sort, order, field, direction):
    assert {one["field"]: one["sort"] for one in machines.columns(sort, order) if one["sort"]} == {field: direction}


@pytest.mark.parametrize(
    ("asked", "value"), [("0.4", 0.4), ("1", 1.0), ("1.2", ""), ("few", ""), (None, ""), ("nan", "")]
)
def test_a_bound_of_an_address_is_a_fraction_or_nothing(asked, value):
    assert machines.fraction(asked) == value


def curve(metric="quality", rule="magnitude", points=(0.4, 0.9), **changes):
    own = {"num_samples": 100, "gibbs_steps": 50, "judge": None}
    made = [
        MachinePoint(x=x, value=1 - x, low=0.9 - x, high=1.1 - x, cell_id=f"cell-{x}", has_samples=x != 0.5)
        for x in points
    ]
    return MachineCurve(metric=metric, pruning_rule=rule, points=made, **(own | changes))


def info(name):
    return MetricInfo(name=name, label=name.title(), unit="1", better="higher", formula="", source="")


def measured(*curves):
    names = sorted({one.metric for one in curves})
    return MachineCurves(machine_id="m", x_label="p", metrics=[info(name) for name in names], curves=list(curves))


def test_the_code_of_a_figure_shows_the_metric_that_is_seen():
    found = measured(curve("adversarial_accuracy_error"), curve("a_new_one"), curve("quality"))
    for asked, shown in (({}, "quality"), ({"metric": "a_new_one"}, "a_new_one"), ({"metric": "nonsense"}, "quality")):
        code = machine_figures.code_of("measured", asked, found)
        assert code.lines == (f"figure = measured_of_machine(lab.machine_curves(machine), {shown!r})",)
    assert machine_figures.code_of("training", {}, found).path == "training"


def test_a_machine_that_nobody_measured_leads_to_the_explorer():
    assert "/?m=m" in links(machine_figures.measured(messages.machine(), measured(), {}))


def test_every_measured_level_shows_the_samples_that_it_kept_and_many_levels_are_thinned_evenly():
    few = machine_figures.levels(measured(curve(points=(0.4, 0.5, 0.9))))
    assert [one.src for tree in few for one in walk(tree) if type(one).__name__ == "Img"] == [
        f"/api/v1/cells/cell-{x}/samples.png?columns=3&count=9" for x in (0.4, 0.9)
    ]
    many = machine_figures.levels(measured(curve(points=[at / 100 for at in range(100)])))
    assert len(many) == machine_figures.MOST_LEVELS
    assert [text(one).split()[:3] for one in (many[0], many[-1])] == [["p", "=", "0"], ["p", "=", "0.99"]]


def test_a_measured_curve_has_its_band_and_its_reference():
    line = ReferenceLine(metric="quality", label="held out", value=0.8)
    figure = measured_of_machine(measured(curve(reference=line), curve(rule="random")), "quality")
    names = [trace.name for trace in figure.data]
    assert names.count("band") == 2
    assert "held out" in names
    [main] = [trace for trace in figure.data if trace.name == "Smallest weights first"]
    assert (list(main.x), list(main.y)) == ([0.4, 0.9], [0.6, pytest.approx(0.1)])


def test_curves_say_on_how_many_samples_only_where_they_differ():
    few, many = curve(), curve(num_samples=2000)
    assert ways_of([few, curve(rule="random")]) == ["Smallest weights first", "Random weights"]
    assert ways_of([few, many]) == [
        "Smallest weights first, 100 samples, 50 steps",
        "Smallest weights first, 2,000 samples, 50 steps",
    ]


def test_a_training_has_one_line_for_each_metric():
    points = [TrainingPoint(x=0, value=-500), TrainingPoint(x=10, value=-100)]
    names = ["pseudo_log_likelihood", "pseudo_log_likelihood_test"]
    curves = [TrainingCurve(metric=name, num_samples=100, points=points) for name in names]
    found = MachineTraining(machine_id="m", x_label="update", metrics=[info(name) for name in names], curves=curves)
    figure = training_of_machine(found, "dark")
    assert [trace.name for trace in figure.data] == ["training images", "test images"]
    assert list(figure.data[0].y) == [-500, -100]


def test_a_line_links_to_parents_and_children_but_not_to_itself():
    one = messages.machine(id="me")
    found = Lineage(
        machine_id="me",
        ancestors=[messages.machine(id="first"), messages.machine(id="parent")],
        children=[messages.machine(id=f"child{at}") for at in range(14)],
        num_children=20,
    )
    card = machine_facts.line(one, found)
    assert links(card)[:3] == ["/machines/first", "/machines/parent", "/machines/child0"]
    assert "/machines/me" not in links(card)
    assert "and 8 more" in text(card)
    assert machine_facts.line(one, Lineage(machine_id="me", ancestors=[], children=[], num_children=0)) is None


def test_downloads_of_a_trained_machine_have_its_training():
    assert "/api/v1/machines/m/training" in links(machine_facts.downloads(messages.machine(cell_id="c")))
    assert "/api/v1/machines/m/training" not in links(machine_facts.downloads(messages.machine()))
    assert "/api/v1/machines/m/download" in links(machine_facts.downloads(messages.machine()))


def user(kind, name):
    return Dependant(kind=kind, id="x", name=name, url=f"/api/v1/{kind}s/x")


def dependants(**changes):
    own = {"machine_id": "m", "protected": None, "jobs": [], "studies": [], "machines": [], "num_cells": 3}
    return Dependants(**(own | changes))


def test_the_question_names_who_uses_it():
    found = dependants(studies=[user("study", "Sweep")], machines=[user("machine", "Child")])
    words = text(machine_deletion.words(found))
    assert machine_deletion.allowed(found)
    for part in ("Sweep", "Child", "3 measurements", "a retry makes it again"):
        assert part in words
    assert links(machine_deletion.words(found)) == ["/studies/x", "/machines/x"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [({"protected": "it belongs to the zoo"}, "zoo"), ({"jobs": [user("job", "Draws")]}, "Draws")],
)
def test_what_stands_in_the_way_leaves_no_choice(changes, words):
    found = dependants(**changes)
    assert not machine_deletion.allowed(found)
    assert words in text(machine_deletion.words(found))


def test_receptive_fields_need_square_pictures():
    assert machine_figures.hidden_units(messages.machine(num_visible=7), {}) is None
    offered = machine_figures.hidden_units(messages.machine(), {"units": "400", "by": "index"})
    chosen = {one.id: one.value for one in walk(offered) if type(one).__name__ == "Select"}
    assert chosen == {"machine-by": "index", "machine-units": "400"}
