"""Several figures as one: panels side by side, with one legend. Pure: figures to figure."""

from collections.abc import Sequence

import plotly.graph_objects as go
from plotly.subplots import make_subplots

COLUMNS = 2


def rows_of(count: int) -> int:
    """How many rows so many panels take."""
    return -(-count // COLUMNS)


def side_by_side(figures: Sequence[go.Figure]) -> go.Figure:
    """Figures of the same curves, two in a row, each with its own axes.

    The legend has each curve once: what it hides is hidden in every panel. A group of traces is named by what follows
    the metric in its `legendgroup`, `metric/curve`.
    """
    rows = rows_of(len(figures))
    whole = make_subplots(rows, COLUMNS, horizontal_spacing=0.13, vertical_spacing=0.28 / rows)
    named: set[str] = set()
    for place, figure in enumerate(figures):
        row, column = place // COLUMNS + 1, place % COLUMNS + 1
        for trace in figure.data:
            metric, slash, curve = trace.legendgroup.partition("/")
            group = curve if slash else metric
            listed = trace.showlegend is not False
            trace.update(legendgroup=group, showlegend=listed and group not in named)
            named |= {group} if listed else set()
            whole.add_trace(trace, row, column)
        for name, update in (("xaxis", whole.update_xaxes), ("yaxis", whole.update_yaxes)):
            update(figure.layout[name].to_plotly_json(), row=row, col=column)
    shared = figures[0].layout
    whole.update_layout(template=shared.template, hovermode=shared.hovermode, uirevision=shared.uirevision)
    return whole
