"""Families are scanned, and a member that does not state its source and unit is refused."""

import sys

import pytest

from worker.rbm import registry
from worker.rbm.registry import MetricRegistration, Registration

TEXTS = {"name": "a", "label": "A", "description": "An a.", "unit": "1", "source": "Paper, eq. 1"}


@pytest.mark.parametrize("field", ["name", "label", "description", "unit", "source"])
@pytest.mark.parametrize("blank", ["", "  "])
def test_an_empty_text_is_refused(field, blank):
    with pytest.raises(ValueError, match=field):
        Registration(**(TEXTS | {field: blank}), function=len)


def test_a_metric_states_its_formula():
    with pytest.raises(ValueError, match="formula"):
        MetricRegistration(**TEXTS, formula="", better="lower", needs="samples", function=len)


def test_a_name_is_an_identifier():
    with pytest.raises(ValueError, match="identifier"):
        Registration(**(TEXTS | {"name": "E(2)"}), function=len)


@pytest.mark.parametrize("name", sorted(registry.FAMILIES))
def test_every_family_has_members_with_all_texts(name):
    descriptions = registry.describe(name)
    assert descriptions
    for description in descriptions:
        assert all(description[text].strip() for text in registry.Registration.text_fields())
        assert {"name", "label", "description", "unit", "source"} <= set(description)


def test_metrics_describe_what_the_catalogue_needs():
    for description in registry.describe("metrics"):
        assert {"formula", "better", "needs"} <= set(description)


def test_unknown_names_are_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="metrics, pruning_rules, samplers"):
        registry.family("plots")
    with pytest.raises(ValueError, match="magnitude"):
        registry.member("pruning_rules", "largest")


def package_with(tmp_path, monkeypatch, name, **modules):
    folder = tmp_path / name
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    for module, text in modules.items():
        (folder / f"{module}.py").write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    return name


def member_text(name):
    texts = TEXTS | {"name": name}
    return f"from worker.rbm.registry import Registration\nREGISTRATION = Registration(**{texts}, function=len)\n"


def test_a_new_file_is_a_new_member(tmp_path, monkeypatch):
    name = package_with(tmp_path, monkeypatch, "family_one", b=member_text("b"), a=member_text("a"), other="X = 1\n")
    assert list(registry.scan(name)) == ["a", "b"]
    assert "family_one.other" in sys.modules


def test_two_members_of_one_name_are_refused(tmp_path, monkeypatch):
    name = package_with(tmp_path, monkeypatch, "family_two", b=member_text("same"), a=member_text("same"))
    with pytest.raises(ValueError, match="two members"):
        registry.scan(name)


def test_a_member_of_the_wrong_kind_is_refused(tmp_path, monkeypatch):
    name = package_with(tmp_path, monkeypatch, "family_three", a=member_text("a"))
    with pytest.raises(ValueError, match="no MetricRegistration"):
        registry.scan(name, MetricRegistration)
