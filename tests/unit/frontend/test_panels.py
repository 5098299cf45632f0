"""The panels of a study's page as component trees."""

import asyncio

import pytest
from dash import no_update
from dash.development.base_component import Component

from backend.contracts.messages import Analysis
from backend.contracts.results import Interval
from backend.contracts.states import CellState
from frontend import machine_classes, metric_choice, panels
from frontend.components import analysis, figure
from frontend.components.controls import band_select
from frontend.pages import machine
from frontend.panels import Opened, collapse, comparison, judge, report, representation
from frontend.panels import results as results_panel
from frontend.plots.curves import CurveView
from tests.unit.frontend import messages, results
from tests.unit.frontend.tree import by_id, text, walk


def analysis_of(name, state=CellState.DONE, **changes):
    own = {"cell_id": "c" * 20, "analysis": name, "title": name.capitalize(), "state": state, "error": None, "axes": {}}
    return Analysis(**(own | changes))


def opened(**query):
    parameters = {"pairs": [[0.0, 0.7], [0.4, 0.9]], "generation": {"num_samples": 10}}
    return Opened(messages.study(parameters=parameters), query, "http://lab.example/studies/study-1")


def test_every_panel_declares_what_the_page_asks_for():
    tabs = [one.TAB for one in panels.panels()]
    assert len(set(tabs)) == len(tabs)
    assert tabs[0] == "results"
    for one in panels.panels():
        assert one.LABEL
        assert isinstance(one.layout(opened()), Component)


def test_a_study_has_the_tabs_of_its_analyses_only():
    sweep = messages.study(parameters={"generation": {}})
    found = [one.TAB for one in panels.fitting(sweep, [analysis_of("spectrum")])]
    assert found == ["results", "spectra", "training", "cells", "recipe"]
    everything = [
        analysis_of(name) for name in ("spectrum", "collapse", "comparison", "representation", "report", "judge-card")
    ]
    assert {one.TAB for one in panels.fitting(sweep, everything)} == {one.TAB for one in panels.panels()}


def test_a_study_that_draws_no_samples_has_no_curves():
    study = messages.study(parameters={"training": {}})
    assert panels.fitting(study, [analysis_of("representation")])[0].TAB == "representation"


def test_an_unknown_tab_is_the_first():
    assert panels.panel("nonsense").TAB == "results"
    assert panels.panel("spectra").TAB == "spectra"


@pytest.mark.parametrize(
    ("own", "words"),
    [
        (analysis_of("collapse", CellState.PENDING), "Waiting for 6 of 10 cells"),
        (analysis_of("collapse", CellState.FAILED, error="no curve falls"), "no curve falls"),
        (analysis_of("collapse", CellState.CANCELLED), "Retry the study"),
        (None, "not part of this study"),
    ],
)
def test_an_analysis_without_result_says_why(own, words):
    assert words in text(analysis.standing(messages.study(), own))


def test_a_waiting_analysis_leads_to_its_jobs():
    shown = analysis.standing(messages.study(), analysis_of("collapse", CellState.PENDING))
    assert "/queue?study=study-1" in [getattr(one, "href", None) for one in walk(shown)]


def test_metrics_are_offered_in_the_order_of_the_paper():
    base = messages.curves((0.0, {0.0: [1.0]}))
    names = ("adversarial_accuracy_data", "second_moment_error", "quality")
    infos = [messages.E2.model_copy(update={"name": name}) for name in names]
    curves = base.model_copy(update={"metrics": infos})
    offered = metric_choice.offered(curves)
    assert [one.name for one in offered] == ["quality", "second_moment_error", "adversarial_accuracy_data"]
    assert metric_choice.chosen("second_moment_error", offered).name == "second_moment_error"
    assert metric_choice.chosen("nonsense", offered).name == "quality"
    assert metric_choice.chosen("quality", []) is None


PAPER = ("quality", "second_moment_error", "adversarial_accuracy_error", "digit_imbalance")


