"""Colours of both themes: Mantine's palette, plotly's templates, and the ordered colours of p0."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal

import plotly.graph_objects as go
from plotly.colors import sample_colorscale

Scheme = Literal["light", "dark"]
FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif'

MANTINE = {
    "primaryColor": "indigo",
    "primaryShade": {"light": 7, "dark": 5},
    "defaultRadius": "md",
    "fontFamily": FONT,
    "headings": {"fontFamily": FONT, "fontWeight": "600"},
    "cursorType": "pointer",
    "colors": {
        "dark": [
            "#e3e5ea", "#b8bcc6", "#9298a6", "#6c7282", "#484d5b",
            "#343945", "#272b34", "#1a1d23", "#14161b", "#0e1014",
        ]
    },
}  # fmt: skip


@dataclass(frozen=True)
class Palette:
    """What a figure needs of a theme. `sequence`: the part of plasma that is legible on `surface`."""

    surface: str
    ink: str
    muted: str
    grid: str
    sequence: tuple[float, float]


PALETTES: dict[Scheme, Palette] = {
    "light": Palette("#ffffff", "#212529", "#5c6470", "#e9ecef", (0.0, 0.63)),
    "dark": Palette("#1a1d23", "#e3e5ea", "#9ba1af", "#2b303a", (0.5, 1.0)),
}
# Colours without an order, told apart by colour-blind readers: Okabe and Ito (2008), darkened or lightened to a
# contrast of at least 3 to 1 on their surface.
CATEGORIES: dict[Scheme, tuple[str, ...]] = {
    "light": (
        "rgb(0, 114, 178)", "rgb(204, 84, 0)", "rgb(0, 140, 102)", "rgb(170, 68, 153)", "rgb(138, 109, 0)",
        "rgb(92, 100, 112)",
    ),
    "dark": (
        "rgb(86, 180, 233)", "rgb(240, 130, 60)", "rgb(40, 190, 145)", "rgb(224, 150, 196)", "rgb(230, 200, 60)",
        "rgb(155, 161, 175)",
    ),
}  # fmt: skip
SYMBOLS = ("circle", "square", "diamond", "triangle-up", "triangle-down", "pentagon", "star", "hexagon")


def scheme_of(value: object) -> Scheme:
    """The scheme that a page reports; light until it has."""
    return "dark" if value == "dark" else "light"


def ordered_colours(count: int, scheme: Scheme) -> list[str]:
    """`count` colours in perceptual order, told apart by colour-blind readers and on this theme's surface.

    Source: plasma of matplotlib (Smith and van der Walt), cut to a contrast of at least 3 to 1.
    """
    low, high = PALETTES[scheme].sequence
    positions = [low + (high - low) * index / max(1, count - 1) for index in range(count)]
    return list(sample_colorscale("Plasma", positions, colortype="rgb"))


def colour_of(value: float, values: Sequence[float], scheme: Scheme) -> str:
    """The colour of one value among all `values` of a figure."""
    ranked = sorted(set(values))
    return ordered_colours(len(ranked), scheme)[ranked.index(value)]


def translucent(colour: str, opacity: float) -> str:
    """`rgb(...)` with an opacity."""
    return colour.replace("rgb(", "rgba(").replace(")", f", {opacity})")


def rgb(colour: str) -> str:
    """`#rrggbb` as `rgb(r, g, b)`."""
    return "rgb({}, {}, {})".format(*(int(colour[at : at + 2], 16) for at in (1, 3, 5)))


@cache
def template(scheme: Scheme) -> go.layout.Template:
    """The plotly template of a theme."""
    palette = PALETTES[scheme]
    axis = {
        "gridcolor": palette.grid,
        "linecolor": palette.muted,
        "showline": True,
        "zeroline": False,
        "ticks": "outside",
        "tickcolor": palette.muted,
        "ticklen": 4,
        "title": {"standoff": 12, "font": {"size": 13}},
        "automargin": True,
    }
    return go.layout.Template(
        layout={
            "font": {"family": FONT, "size": 13, "color": palette.ink},
            "paper_bgcolor": palette.surface,
            "plot_bgcolor": palette.surface,
            "xaxis": axis,
            "yaxis": axis,
            "margin": {"l": 64, "r": 16, "t": 16, "b": 56},
            "legend": {
                "orientation": "h",
                "yref": "container",
                "y": 0,
                "yanchor": "bottom",
                "x": 0,
                "font": {"color": palette.ink},
            },
            "hoverlabel": {
                "bgcolor": palette.surface,
                "bordercolor": palette.muted,
                "font": {"family": FONT, "size": 12, "color": palette.ink},
            },
            "modebar": {"bgcolor": "rgba(0,0,0,0)", "color": palette.muted, "activecolor": palette.ink},
        }
    )
