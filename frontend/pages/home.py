"""The first page: what this is, the newest study with its curve, further studies, and machines."""

import asyncio
from typing import Any

import dash_mantine_components as dmc
from dash import Dash, Input, Output, State, dcc, html, no_update
from dash.development.base_component import Component

from backend.client import AsyncClient
from backend.contracts.messages import Curves, Machine, Study
from backend.contracts.states import StudyState
from frontend import theme
from frontend.components import figure, live, progress
from frontend.components.notices import empty
from frontend.components.texts import link_button
from frontend.plots.curves import CurveView, empty_figure, pruning_figure, training_figure
from frontend.routing import Address, Page

PATH = "/"
_INTRO = (
    "A Restricted Boltzmann Machine learns to draw handwritten digits. Here such machines are trained with part of "
    "their weights missing (initial dilution p0), then pruned further (total pruning p), and judged by what they "
    "still draw. E(2) is low while the drawings have the statistics of real digits, and rises where they break."
)


async def layout(client: AsyncClient, address: Address) -> Page:
    """The leading study, further ones, and the starter zoo."""
    studies, machines = await asyncio.gather(client.studies(limit=5), client.machines(limit=6, origin="zoo"))
    content = html.Div(
        [
            dmc.Title("Dilution Lab", order=1, size="h2", mb="xs"),
            html.P(_INTRO, className="lead"),
            _leading(studies.items),
            _others(studies.items),
            _machines(machines.items),
        ],
        className="page",
    )
    return Page("Overview", content)


def leading_study(studies: list[Study]) -> Study | None:
    """The study that the first page shows: one that runs, else one that is done, else the newest."""
    for wanted in (StudyState.RUNNING, StudyState.DONE):
        for study in studies:
            if study.state is wanted:
                return study
    return studies[0] if studies else None


def register(app: Dash, client: AsyncClient) -> None:
    """The leading study follows its events."""
    live.register(app, "home")

    @app.callback(
        Output("home-figure", "figure"),
        Output("home-progress", "children"),
        Input("home-tick", "data"),
        Input("scheme", "data"),
        State("home-study", "data"),
        running=live.running("home"),
    )
    async def draw(tick: float | None, scheme: str | None, study_id: str | None) -> Any:
        if not study_id:
            return no_update, no_update
        study, pruning, training = await asyncio.gather(
            client.study(study_id), client.curves(study_id), client.curves(study_id, "training")
        )
        return best_figure(pruning, training, theme.scheme_of(scheme)), progress.standing_of(study)


def best_figure(pruning: Curves, training: Curves, scheme: theme.Scheme) -> Any:
    """The furthest that a study has come: its pruning curves, before them its training curves."""
    if pruning.series:
        return pruning_figure(pruning, pruning.series[0].metric, CurveView(scheme=scheme))
    if training.series:
        return training_figure(training, CurveView(scheme=scheme))
    return empty_figure("The curve begins with the first updates of a training", scheme)


def _leading(studies: list[Study]) -> Component:
    study = leading_study(studies)
    if study is None:
        hint = "Choose a preset; the two-core one takes a few minutes on a laptop."
        return empty("No study yet", hint, link_button("New study", "/studies/new", primary=True))
    scope = live.stores("home", {"study": study.id, "kinds": ["worker"]})
    body = [
        html.Div(progress.standing_of(study), id="home-progress"),
        html.Div(figure.graph("home-figure", height=390), style={"marginTop": 12}),
    ]
    card = figure.card(study.name, body, link_button("Open", f"/studies/{study.id}"))
    return html.Div([*scope, dcc.Store(id="home-study", data=study.id), card], style={"marginTop": 20})


def _others(studies: list[Study]) -> Component:
    leading = leading_study(studies)
    others = [study for study in studies if study is not leading]
    if not others:
        return html.Div()
    cards = dmc.SimpleGrid([progress.study_card(study) for study in others], cols={"base": 1, "md": 2})
    return html.Section([_heading("More studies", "All studies", "/studies"), cards])


def _machines(machines: list[Machine]) -> Component:
    if not machines:
        return html.Div()
    cards = [_machine_card(machine) for machine in sorted(machines, key=lambda machine: machine.initial_dilution)]
    grid = dmc.SimpleGrid(cards, cols={"base": 1, "xs": 2, "md": 3})
    return html.Section([_heading("Machines to draw with", "All machines", "/machines"), grid])


def _machine_card(machine: Machine) -> Component:
    words = f"p0 = {machine.initial_dilution:g}, {machine.num_hidden} hidden units, {machine.origin}"
    inside = [dmc.Text(machine.name, fw=600, className="wrap"), dmc.Text(words, size="sm", c="dimmed")]
    return dmc.Anchor(inside, href=f"/machines/{machine.id}", className="card study-card", underline="never")


def _heading(title: str, more: str, href: str) -> Component:
    link = dmc.Anchor(more, href=href, size="sm")
    return dmc.Group([dmc.Title(title, order=2, size="h4"), link], justify="space-between", mt=32, mb=12)
