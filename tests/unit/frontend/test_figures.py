"""The figures of analyses: what is drawn is what was found."""

import base64

import pytest

from frontend import machine_classes
from frontend.plots.bands import band_of
from frontend.plots.collapse import collapse_figure, interval_words, moved
from frontend.plots.comparison import classes_of_pair, comparison_figure
from frontend.plots.curves import MOST_OPENING, CurveView, pruning_figure, training_figure
from frontend.plots.initial_dilution import dilution_figure, unpruned
from frontend.plots.judge_card import picture, survival_figure
from frontend.plots.representation import component_title, panel_figure
from frontend.plots.spectra import SpectrumView, crossing_words, edges_of, spectra_figure
from frontend.theme import PALETTES
from tests.unit.frontend import messages, results

E2 = messages.E2.name
SWEEP = messages.curves(
    (0.0, {0.0: [1.0, 3.0], 0.5: [2.0, 6.0]}),
    (0.4, {0.4: [5.0, 7.0], 0.5: [8.0, 8.0]}),
)


def named(figure, start):
    found = [trace for trace in figure.data if (trace.name or "").startswith(start)]
    assert found, [trace.name for trace in figure.data]
    return found[0]


def of_class(series, name, pruned_to):
    return series.model_copy(update={"machine_class": name, "pruned_to": pruned_to})


# --- quality against p0


def test_every_machine_stands_at_its_own_p0():
    line = named(dilution_figure(SWEEP, E2, CurveView()), "before pruning (n = 2)")
    assert (list(line.x), list(line.y)) == ([0.0, 0.4], [2.0, 6.0])
    assert [row[1] for row in line.customdata] == ["/?m=machine-0&p=0", "/?m=machine-0&p=0.4"]


def test_machines_that_were_trained_again_are_not_before_pruning():
    again = of_class(SWEEP.series[1], "retrained", 0.9)
    assert len(unpruned(SWEEP.model_copy(update={"series": [*SWEEP.series, again]}), E2)) == 2


def test_replicas_and_references_are_there_too():
    figure = dilution_figure(SWEEP, E2, CurveView(replicas=True))
    assert list(named(figure, "replica 1").y) == [3.0, 7.0]
    assert list(named(figure, "held-out").y) == [3e-6, 3e-6]
    assert figure.layout.yaxis.rangemode == "tozero"
    assert dilution_figure(SWEEP, E2, CurveView(log_y=True)).layout.yaxis.rangemode == "normal"


# --- pruning curves


def test_a_reference_has_its_interval():
    line = SWEEP.references[0].model_copy(update={"low": 2e-6, "high": 4e-6})
    figure = pruning_figure(SWEEP.model_copy(update={"references": [line]}), E2, CurveView(band="none"))
    assert list(named(figure, "band").y) == [4e-6, 4e-6, 2e-6, 2e-6]
    assert "95 % interval 2e-06 to 4e-06" in named(figure, "held-out").hovertemplate


def test_a_point_leads_to_its_machine_and_a_replica_to_its_own():
    figure = pruning_figure(SWEEP, E2, CurveView(replicas=True))
    assert named(figure, "p<sub>0</sub> = 0 (").customdata[1][1] == "/?m=machine-0&p=0.5"
    assert named(figure, "replica 1").customdata[1][1] == "/?m=machine-1&p=0.5"
    other = pruning_figure(SWEEP.model_copy(update={"pruning_rule": "hidden_unit"}), E2, CurveView())
    assert named(other, "p<sub>0</sub> = 0 (").customdata[1][1] == "/?m=machine-0&p=0.5&r=h"


def test_a_point_of_a_training_leads_to_its_machine_as_it_is():
    training = SWEEP.model_copy(update={"kind": "training", "pruning_rule": None})
    assert named(training_figure(training, CurveView()), "p<sub>0</sub> = 0,").customdata[1][1] == "/machines/machine-0"


def test_many_replicas_are_one_line_with_gaps_that_holds_every_value():
    """Kills: hundreds of traces for hundreds of replicas, replicas joined to each other, or some of them left out."""
    values = [0.5 + at / 100 for at in range(MOST_OPENING + 1)]
    curves = messages.curves((0.0, {0.2: values, 0.5: [2 * value for value in values]}))
    figure = pruning_figure(curves, E2, CurveView(band="none", replicas=True))
    line = named(figure, f"{len(values)} replicas")
    assert len(figure.data) == 3, "replicas, mean and reference"
    assert list(line.x) == [0.2, 0.5, None] * len(values)
    assert list(line.y) == [y for value in values for y in (value, 2 * value, None)]
    few = pruning_figure(messages.curves((0.0, {0.2: values[1:]})), E2, CurveView(band="none", replicas=True))
    assert len(few.data) == MOST_OPENING + 2


def test_a_moved_collapse_is_that_of_the_slider():
    figure = collapse_figure(SWEEP, E2, None, CurveView(replicas=True))
    before = [list(trace.x) for trace in figure.data]
    for old, trace in zip(before, moved(figure, 0.5).data, strict=True):
        shift = 0.5 * trace.meta["initial_dilution"] if trace.meta else 0.0
        assert list(trace.x) == [x - shift for x in old]


