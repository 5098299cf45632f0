from typing import Literal

import pytest
from pydantic import BaseModel, Field

from backend.client import ApiError
from backend.contracts.catalogue import JudgeEntry, catalogue
from backend.contracts.messages import FieldProblem, Problem
from backend.contracts.study_types import study_types
from frontend.components import form, form_inputs
from frontend.pages import new_study
from tests.unit.frontend.tree import by_id, text, walk

SWEEP = study_types()["dilution-sweep"]
SCHEMA = SWEEP.parameters.model_json_schema()
DEFAULTS = SWEEP.parameters().model_dump(mode="json")


def shown(schema, parameters):
    return {one.key: form.shown_value(one, parameters) for one in form.fields(schema)}


def inputs(schema, parameters):
    parts = form_inputs.build(schema, parameters, catalogue())
    found = [one for one in walk(parts) if isinstance(getattr(one, "id", None), dict)]
    return {one.id["key"]: one for one in found if one.id["type"] == "field"}


def test_every_parameter_of_the_schema_has_an_input():
    leaves = {*SWEEP.parameters.model_fields} - {"training", "generation", "likelihood"}
    groups = {f"{group}.{name}" for group in ("training", "generation", "likelihood") for name in DEFAULTS[group]}
    assert set(inputs(SCHEMA, DEFAULTS)) == leaves | groups


def test_what_is_wrong_is_shown_as_it_was_written_in_an_open_group():
    unread, errors = (
        {"training.gibbs_steps": "many"},
        {"training.gibbs_steps": "not a number", "training.momentum": "no"},
    )
    parts = form_inputs.build(SCHEMA, DEFAULTS, catalogue(), unread=unread, errors=errors)
    field = by_id(parts, {"type": "field", "key": "training.gibbs_steps"})
    assert (field.value, field.error) == ("many", "not a number")
    assert by_id(parts, {"type": "field", "key": "num_replicas"}).error is None
    folds = {one.id["group"]: one.open for one in walk(parts) if getattr(one, "className", "").startswith("fold")}
    assert {group for group, is_open in folds.items() if is_open} == {"training", "training."}
    assert folds["generation"] is None


def test_a_parameter_that_is_new_in_the_schema_appears_by_itself():
    class Inner(BaseModel):
        temperature: float = Field(1.5, title="Temperature", description="Of the chains.")

    class Grown(SWEEP.parameters):
        flavour: Literal["plain", "centred"] = Field("plain", title="Flavour")
        annealing: Inner = Field(default_factory=Inner, title="Annealing")
        keep: bool = Field(True, title="Keep")

    schema = Grown.model_json_schema()
    found = inputs(schema, {})
    assert found["flavour"].data == [{"value": "plain", "label": "plain"}, {"value": "centred", "label": "centred"}]
    assert found["annealing.temperature"].value == 1.5
    assert found["annealing.temperature"].description == "Of the chains."
    assert found["keep"].value == "true"
    values = shown(schema, {}) | {"annealing.temperature": 2, "keep": "false"}
    parameters, problems = form.read(schema, values)
    assert problems == {}
    assert parameters["annealing"] == {"temperature": 2.0}
    assert parameters["keep"] is False


def test_the_defaults_come_back_from_the_form_as_they_were():
    parameters, problems = form.read(SCHEMA, shown(SCHEMA, DEFAULTS))
    assert problems == {}
    assert SWEEP.parameters.model_validate(parameters) == SWEEP.parameters()


@pytest.mark.parametrize("preset", SWEEP.presets)
def test_a_preset_fills_the_form_and_comes_back(preset):
    wanted = SWEEP.parameters.model_validate(SWEEP.presets[preset])
    parameters, problems = form.read(SCHEMA, shown(SCHEMA, wanted.model_dump(mode="json")))
    assert problems == {}
    assert SWEEP.parameters.model_validate(parameters) == wanted


def test_names_from_the_catalogue_are_chosen_not_typed():
    found = inputs(SCHEMA, DEFAULTS)
    assert [one["value"] for one in found["pruning_rule"].data] == [one.name for one in catalogue().pruning_rules]
    assert [one["value"] for one in found["dataset"].data] == [one.name for one in catalogue().datasets]