@pytest.mark.parametrize(
    ("measured", "asked", "fetched"),
    [
        (("quality", "second_moment_error"), None, [("quality",)]),
        (("quality", "second_moment_error"), "second_moment_error", [("second_moment_error",)]),
        (("second_moment_error",), None, [("quality",), ("second_moment_error",)]),
        (("second_moment_error",), "nonsense", [("nonsense",), ("second_moment_error",)]),
        ((), None, [("quality",)]),
        (("quality", "second_moment_error"), metric_choice.PAPER, [PAPER]),
        (("digit_fraction",), metric_choice.PAPER, [PAPER, ("digit_fraction",)]),
    ],
)
def test_only_the_curves_of_the_shown_metric_are_fetched(measured, asked, fetched):
    """Kills: every metric fetched for a figure of one, or a figure of a metric that has no values."""

    class Recorder:
        async def curves(self, study_id, metric, max_replicas):
            self.calls.append((tuple(metric), max_replicas))
            infos = [messages.E2.model_copy(update={"name": name}) for name in measured]
            return messages.curves().model_copy(update={"metrics": infos})

    recorder = Recorder()
    recorder.calls = []
    asyncio.run(metric_choice.curves_of(recorder, "s", asked))
    assert recorder.calls == [(names, metric_choice.FEW_REPLICAS) for names in fetched]
    recorder.calls = []
    asyncio.run(metric_choice.curves_of(recorder, "s", asked, replicas=True))
    assert {most for _, most in recorder.calls} == {None}


def test_the_results_show_what_is_asked_for_and_offer_what_there_is():
    base = messages.curves((0.0, {0.0: [1.0], 0.5: [2.0]}), (0.4, {0.4: [3.0]}))
    retrained = base.series[0].model_copy(update={"machine_class": "retrained", "pruned_to": 0.5})
    curves = base.model_copy(update={"series": [*base.series, retrained]})
    shown = results_panel.figures(curves, "nonsense", "retrained", CurveView())
    assert shown["metric"] == "second_moment_error"
    assert shown["default"] == {"metric": "second_moment_error"}
    assert [one["value"] for one in shown["classes"]] == ["trained", "retrained"]
    assert not shown["one_class"]
    assert "pruned to 0.5" in shown["curves"].data[-2].name
    assert not shown["no_dilutions"]
    assert results_panel.figures(base, None, "retrained", CurveView())["machine_class"] == "trained"
    assert (
        "begins when"
        in results_panel.figures(messages.curves(), None, "trained", CurveView())["curves"].layout.annotations[0].text
    )


def test_the_note_says_how_the_shown_metric_was_measured():
    """Kills: the samples of the evaluations under a log-likelihood, which has chains and temperatures of its own."""
    own = {"num_samples": 256, "gibbs_steps": 200}
    assert "256 samples after 200 Gibbs steps" in text(results_panel.note([messages.E2.model_copy(update=own)]))
    annealed = {"name": "log_likelihood_test", "num_samples": 100, "gibbs_steps": 5000}
    words = text(results_panel.note([messages.E2.model_copy(update=annealed)]))
    assert "100 annealed chains over 5,000 temperatures" in words
    assert "samples" not in words
    assert "for every value" not in text(results_panel.note([messages.E2]))


def test_the_metrics_of_the_paper_stand_side_by_side():
    """Kills: panels on the same axes, a legend that names a curve four times, one that hides it in one panel only."""
    one = messages.curves((0.0, {0.0: [1.0], 0.5: [2.0]}), (0.4, {0.4: [3.0]}))
    infos = [messages.E2.model_copy(update={"name": name, "label": name}) for name in PAPER[:3]]
    series = [each.model_copy(update={"metric": info.name}) for info in infos for each in one.series]
    lines = [line.model_copy(update={"metric": info.name}) for info in infos for line in one.references]
    curves = one.model_copy(update={"metrics": infos, "series": series, "references": lines})
    shown = results_panel.figures(curves, metric_choice.PAPER, "trained", CurveView(replicas=True))
    assert shown["metric"] is no_update
    assert shown["metrics"][0] == {"value": "paper", "label": "All metrics of the paper"}
    for drawn in (shown["curves"], shown["dilutions"]):
        titles = [drawn.layout[f"yaxis{place}"].title.text for place in ("", "2", "3")]
        assert titles == list(PAPER[:3])
        assert {trace.yaxis for trace in drawn.data} == {"y", "y2", "y3"}
        listed = [trace.name for trace in drawn.data if trace.showlegend]
        assert len(listed) == len(set(listed)) > 0
    main = [trace for trace in shown["curves"].data if trace.name.startswith("p<sub>0</sub> = 0.4")]
    assert len({trace.legendgroup for trace in main}) == 1
    assert len(main) == 3
    assert shown["curves_size"] == {"height": 2 * results_panel.PANEL_HEIGHT, "width": "100%", "minWidth": 760}
    single = results_panel.figures(curves, "quality", "trained", CurveView())
    assert single["curves_size"] == {"height": results_panel.CURVES_HEIGHT, "width": "100%", "minWidth": 0}


