from typing import Literal

import pytest
from pydantic import BaseModel, Field

from backend.client import ApiError
from backend.contracts.catalogue import catalogue
from backend.contracts.messages import FieldProblem, Problem
from backend.contracts.study_types import study_types
from frontend.components import form
from frontend.pages import new_study
from tests.unit.frontend.tree import by_id, text, walk

SWEEP = study_types()["dilution-sweep"]
SCHEMA = SWEEP.parameters.model_json_schema()
DEFAULTS = SWEEP.parameters().model_dump(mode="json")


def shown(schema, parameters):
    return {one.key: form.shown_value(one, parameters) for one in form.fields(schema)}


def inputs(schema, parameters):
    parts = form.build(schema, parameters, catalogue())
    return {one.id["key"]: one for one in walk(parts) if isinstance(getattr(one, "id", None), dict)}


def test_every_parameter_of_the_schema_has_an_input():
    leaves = {*SWEEP.parameters.model_fields} - {"training", "generation", "likelihood"}
    groups = {f"{group}.{name}" for group in ("training", "generation", "likelihood") for name in DEFAULTS[group]}
    assert set(inputs(SCHEMA, DEFAULTS)) == leaves | groups


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


def test_groups_are_fieldsets_with_their_titles():
    parts = form.build(SCHEMA, DEFAULTS, catalogue())
    legends = [one.legend for one in walk(parts) if type(one).__name__ == "Fieldset"]
    assert legends == ["Training", "Generation", "Log-likelihood"]


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


def test_a_problem_of_the_whole_grid_is_a_notice():
    by_key, general = new_study.problems(refusal("/parameters"), list(inputs(SCHEMA, DEFAULTS)))
    assert by_key == {}
    assert "bad /parameters" in text(general)


def test_the_input_of_a_list_shows_it_as_text():
    assert (
        by_id(form.build(SCHEMA, DEFAULTS, catalogue()), {"type": "field", "key": "pruning_grid"}).value
        == "0:0.95:0.05"
    )
