"""All studies, newest first."""

from typing import Any

import dash_mantine_components as dmc
from dash import ClientsideFunction, Dash, Input, Output, State, dcc, html
from dash.development.base_component import Component

from backend.client import AsyncClient
from backend.contracts.messages import Page as Listing
from backend.contracts.messages import Study
from backend.contracts.states import StudyState
from frontend.components import commands, live, progress
from frontend.components.notices import empty
from frontend.components.texts import heading, link_button
from frontend.routing import Address, Page, one_of

PATH = "/studies"
FIRST, STEP, MOST = 25, 25, 200
_DEFAULTS = {"state": "all", "show": str(FIRST)}


async def layout(client: AsyncClient, address: Address) -> Page:
    """The list, and a filter by state that lives in the address."""
    state = one_of(address.query.get("state"), StudyState, "all")
    choices = [{"value": name, "label": name} for name in ("all", *StudyState)]
    content = html.Div(
        [
            *live.stores("studies", {"kinds": ["study", "job"]}),
            dcc.Store(id="studies-defaults", data=_DEFAULTS),
            dcc.Store(id="studies-address"),
            dcc.Store(id="studies-show", data=address.query.get("show", str(FIRST))),
            heading("Studies", link_button("New study", "/studies/new", primary=True)),
            html.Div(
                dmc.SegmentedControl(id="studies-state", data=choices, value=state, size="xs"),
                style={"overflowX": "auto", "marginBottom": 16},
            ),
            html.Div([dmc.Skeleton(height=96, mb="sm", radius="md") for _ in range(3)], id="studies-list"),
            dmc.Center(dmc.Button("Show more", id="studies-more", variant="default", display="none"), mt="md"),
        ],
        className="page",
    )
    return Page("Studies", content)


def register(app: Dash, client: AsyncClient) -> None:
    """The list follows events, the filter, and the wish for more."""
    live.register(app, "studies")
    app.clientside_callback(
        ClientsideFunction("page", "remember"),
        Output("studies-address", "data"),
        Input("studies-state", "value"),
        Input("studies-show", "data"),
        State("studies-defaults", "data"),
        prevent_initial_call=True,
    )

    @app.callback(
        Output("studies-show", "data"),
        Input("studies-more", "n_clicks"),
        State("studies-show", "data"),
        prevent_initial_call=True,
    )
    async def more(clicks: int | None, shown: str | None) -> str:
        return str(min(MOST, wanted(shown) + STEP))

    @app.callback(
        Output("studies-list", "children"),
        Output("studies-more", "display"),
        Input("studies-tick", "data"),
        Input("studies-state", "value"),
        Input("studies-show", "data"),
        running=live.running("studies"),
    )
    async def show(tick: float | None, state: str | None, shown: str | None) -> Any:
        chosen = None if state == "all" else state
        listing = await client.studies(limit=wanted(shown), state=chosen)
        return rows(listing, chosen), "block" if listing.next_cursor and wanted(shown) < MOST else "none"


def wanted(shown: str | None) -> int:
    """How many studies to show; what is no number is the first page."""
    return min(MOST, max(FIRST, int(shown))) if shown and shown.isdecimal() else FIRST


def rows(listing: Listing[Study], state: str | None) -> list[Component]:
    """One card for each study, with its commands, or the next step where there is none."""
    if not listing.items and state:
        return [empty(f"No study is {state}", "Other states may have some: choose “all” above.")]
    if not listing.items:
        hint = "A study trains machines, prunes them and draws their curves. Start from a preset."
        return [empty("No study yet", hint, link_button("New study", "/studies/new", primary=True))]
    return [_row(study) for study in listing.items]


def _row(study: Study) -> Component:
    buttons = [commands.button("study", action, study.id, study.name) for action in commands.for_study(study)]
    card = html.Div(progress.study_card(study), style={"flex": "1 1 480px", "minWidth": 0})
    return dmc.Group([card, dmc.Group(buttons, gap="xs")], gap="sm", mb="sm", align="center")