def _parts_with_making(content):
    return [
        one.id
        for one in walk(content)
        if isinstance(getattr(one, "id", None), dict) and one.id["type"] == figure.MAKING
    ]


def test_every_figure_of_a_panel_says_how_it_is_made():
    """Kills: a figure whose button leads to the code of another, or to none."""
    shown = [results_panel.layout(opened()), collapse.layout(opened()), comparison.layout(opened())]
    found = [(one["tab"], one["part"]) for content in shown for one in _parts_with_making(content)]
    assert found == [
        ("results", "curves"), ("results", "dilutions"), ("collapse", ""),
        ("comparison", "0 to 0.7"), ("comparison", "0.4 to 0.9"),
    ]  # fmt: skip


def test_the_code_of_a_figure_is_of_the_figure_as_it_is_seen():
    asked = opened(metric="digit_imbalance", band="sem", log="1", alpha="0.3")
    code = results_panel.figure_code("curves", asked)
    assert "band='sem', replicas=False, log_y=True" in code.lines[1]
    assert "pruning_figure(curves, 'digit_imbalance', view, 'trained')" in code.lines[2]
    assert code.path("s", None) == "/api/v1/studies/s/curves?metric=digit_imbalance"
    assert "alpha = 0.3" in collapse.figure_code("", asked).lines
    assert "alpha = result.fit.alpha or 0.0" in collapse.figure_code("", opened()).lines
    assert "0.4, 0.9, view" in comparison.figure_code("0.4 to 0.9", asked).lines[-1]
    assert judge.figure_code("", asked).path("s", "c1") == "/api/v1/cells/c1/result"


def test_controls_stand_as_the_address_says():
    content = results_panel.layout(opened(band="sem", log="1", metric="quality"))
    assert by_id(content, "study-band").value == "sem"
    assert by_id(content, "study-log").checked
    assert not by_id(content, "study-replicas").checked
    assert by_id(content, "study-metric").value == "quality"
    assert band_select("x", "sem", ("std", "range")).value == "std"


@pytest.mark.parametrize(
    ("asked", "alpha"), [("0.44", 0.44), ("0", 0.0), ("7", None), ("nan", None), ("x", None), (None, None)]
)
def test_the_alpha_of_an_address_is_taken_if_it_can_be_chosen(asked, alpha):
    assert collapse.alpha_of(asked) == alpha


def test_the_fit_is_said_in_words_with_what_it_means():
    words = text(collapse.fit_card(results.collapse(), "c" * 20))
    assert "breaks near p = 0.64 + 0.44 p0" in words
    assert "spread 10% as much" in words
    assert "does not contain the paper's 0.5" in words
    assert "0.44 (95 % CI 0.41 to 0.47)" in words
    assert "p0 = 0.8" in words
    wide = results.collapse()
    wide = wide.model_copy(update={"fit": wide.fit.model_copy(update={"alpha_interval": Interval(low=0.4, high=0.6)})})
    assert "contains the paper's 0.5" in collapse.meaning(wide)


def test_a_fit_that_could_not_be_made_says_why():
    words = text(collapse.fit_card(results.collapse(None, None), "c" * 20))
    assert "fewer than two curves fall to 1/2" in words
    assert "n/a" not in words


def test_pairs_are_those_of_the_study_or_its_steps():
    assert comparison.pairs_of(opened().study) == [(0.0, 0.7), (0.4, 0.9)]
    steps = messages.study(parameters={"initial_dilution": 0.2, "steps": [0.5, 0.8]})
    assert comparison.pairs_of(steps) == [(0.2, 0.5), (0.2, 0.8)]


def test_only_the_classes_of_the_study_are_explained():
    assert comparison.classes_of(opened().study) == ["frozen", "retrained", "reference", "same_mask"]
    without = messages.study(parameters={"pairs": [], "same_mask": False})
    assert comparison.classes_of(without) == ["frozen", "retrained", "reference"]
    steps = messages.study(parameters={"steps": [0.5], "schedules": ["iterative", "rewound"]})
    assert comparison.classes_of(steps) == ["frozen", "reference", "iterative", "rewound"]


