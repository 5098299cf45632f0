"""Training: pseudo-log-likelihood of training and test images while the machines learn."""

from collections.abc import Sequence
from typing import Any

import dash_mantine_components as dmc
from dash import Dash, Input, Output, State
from dash.development.base_component import Component

from backend.client import AsyncClient
from backend.contracts.messages import Analysis, Study
from frontend import theme
from frontend.components import figure
from frontend.components.controls import band_select
from frontend.panels import Opened
from frontend.plots.bands import band_of
from frontend.plots.curves import CurveView, empty_figure, training_figure
from frontend.reproduce import FigureCode

TAB, LABEL, PLACE = "training", "Training", 90
_NOTE = "Pseudo-log-likelihood per image while the machines learn: solid on training images, dashed on test images."


def fits(study: Study, analyses: Sequence[Analysis]) -> bool:
    """Every study trains machines."""
    return True


def layout(opened: Opened) -> Component:
    """The figure and its band."""
    study_id = opened.study.id
    csv = f"/api/v1/studies/{study_id}/curves.csv?kind=training"
    data = f"/api/v1/studies/{study_id}/curves?kind=training"
    exports = figure.exports("study-training", f"training-{study_id}", csv, data, making=(TAB, ""))
    tools = dmc.Group([band_select("study-training-band", "std"), exports], gap="sm")
    return figure.card("Training", figure.graph("study-training", height=480), tools, note=_NOTE)


def figure_code(part: str, opened: Opened) -> FigureCode:
    """The code of the curves of the training, as they are seen first."""
    imports = ("from frontend.plots.curves import CurveView, training_figure",)
    lines = ('curves = study.curves("training")', f"figure = training_figure(curves, {CurveView('std')!r})")
    return FigureCode(imports, lines, curves="?kind=training")


def register(app: Dash, client: AsyncClient) -> None:
    """The curves grow with every report of a training."""

    @app.callback(
        Output("study-training", "figure"),
        Input("study-tick", "data"),
        Input("study-training-band", "value"),
        Input("scheme", "data"),
        State("study-id", "data"),
    )
    async def draw(tick: float | None, band: str, scheme: str | None, study_id: str) -> Any:
        curves = await client.curves(study_id, "training", max_replicas=1)
        view = CurveView(band_of(band), scheme=theme.scheme_of(scheme))
        if not curves.series:
            return empty_figure("The curve begins with the first updates of a training", view.scheme)
        return training_figure(curves, view)
