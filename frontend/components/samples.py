"""The sample browser: one sheet for each p0 at the level of a slider, and a strip of all levels."""

from collections.abc import Mapping
from typing import Any

import dash_mantine_components as dmc
from dash import ALL, ClientsideFunction, Dash, Input, Output, State, dcc, html
from dash.development.base_component import Component

from backend.contracts.grid import TRAINED
from backend.contracts.messages import Curves, CurveSeries
from frontend.components.figure import card
from frontend.routing import one_of

MOST_LABELS = 14
Index = Mapping[str, Any]
EMPTY: Index = {"num_replicas": 0, "levels": [], "p0s": [], "replicas": [], "cells": {}}


def index_of(curves: Curves, machine_class: str = TRAINED, most: int | None = None) -> dict[str, Any]:
    """Which cell of a class of machines shows which samples.

    As `{"num_replicas", "levels", "p0s", "replicas", "cells": {p0: {level: {replica: id}}}}`.

    Levels and dilutions are written with `%g`, the way the page and the address spell them. Machines that were trained
    again after pruning are called `0.4 to 0.9`. With `most` the first so many replicas are shown.
    """
    cells: dict[str, dict[str, dict[str, str]]] = {}
    levels: set[float] = set()
    replicas: set[int] = set()
    own = [series for series in curves.series if series.machine_class == machine_class]
    for series in sorted(own, key=lambda one: (one.initial_dilution, one.pruned_to or 0.0)):
        for point in series.points:
            levels.add(point.x)
            row = cells.setdefault(_row(series), {}).setdefault(f"{point.x:g}", {})
            for value in point.replicas[:most]:
                row[str(value.replica)] = value.cell_id
                replicas.add(value.replica)
    return {
        "num_replicas": max((point.n for series in own for point in series.points), default=0),
        "levels": [f"{level:g}" for level in sorted(levels)],
        "p0s": list(cells),
        "replicas": [str(replica) for replica in sorted(replicas)],
        "cells": cells,
    }


def _row(series: CurveSeries) -> str:
    start = f"{series.initial_dilution:g}"
    return start if series.pruned_to is None else f"{start} to {series.pruned_to:g}"


def same_frame(one: Index | None, other: Index) -> bool:
    """Whether two indices differ in their cells only, so that the browser need not be built again."""
    return bool(one) and all(one[key] == other[key] for key in ("levels", "p0s", "replicas"))


def browser(index: Index, level: str | None, replica: str | None) -> Component:
    """Slider, sheets and strip, at a level and a replica if they exist."""
    levels, replicas = index["levels"], index["replicas"]
    place = levels.index(level) if level in levels else 0
    chosen = one_of(replica, replicas, replicas[0] if replicas else "")
    choice = dmc.Select(
        id="samples-replica",
        data=[{"value": one, "label": f"replica {one}"} for one in replicas],
        value=chosen,
        allowDeselect=False,
        size="xs",
        w=130,
        **{"aria-label": "Replica"},
    )
    caption = dmc.Text(f"p = {levels[place]}" if levels else "", id="samples-caption", fw=600, className="numbers")
    if not levels:
        # The controls are there from the start: a callback must find all its inputs, or it stops for good.
        hidden = html.Div([caption, choice, _slider(levels, place)], hidden=True)
        waiting = dmc.Text("They appear with the first machine that is judged.", c="dimmed", size="sm")
        return card("Samples", [waiting, hidden])
    note = "64 independent samples of each machine after pruning to the level of the slider."
    if index["num_replicas"] > len(replicas):
        note += f" The first {len(replicas)} of {index['num_replicas']} replicas can be chosen."
    body = [caption, _slider(levels, place), _sheets(index), _strip(index, place)]
    return card("Samples", body, choice, note=note)


def register(app: Dash) -> None:
    """All moves happen in the browser: the pictures around the slider are there before it moves."""
    app.clientside_callback(
        ClientsideFunction("page", "samples"),
        Output({"type": "sheet", "p0": ALL}, "src"),
        Output({"type": "sheet-level", "p0": ALL}, "children"),
        Output({"type": "thumb", "p0": ALL, "level": ALL}, "src"),
        Output("samples-caption", "children"),
        Output("samples-at", "data"),
        Input("study-level", "value"),
        Input("samples-replica", "value"),
        Input("samples-index", "data"),
        State({"type": "sheet", "p0": ALL}, "id"),
        State({"type": "thumb", "p0": ALL, "level": ALL}, "id"),
    )
    app.clientside_callback(
        ClientsideFunction("page", "rememberSamples"),
        Output("samples-address", "data"),
        Input("samples-at", "data"),
        prevent_initial_call=True,
    )


def stores(level: str | None, replica: str | None) -> list[Component]:
    """Where the browser is: this outlives its rebuilding."""
    return [
        dcc.Store(id="samples-at", data={"p": level, "replica": replica or "0"} if level else None),
        dcc.Store(id="samples-address"),
    ]


def _slider(levels: list[str], place: int) -> Component:
    every = -(-len(levels) // MOST_LABELS)
    marks = [{"value": at, "label": level if at % every == 0 else ""} for at, level in enumerate(levels)]
    return dmc.Slider(
        id="study-level",
        min=0,
        max=max(1, len(levels) - 1),
        step=1,
        value=place,
        marks=marks,
        label=None,
        updatemode="drag",
        mb=36,
        mt="xs",
        thumbLabel="Pruning level p",
    )


def _sheets(index: Index) -> Component:
    figures = [
        html.Figure(
            [
                html.Figcaption(
                    [html.Span(["p", html.Sub("0"), f" = {p0}"]), html.Span(id={"type": "sheet-level", "p0": p0})]
                ),
                html.Img(id={"type": "sheet", "p0": p0}, alt=f"Samples of the machine with p0 = {p0}"),
            ],
            className="sheet",
        )
        for p0 in index["p0s"]
    ]
    return html.Div(figures, className="sheets")


def _strip(index: Index, place: int) -> Component:
    head = html.Tr(
        [
            html.Th(["p", html.Sub("0"), " \\ p"]),
            *(html.Th(level, className="here" if at == place else None, **{"data-level-index": at})
              for at, level in enumerate(index["levels"])),
        ]
    )  # fmt: skip
    rows = [html.Tr([html.Th(p0), *_thumbs(index, p0, place)]) for p0 in index["p0s"]]
    title = dmc.Text("All levels: nine samples each; click to enlarge", size="sm", c="dimmed", mt="lg", mb=6)
    return html.Div([title, html.Div(html.Table([html.Thead(head), html.Tbody(rows)]), className="strip")])


def _thumbs(index: Index, p0: str, place: int) -> list[Component]:
    found = index["cells"][p0]
    return [
        html.Td(
            html.Img(id={"type": "thumb", "p0": p0, "level": level}, alt=f"p0 = {p0}, p = {level}"),
            className="here" if at == place else None,
            **{"data-level-index": at},
        )
        if level in found
        else html.Td()
        for at, level in enumerate(index["levels"])
    ]