def test_each_pair_has_a_figure_of_its_own():
    content = comparison.layout(opened())
    found = [one.id["pair"] for one in walk(content) if type(one).__name__ == "Graph"]
    assert found == ["0 to 0.7", "0.4 to 0.9"]


def test_differences_have_interval_p_value_and_number_of_pairs():
    rows = list(comparison.rows_of(results.comparison((0.4, 0.9))))
    assert len(rows) == 8
    assert rows[0] == (
        "0.4, 0.9", "Q at p", "frozen", "0.1 ± 0.01", "3 (1 undefined)", "-0.89", "-0.91 to -0.87", "0.25", "3",
    )  # fmt: skip
    assert rows[2][2:6] == ("reference", "0.99 ± 0.01", "3", "reference")
    assert rows[4][5:] == ("no pair has both values", "", "", "0")


def test_a_separation_has_its_p_values():
    panel = results.representation().panels[0]
    words = text(representation.words_of(panel))
    assert "All classes pseudo-F 3.21, R² 0.42, p = 0.004, least possible 0.0036" in words
    assert "frozen, retrained pseudo-F 3.21, R² 0.42, p = 0.03" in words
    nothing = panel.model_copy(update={"separation": results.separation(None)})
    assert "all points are the same" in text(representation.words_of(nothing))
    assert representation.title_of(results.representation().panels[3]) == "Couplings J(2), same mask"


def test_the_report_has_every_claim_with_its_verdict():
    content = report.report(results.report(), "c" * 20)
    words = text(content)
    assert "3 claims: 1 holds, 1 does not hold, 1 cannot be told" in words
    twice = [*results.report().claims, *results.report().claims]
    assert report.summary(twice) == "6 claims: 2 hold, 2 do not hold, 2 cannot be told"
    for mark in ("✓ holds", "✗ does not hold", "? cannot tell"):
        assert mark in words
    assert "Criterion: mean Q is at least 0.9" in words
    assert "0.44  95 % CI 0.41 to 0.47" in words
    assert "There are 3 replicas" in words
    assert "/api/v1/cells/cccccccccccccccccccc/result" in [getattr(one, "href", None) for one in walk(content)]


def test_a_judge_shows_its_examination_and_leads_to_a_study_with_it():
    content = judge.examination(results.judge_card())
    words = text(content)
    assert "99.1 % named, 99.8 % taken for digits" in words
    assert "99.4 % of 1,024 samples refused" in words
    assert "0.001, 0.000, 0.020" in words
    assert f"/studies/new?judge={'e' * 64}" in [getattr(one, "href", None) for one in walk(content)]


def test_examples_have_the_judge_s_confidence():
    content = judge.examples(results.judge_card())
    assert text(content).count("0.98") == 2
    pictures = [one for one in walk(content) if type(one).__name__ == "Img"]
    assert [one.alt for one in pictures[:2]] == ["Digits, confidence 0.98", "Digits, confidence 0.50"]


def test_a_figure_leaves_the_page_in_five_ways():
    shown = figure.exports("graph", "name", "/curves.csv", "/curves")
    assert text(shown) == "CSV JSON SVG PNG PDF"
    assert [one.href for one in walk(shown) if type(one).__name__ == "A"] == ["/curves.csv", "/curves"]
    own = figure.exports({"type": "t", "pair": "0 to 1"}, "name")
    formats = [one.id for one in walk(own) if isinstance(getattr(one, "id", None), dict)]
    assert [one["format"] for one in formats] == ["csv", "svg", "png", "pdf"]
    assert formats[0]["figure"] == '{"pair":"0 to 1","type":"t"}'
    assert text(figure.exports("table", "name", pictures=False)) == "CSV"


def test_classes_keep_their_order_and_unknown_ones_come_last():
    names = machine_classes.ordered(["other", "same_mask", "frozen", "frozen", "reference"])
    assert names == ["frozen", "reference", "same_mask", "other"]
    assert machine_classes.label("brand_new") == "brand new"


@pytest.mark.parametrize(
    ("asked", "level"), [("0.7", 0.7), ("0.1", 0.4), ("9", 1.0), ("x", 0.4), (None, 0.4), ("nan", 0.4)]
)
def test_a_machine_opens_at_the_level_of_the_address(asked, level):
    assert machine.level_of(asked, 0.4) == level