def test_groups_are_folded_with_their_titles_and_what_is_advanced_once_more():
    parts = form_inputs.build(SCHEMA, DEFAULTS, catalogue())
    folds = [one for one in walk(parts) if type(one).__name__ == "Details"]
    assert [fold.id["group"] for fold in folds] == ["training", "training.", "generation", "likelihood"]
    assert [text(fold.children[0]).split(" hidden")[0].split(" samples")[0].split(" temp")[0] for fold in folds] == [
        "Training", "Advanced", "Generation", "Log-likelihood",
    ]  # fmt: skip
    assert {one.id["key"] for one in walk(folds[1]) if getattr(one, "className", "") == "field"} >= {
        "training.momentum", "training.nesterov", "training.gradient",
    }  # fmt: skip


def test_a_fold_says_what_is_in_it_and_what_advanced_was_changed():
    values = shown(SCHEMA, DEFAULTS)
    assert "gibbs steps k 1000" in form_inputs.summary(SCHEMA, "training", values)
    assert "momentum" not in form_inputs.summary(SCHEMA, "training", values)
    assert "momentum 0.5" in form_inputs.summary(SCHEMA, "training", values | {"training.momentum": 0.5})


def test_a_field_without_meaning_is_hidden_and_left_at_its_default():
    values = shown(SCHEMA, DEFAULTS)
    assert form.hidden(SCHEMA, values) == {"training.final_learning_rate", "training.nesterov"}
    used = values | {"training.momentum": 0.5, "training.learning_rate_decay": "linear"}
    assert form.hidden(SCHEMA, used) == set()
    left = values | {"training.final_learning_rate": 0.01}
    assert form.read(SCHEMA, left)[0]["training"]["final_learning_rate"] == 0.001
    decaying = left | {"training.learning_rate_decay": "linear"}
    assert form.read(SCHEMA, decaying)[0]["training"]["final_learning_rate"] == 0.01
    places = {
        one.id["key"]: one.hidden
        for one in walk(form_inputs.build(SCHEMA, DEFAULTS, catalogue()))
        if isinstance(getattr(one, "id", None), dict) and one.id["type"] == "field-place"
    }
    assert {key for key, is_hidden in places.items() if is_hidden} == form.hidden(SCHEMA, values)


def test_a_problem_opens_the_folds_that_hide_it():
    assert form_inputs.folds_with({"training.nesterov": "no"}, SCHEMA) == {"training", "training."}
    assert form_inputs.folds_with({"training.batch_size": "no", "seed": "no"}, SCHEMA) == {"training"}


@pytest.mark.parametrize("name", study_types())
def test_every_study_type_comes_back_from_its_form_as_it_was(name):
    kind = study_types()[name]
    schema = kind.parameters.model_json_schema()
    for preset in kind.presets.values():
        wanted = kind.parameters.model_validate(
            {"judge": "0" * 64, **preset} if "judge" in schema["properties"] else preset
        )
        parameters, problems = form.read(schema, shown(schema, wanted.model_dump(mode="json")))
        assert problems == {}
        assert kind.parameters.model_validate(parameters) == wanted


def test_pairs_are_text_and_choices_are_chosen():
    schema = study_types()["reproduce"].parameters.model_json_schema()
    found = inputs(schema, {"pairs": [[0.0, 0.75], [0.4, 0.9]], "represented_pair": [0.4, 0.9], "judge": "a" * 64})
    assert (found["pairs"].value, found["represented_pair"].value) == ("0:0.75, 0.4:0.9", "0.4:0.9")
    parameters, problems = form.read(schema, {"pairs": "0:0.7; 0.2 : 0.8", "represented_pair": "0.1:0.5 0.2:0.6"})
    assert parameters["pairs"] == [[0.0, 0.7], [0.2, 0.8]]
    assert problems == {"represented_pair": "one pair is needed, such as 0.4:0.85"}
    iterative = study_types()["iterative-pruning"].parameters.model_json_schema()
    schedules = inputs(iterative, {})["schedules"]
    assert (type(schedules).__name__, schedules.value) == ("MultiSelect", ["iterative", "rewound", "retrained"])
    assert form.read(iterative, {"schedules": ["retrained", "iterative"]})[0]["schedules"] == ["iterative", "retrained"]
    assert form.read(iterative, {"schedules": "rewound,iterative"})[0]["schedules"] == ["iterative", "rewound"]


