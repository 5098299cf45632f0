import re
from itertools import pairwise

import pytest

from frontend.theme import CATEGORIES, PALETTES, colour_of, ordered_colours, rgb, template


def luminance(colour: str) -> float:
    numbers = (
        [int(part) for part in re.findall(r"\d+", colour)[:3]]
        if colour.startswith("rgb")
        else [int(colour[at : at + 2], 16) for at in (1, 3, 5)]
    )
    linear = [c / 12.92 if (c := part / 255) <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for part in numbers]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", PALETTES)
@pytest.mark.parametrize("count", [1, 3, 5, 9])
def test_every_curve_stands_out_from_its_surface(scheme, count):
    surface = PALETTES[scheme].surface
    assert min(contrast(colour, surface) for colour in ordered_colours(count, scheme)) >= 3.0


@pytest.mark.parametrize("scheme", PALETTES)
def test_words_are_legible_in_both_themes(scheme):
    palette = PALETTES[scheme]
    assert contrast(palette.ink, palette.surface) >= 7.0
    assert contrast(palette.muted, palette.surface) >= 4.5


@pytest.mark.parametrize("scheme", PALETTES)
def test_the_order_of_p0_is_an_order_of_lightness(scheme):
    steps = [luminance(colour) for colour in ordered_colours(7, scheme)]
    assert all(before < after for before, after in pairwise(steps))


def test_a_value_has_the_same_colour_wherever_it_stands():
    assert colour_of(0.4, [0.8, 0.4, 0.0, 0.4], "light") == colour_of(0.4, [0.0, 0.4, 0.8], "light")


def test_no_theme_keeps_a_colour_of_the_other():
    light, dark = template("light").layout, template("dark").layout
    assert light.paper_bgcolor != dark.paper_bgcolor
    assert light.font.color != dark.font.color
    assert light.xaxis.gridcolor != dark.xaxis.gridcolor


@pytest.mark.parametrize("scheme", PALETTES)
def test_classes_are_told_apart_on_both_surfaces(scheme):
    own = CATEGORIES[scheme]
    assert len(set(own)) == len(own)
    for colour in own:
        assert contrast(colour, PALETTES[scheme].surface) >= 3.0, colour


def test_a_colour_in_the_other_spelling():
    assert rgb("#5c6470") == "rgb(92, 100, 112)"
