"""Spectra: eigenvalues of the weights for each p0, and where they cross (paper, figure 4b)."""

from collections.abc import Sequence
from typing import Any

import dash_mantine_components as dmc
from dash import ClientsideFunction, Dash, Input, Output, State, dcc, html, no_update
from dash.development.base_component import Component

from backend.client import AsyncClient
from backend.contracts.messages import Analysis, Study
from backend.contracts.results import SpectrumResult
from frontend import theme
from frontend.components import analysis, figure
from frontend.components.controls import band_select, switch
from frontend.panels import Opened
from frontend.plots.bands import band_of
from frontend.plots.spectra import SpectrumView, crossing_words, spectra_figure
from frontend.reproduce import FigureCode

TAB, LABEL, PLACE = "spectra", "Spectra", 20
_NOTE = (
    "How strongly each pair of patterns is coupled: a few large eigenvalues carry what was learnt. Dashed: a random "
    "matrix with the same number of zeros and the same variance (Marchenko and Pastur)."
)


def fits(study: Study, analyses: Sequence[Analysis]) -> bool:
    """A study with spectra among its analyses."""
    return analysis.find(list(analyses), "spectrum") is not None


def layout(opened: Opened) -> Component:
    """The figure and what is said of the crossing."""
    query = opened.query
    tools = dmc.Group(
        [
            band_select("spectra-band", query.get("band"), ("std", "range", "none")),
            switch("spectra-linear", "linear modes", query),
            html.Div(id="spectra-exports"),
        ],
        gap="sm",
    )
    body = [dmc.Text(id="spectra-crossing", fw=600, mb="xs"), figure.graph("spectra-curves", height=520)]
    stores = [dcc.Store(id="spectra-address"), dcc.Store(id="spectra-defaults", data={"band": "std"})]
    return html.Div([*stores, analysis.frame(TAB, figure.card("Spectra of the weights", body, tools, note=_NOTE))])


def figure_code(part: str, opened: Opened) -> FigureCode:
    """The code of the spectra."""
    view = SpectrumView(band_of(opened.query.get("band")), opened.query.get("linear") != "1")
    imports = (
        "from backend.contracts.results import SpectrumResult",
        "from frontend.plots.spectra import SpectrumView, spectra_figure",
    )
    lines = (
        'result = SpectrumResult.model_validate(study.result("spectrum"))',
        f"figure = spectra_figure(result, {view!r})",
    )
    return FigureCode(imports, lines, analysis="spectrum")


def register(app: Dash, client: AsyncClient) -> None:
    """The figure follows the result and its controls."""
    analysis.register(app, client, TAB, "spectrum")
    app.clientside_callback(
        ClientsideFunction("page", "remember"),
        Output("spectra-address", "data"),
        Input("spectra-band", "value"),
        Input("spectra-linear", "checked"),
        State("spectra-defaults", "data"),
        prevent_initial_call=True,
    )

    @app.callback(
        Output("spectra-curves", "figure"),
        Output("spectra-crossing", "children"),
        Output("spectra-exports", "children"),
        Input("spectra-cell", "data"),
        Input("spectra-band", "value"),
        Input("spectra-linear", "checked"),
        Input("scheme", "data"),
    )
    async def draw(cell: str | None, band: str, linear: bool, scheme: str | None) -> Any:
        if not cell:
            return no_update, no_update, no_update
        result = SpectrumResult.model_validate(await client.result(cell))
        view = SpectrumView(band_of(band), not linear, theme.scheme_of(scheme))
        words = crossing_words(result.crossing)
        exports = figure.exports(
            "spectra-curves", f"spectra-{cell[:8]}", data=f"/api/v1/cells/{cell}/result", making=(TAB, "")
        )
        return spectra_figure(result, view), words[0].upper() + words[1:], exports