def test_judges_are_chosen_none_among_them_and_one_that_was_trained_here():
    own = JudgeEntry(name="standard", label="Standard", description="", source="", digest="b" * 64)
    known = catalogue().model_copy(update={"judges": (own,)})
    parts = form_inputs.build(SCHEMA, DEFAULTS | {"judge": "a" * 64}, known)
    choice = by_id(parts, {"type": "field", "key": "judge"})
    assert [one["value"] for one in choice.data] == ["standard", "none", "a" * 64]
    assert choice.value == "a" * 64


def test_what_cannot_be_read_is_said_at_its_field():
    values = shown(SCHEMA, DEFAULTS) | {"pruning_grid": "0, many", "training.gibbs_steps": ""}
    parameters, problems = form.read(SCHEMA, values)
    assert set(problems) == {"pruning_grid", "training.gibbs_steps"}
    assert "'many'" in problems["pruning_grid"]
    assert "pruning_grid" not in parameters


def test_a_fraction_in_a_whole_number_is_left_for_the_api_to_refuse():
    parameters, _ = form.read(SCHEMA, {"num_replicas": 2.5})
    assert parameters == {"num_replicas": 2.5}


def test_a_draft_over_a_preset_is_what_differs():
    base = {"type": "dilution-sweep", "preset": "The paper", "parameters": DEFAULTS}
    parameters, _ = form.read(SCHEMA, shown(SCHEMA, DEFAULTS) | {"training.gibbs_steps": 7})
    draft = new_study.draft_of("  Mine ", base, parameters)
    assert draft.name == "Mine"
    assert draft.preset == "The paper"
    assert draft.parameters == {"training": {"gibbs_steps": 7}}


def test_the_address_keeps_what_was_changed():
    base = {"type": "dilution-sweep", "preset": "The paper", "parameters": DEFAULTS}
    given = shown(SCHEMA, DEFAULTS) | {"training.gibbs_steps": 7}
    query = new_study.query_of("Mine", base, SCHEMA, given)
    assert query == "type=dilution-sweep&preset=The+paper&name=Mine&training.gibbs_steps=7"


def refusal(*pointers):
    errors = [FieldProblem(pointer=pointer, detail=f"bad {pointer}") for pointer in pointers]
    return ApiError(422, Problem(title="Unprocessable", status=422, detail="refused", errors=errors))


def test_problems_stand_beside_their_fields():
    by_key, general = new_study.problems(
        refusal("/parameters/training/gibbs_steps", "/parameters/pruning_grid/3", "/name"),
        list(inputs(SCHEMA, DEFAULTS)),
    )
    assert by_key == {
        "training.gibbs_steps": "bad /parameters/training/gibbs_steps",
        "pruning_grid": "bad /parameters/pruning_grid/3",
        "name": "bad /name",
    }
    assert general == []


def test_a_problem_of_an_item_stands_at_its_list_and_one_of_a_group_at_the_field_it_names():
    keys = ["pairs", "judge", "training.nesterov"]
    errors = {
        "/parameters/pairs/0/1": "too large",
        "/parameters": "judge is none: choose one",
        "/parameters/training": "nesterov looks ahead along the momentum",
    }
    problem = Problem(
        title="Unprocessable",
        status=422,
        detail="refused",
        errors=[FieldProblem(pointer=pointer, detail=detail) for pointer, detail in errors.items()],
    )
    by_key, general = new_study.problems(ApiError(422, problem), keys)
    assert by_key == dict(zip(keys, errors.values(), strict=True))
    assert general == []


def test_a_problem_of_the_whole_grid_is_a_notice():
    by_key, general = new_study.problems(refusal("/parameters"), list(inputs(SCHEMA, DEFAULTS)))
    assert by_key == {}
    assert "bad /parameters" in text(general)


def test_the_input_of_a_list_shows_it_as_text():
    assert (
        by_id(form_inputs.build(SCHEMA, DEFAULTS, catalogue()), {"type": "field", "key": "pruning_grid"}).value
        == "0:0.95:0.05"
    )
