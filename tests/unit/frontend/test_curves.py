import pytest

from frontend.plots.bands import band_of, edges
from frontend.plots.curves import CurveView, pruning_figure, replica_counts, training_figure
from frontend.theme import PALETTES
from tests.unit.frontend import messages

TWO = messages.curves(
    (0.0, {0.0: [1.0, 3.0], 0.5: [2.0, 6.0]}),
    (0.8, {0.8: [5.0]}),
)


def named(figure, start):
    return next(trace for trace in figure.data if (trace.name or "").startswith(start))


def test_means_reach_the_figure_at_their_levels():
    line = named(pruning_figure(TWO, "second_moment_error", CurveView()), "p<sub>0</sub> = 0 ")
    assert list(line.x) == [0.0, 0.5]
    assert list(line.y) == [2.0, 4.0]


def test_n_is_in_the_legend_and_in_the_hover():
    figure = pruning_figure(TWO, "second_moment_error", CurveView())
    line = named(figure, "p<sub>0</sub> = 0 ")
    assert "(n = 2)" in line.name
    assert "n = 2" in line.customdata[0][0]
    assert named(figure, "p<sub>0</sub> = 0.8").name.endswith("(n = 1)")


def test_a_curve_that_still_misses_replicas_says_so():
    partial = messages.curves((0.0, {0.0: [1.0, 2.0, 3.0], 0.5: [1.0]})).series[0]
    assert replica_counts(partial) == "n = 1 to 3"


@pytest.mark.parametrize(
    ("band", "low", "high"),
    [
        ("std", 4.0 - 8**0.5, 4.0 + 8**0.5),
        ("sem", 4.0 - 2.0, 4.0 + 2.0),
        ("ci", 4.0 - 3 * 8**0.5, 4.0 + 3 * 8**0.5),
        ("range", 2.0, 6.0),
        ("none", 4.0, 4.0),
    ],
)
def test_each_band_has_its_own_edges(band, low, high):
    assert edges(messages.point(0.5, [2.0, 6.0]), band) == pytest.approx((low, high))


@pytest.mark.parametrize("band", ["std", "sem", "ci", "range"])
def test_one_replica_has_no_width(band):
    assert edges(messages.point(0.5, [2.0]), band) == (2.0, 2.0)


def test_the_band_in_the_figure_is_the_chosen_one():
    figure = pruning_figure(TWO, "second_moment_error", CurveView(band="range"))
    band = named(figure, "band")
    assert list(band.x) == [0.0, 0.5, 0.5, 0.0]
    assert list(band.y) == [3.0, 6.0, 2.0, 1.0]
    assert not [
        one for one in pruning_figure(TWO, "second_moment_error", CurveView(band="none")).data if one.name == "band"
    ]


def test_no_edge_of_a_band_leaves_a_logarithmic_axis():
    wide = messages.curves((0.0, {0.0: [0.1, 10.0]}))
    figure = pruning_figure(wide, "second_moment_error", CurveView(band="ci", log_y=True))
    assert min(named(figure, "band").y) > 0
    assert min(named(pruning_figure(wide, "second_moment_error", CurveView(band="ci")), "band").y) < 0
    assert figure.layout.yaxis.type == "log"


def test_single_replicas_are_drawn_when_asked():
    without = pruning_figure(TWO, "second_moment_error", CurveView())
    figure = pruning_figure(TWO, "second_moment_error", CurveView(replicas=True))
    assert not [one for one in without.data if (one.name or "").startswith("replica")]
    first = [one for one in figure.data if one.name == "replica 1"]
    assert [list(one.y) for one in first] == [[3.0, 6.0]]


def test_the_reference_spans_the_curves():
    line = named(pruning_figure(TWO, "second_moment_error", CurveView()), "held-out test images")
    assert list(line.x) == [0.0, 0.8]
    assert list(line.y) == [3e-6, 3e-6]


def test_axes_carry_the_words_of_the_message():
    layout = pruning_figure(TWO, "second_moment_error", CurveView()).layout
    assert layout.xaxis.title.text == "total pruning p"
    assert layout.yaxis.title.text == "E(2)"


def test_a_theme_changes_colours_and_nothing_else():
    light = pruning_figure(TWO, "second_moment_error", CurveView(scheme="light"))
    dark = pruning_figure(TWO, "second_moment_error", CurveView(scheme="dark"))
    assert [list(one.y) for one in light.data] == [list(one.y) for one in dark.data]
    assert light.layout.template.layout.paper_bgcolor == PALETTES["light"].surface
    assert dark.layout.template.layout.paper_bgcolor == PALETTES["dark"].surface
    assert named(light, "p<sub>0</sub> = 0 ").line.color != named(dark, "p<sub>0</sub> = 0 ").line.color


def test_training_tells_train_from_test_by_its_dash():
    base = messages.curves((0.4, {0: [-200.0], 50: [-150.0]}))
    info = base.metrics[0]
    names = ("pseudo_log_likelihood", "pseudo_log_likelihood_test")
    training = base.model_copy(
        update={
            "kind": "training",
            "metrics": [info.model_copy(update={"name": name, "unit": "nat"}) for name in names],
            "series": [base.series[0].model_copy(update={"metric": name}) for name in names],
        }
    )
    figure = training_figure(training, CurveView(band="none"))
    assert [one.line.dash for one in figure.data] == ["solid", "dash"]
    assert ["train" in one.name for one in figure.data] == [True, False]
    assert figure.layout.yaxis.title.text == "E(2) [nat]"


def test_the_legend_of_a_training_has_each_kind_of_machine_once():
    """Kills: a legend that is longer than its figure, or curves of test images that stay when the others are hidden."""
    base = messages.curves((0.0, {5.0: [1.0]}))
    [own] = base.series
    test = own.model_copy(update={"metric": "own_test"})
    retrained = own.model_copy(update={"machine_class": "retrained", "pruned_to": 0.7})
    infos = [messages.E2, messages.E2.model_copy(update={"name": "own_test"})]
    figure = training_figure(
        base.model_copy(update={"metrics": infos, "series": [own, test, retrained]}), CurveView(band="none")
    )
    assert [one.showlegend for one in figure.data] == [True, False, True]
    first, second, other = (one.legendgroup for one in figure.data)
    assert first == second != other
    assert figure.data[2].name.startswith("retrained, p<sub>0</sub> = 0, pruned to 0.7")


def test_an_address_with_an_unknown_band_gets_the_default():
    assert band_of("nonsense") == "std"
    assert band_of("sem") == "sem"