def test_one_class_of_machines_at_a_time():
    retrained = of_class(SWEEP.series[0], "retrained", 0.9)
    curves = SWEEP.model_copy(update={"series": [*SWEEP.series, retrained]})
    trained = pruning_figure(curves, E2, CurveView(band="none"))
    assert [one.name for one in trained.data[:-1]] == ["p<sub>0</sub> = 0 (n = 2)", "p<sub>0</sub> = 0.4 (n = 2)"]
    again = pruning_figure(curves, E2, CurveView(band="none"), "retrained")
    assert [one.name for one in again.data[:-1]] == ["p<sub>0</sub> = 0, pruned to 0.9 (n = 2)"]


# --- collapse


def test_the_curves_wait_at_alpha_zero_and_know_the_p0_that_moves_them():
    figure = collapse_figure(SWEEP, E2, None, CurveView(replicas=True))
    assert list(named(figure, "p<sub>0</sub> = 0.4").x) == [0.4, 0.5]
    assert [one.meta["initial_dilution"] for one in figure.data] == [0.0] * 4 + [0.4] * 4


def test_the_threshold_stays_with_its_interval():
    figure = collapse_figure(SWEEP, E2, results.collapse().fit, CurveView(band="none"))
    assert [one.meta for one in figure.data[-2:]] == [None, None]
    line = named(figure, "threshold 0.64 (95 % CI 0.63 to 0.65)")
    assert list(line.x) == [0.64, 0.64]
    assert list(named(figure, "band").x) == [0.63, 0.65, 0.65, 0.63]
    assert not [one for one in collapse_figure(SWEEP, E2, None, CurveView()).data if "threshold" in one.name]


def test_the_fit_s_own_curves_are_drawn():
    fit = results.collapse().fit
    more = messages.curves(*((p0, {p0: [1.0]}) for p0 in (0.0, 0.4, 0.7, 0.8)))
    figure = collapse_figure(more, E2, fit, CurveView(band="none"))
    drawn = [one.meta["initial_dilution"] for one in figure.data if one.meta]
    assert drawn == [0.0, 0.4, 0.8]
    assert len(collapse_figure(more, E2, None, CurveView(band="none")).data) == 4


def test_an_interval_that_is_not_there_says_so():
    assert interval_words(results.FEW) == "no interval: too few replicas"


# --- spectra


def test_spectra_have_mean_band_and_random_entries():
    result = results.spectrum()
    figure = spectra_figure(result, SpectrumView())
    line = named(figure, "p<sub>0</sub> = 0.8 (n = 3)")
    assert list(line.x) == [1, 2, 3, 4, 5]
    assert list(line.y) == result.series[1].mean
    random = named(figure, "random, 0.8")
    assert (random.line.dash, list(random.y)) == ("dash", result.series[1].marchenko_pastur)
    band = [one for one in figure.data if one.name == "band"][1]
    assert list(band.y)[:5] == pytest.approx([1.1 * value for value in result.series[1].mean])
    assert (figure.layout.xaxis.type, figure.layout.yaxis.type) == ("log", "log")
    assert spectra_figure(result, SpectrumView(log_x=False)).layout.xaxis.type == "linear"


def test_the_band_of_spectra_is_the_chosen_one():
    series = results.spectrum().series[0]
    assert edges_of(series, "range") == (series.lowest, series.highest)
    low, high = edges_of(series, band_of("std"))
    assert low == pytest.approx([0.9 * value for value in series.mean])
    assert high == pytest.approx([1.1 * value for value in series.mean])
    figure = spectra_figure(results.spectrum(index=None), SpectrumView(band="none"))
    assert not [one for one in figure.data if one.name == "band"]


def test_an_eigenvalue_of_zero_is_left_out_of_a_logarithmic_axis():
    result = results.spectrum()
    first = result.series[0].model_copy(update={"mean": [4.0, 2.0, 1.0, 0.5, 0.0], "std": [9.0] * 5})
    figure = spectra_figure(result.model_copy(update={"series": [first]}), SpectrumView())
    assert list(named(figure, "p<sub>0</sub> = 0").x) == [1, 2, 3, 4]
    assert min(named(figure, "band").y) > 0


def test_the_crossing_is_marked_with_its_interval():
    figure = spectra_figure(results.spectrum(index=3), SpectrumView(band="none"))
    line = named(figure, "crossing at mode 3 (95 % CI 2 to 4)")
    assert list(line.x) == [3, 3]
    assert list(named(figure, "band").x) == [2, 4, 4, 2]


def test_spectra_that_do_not_cross_say_why():
    result = results.spectrum(index=None)
    assert crossing_words(result.crossing) == "no crossing: the order of the spectra does not turn"
    assert not [one for one in spectra_figure(result, SpectrumView()).data if "crossing" in one.name]


# --- comparison


