"""What a judge says of each machine at each level, against a criterion that asks no judge (paper, appendix A)."""

import base64
import binascii
from collections.abc import Sequence

import plotly.graph_objects as go

from backend.contracts.results import JudgeCardResult, JudgedLevel
from frontend.theme import CATEGORIES, PALETTES, Scheme, template

SIDE = 28
# Colour and symbol of each sort: the judge learns the first for a digit and the last for none.
_SORTS = {"intact": (0, "circle"), "between": (5, "diamond"), "broken": (1, "square")}


def survival_figure(result: JudgeCardResult, scheme: Scheme) -> go.Figure:
    """Quality Q against what is left of the correlations; open symbols: machines that the judge learned from."""
    figure = go.Figure()
    for sort, (place, symbol) in _SORTS.items():
        for unseen in (True, False):
            levels = [one for one in result.levels if (one.sort, one.unseen) == (sort, unseen)]
            if levels:
                _add_levels(figure, levels, CATEGORIES[scheme][place], symbol if unseen else f"{symbol}-open")
    figure.update_layout(
        template=template(scheme),
        xaxis_title="surviving correlations",
        yaxis_title="quality Q",
        xaxis_zeroline=True,
        xaxis_zerolinecolor=PALETTES[scheme].grid,
        hovermode="closest",
        uirevision="keep",
    )
    return figure


def picture(image: str) -> str:
    """An image of 28 x 28 bits as an SVG in a data address. Raises `ValueError` for what is no such image."""
    try:
        data = base64.b64decode(image, validate=True)
    except binascii.Error as error:
        raise ValueError(f"an image is base64 of {SIDE * SIDE} bits: {error}") from error
    bits = [(byte >> (7 - at)) & 1 for byte in data for at in range(8)][: SIDE * SIDE]
    if len(bits) != SIDE * SIDE:
        raise ValueError(f"an image has {SIDE * SIDE} bits, {len(bits)} were given")
    path = "".join(f"M{at % SIDE} {at // SIDE}h1v1h-1z" for at, bit in enumerate(bits) if bit)
    text = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {SIDE} {SIDE}" shape-rendering="crispEdges">'
        f'<rect width="{SIDE}" height="{SIDE}" fill="#000"/><path d="{path}" fill="#fff"/></svg>'
    )
    return f"data:image/svg+xml;base64,{base64.b64encode(text.encode()).decode()}"


def _add_levels(figure: go.Figure, levels: Sequence[JudgedLevel], colour: str, symbol: str) -> None:
    first = levels[0]
    figure.add_scatter(
        x=[one.survival for one in levels],
        y=[one.quality for one in levels],
        mode="markers",
        name=f"{first.sort}, {'unseen' if first.unseen else 'learned from'} (n = {len(levels)})",
        marker={"color": colour, "symbol": symbol, "size": 8},
        customdata=[[_words(one), None] for one in levels],
        hovertemplate="<b>%{customdata[0]}</b><br>survival %{x:.3~g}<br>Q %{y:.3~g}<extra></extra>",
    )


def _words(level: JudgedLevel) -> str:
    return f"p<sub>0</sub> = {level.initial_dilution:g}, p = {level.pruning:g}, replica {level.replica}"