def pair_curves():
    base = messages.curves(
        (0.0, {0.0: [1.0], 0.7: [2.0], 0.9: [3.0]}), (0.7, {0.7: [4.0], 0.9: [5.0]}), (0.2, {0.8: [9.0]})
    )
    own = [of_class(base.series[1], "retrained", 0.7).model_copy(update={"initial_dilution": 0.0})]
    other = [of_class(base.series[2], "retrained", 0.7)]  # the same level, another p0
    return base.model_copy(update={"series": [*base.series, *own, *other]})


def test_the_classes_of_a_pair_are_found_from_p_on():
    found = classes_of_pair(pair_curves(), E2, 0.0, 0.7)
    assert list(found) == ["frozen", "retrained", "reference"]
    assert [point.x for point in found["frozen"].points] == [0.7, 0.9]
    assert [point.mean for point in found["reference"].points] == [4.0, 5.0]
    assert [point.mean for point in found["retrained"].points] == [4.0, 5.0]
    assert classes_of_pair(pair_curves(), "quality", 0.0, 0.7) == {}


def test_classes_differ_in_colour_and_in_symbol():
    figure = comparison_figure(pair_curves(), E2, 0.0, 0.7, CurveView(band="none"))
    lines = [named(figure, name) for name in ("frozen (n = 1)", "retrained", "reference")]
    assert len({line.line.color for line in lines}) == len({line.marker.symbol for line in lines}) == 3
    assert list(named(figure, "held-out").x) == [0.7, 0.9]


# --- representation


def test_machines_stand_at_their_components():
    result = results.representation()
    figure = panel_figure(result.panels[0], "light", {"cell-frozen-1": "m", "cell-retrained-0": "r"}, 0.9)
    frozen = named(figure, "frozen (n = 3)")
    assert frozen.type == "scatter"
    own = [point for point in result.panels[0].points if point.machine_class == "frozen"]
    assert list(frozen.x) == [point.coordinates[0] for point in own]
    assert list(frozen.y) == [point.coordinates[1] for point in own]
    assert [list(row) for row in frozen.customdata] == [
        ["replica 0", None],
        ["replica 1", "/?m=m&p=0.9"],
        ["replica 2", None],
    ]
    assert named(figure, "retrained").customdata[0][1] == "/?m=r"
    assert (
        len({trace.marker.color for trace in figure.data}) == len({trace.marker.symbol for trace in figure.data}) == 3
    )


def test_a_third_component_makes_a_space():
    panel = results.representation().panels[2]
    figure = panel_figure(panel, "dark", {}, 0.9, space=True)
    assert {trace.type for trace in figure.data} == {"scatter3d"}
    assert list(named(figure, "reference").z) == [
        p.coordinates[2] for p in panel.points if p.machine_class == "reference"
    ]
    assert figure.layout.scene.xaxis.backgroundcolor == PALETTES["dark"].surface


def test_machines_with_one_component_have_a_place_too():
    panel = results.representation().panels[0]
    one = panel.points[0].model_copy(update={"coordinates": [2.0]})
    figure = panel_figure(panel.model_copy(update={"points": [one]}), "light", {}, 0.9)
    assert (list(figure.data[0].x), list(figure.data[0].y)) == ([2.0], [0.0])


def test_axes_say_what_they_explain():
    panel = results.representation().panels[0]
    assert component_title(panel, 0) == "PC 1 (41 %)"
    assert component_title(panel.model_copy(update={"explained_variance_ratio": [None]}), 0) == "PC 1"
    assert component_title(panel, 7) == "PC 8"


def test_symbols_of_classes_in_space_exist_there():
    for name in ("frozen", "retrained", "reference", "same_mask"):
        assert machine_classes.symbol(name) in {"circle", "square", "diamond", "cross"}


# --- judge


def test_every_level_stands_at_its_survival_and_quality():
    figure = survival_figure(results.judge_card(), "light")
    names = [trace.name for trace in figure.data]
    assert names == [
        f"{sort}, {who} (n = {n})"
        for sort, n in (("intact", 2), ("between", 1), ("broken", 1))
        for who in ("unseen", "learned from")
    ]
    broken = named(figure, "broken, unseen")
    assert (list(broken.x), list(broken.y)) == ([0.25], [0.02])
    assert broken.customdata[0][0] == "p<sub>0</sub> = 0.4, p = 0.775, replica 1"
    assert not broken.marker.symbol.endswith("open")
    assert named(figure, "broken, learned").marker.symbol == "square-open"
    assert len({trace.marker.color for trace in figure.data}) == 3


def test_an_image_of_bits_is_a_picture():
    (image, _), *_ = [kind.images for kind in results.judge_card().examples]
    text = base64.b64decode(picture(image).partition(",")[2]).decode()
    assert 'd="M0 0h1v1h-1zM27 27h1v1h-1z"' in text
    with pytest.raises(ValueError, match="an image has 784 bits, 8 were given"):
        picture(base64.b64encode(b"x").decode())
    with pytest.raises(ValueError, match="base64 of 784 bits"):
        picture("no image")
