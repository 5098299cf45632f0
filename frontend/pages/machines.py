"""All machines: the starter zoo, and what was trained or imported here."""

from typing import Any

import dash_mantine_components as dmc
from dash import ClientsideFunction, Dash, Input, Output, State, dcc, html
from dash.development.base_component import Component

from backend.client import AsyncClient
from backend.contracts.messages import Machine
from frontend.components import live
from frontend.components.table import column, table
from frontend.components.texts import heading
from frontend.routing import Address, Page, one_of
from frontend.wording import size

PATH = "/machines"
MOST, STEP = 1000, 200
_ORIGINS = ("all", "zoo", "trained", "imported")


async def layout(client: AsyncClient, address: Address) -> Page:
    """A filter by origin and by study, in the address, above the table."""
    origin = one_of(address.query.get("origin"), _ORIGINS, "all")
    content = html.Div(
        [
            *live.stores("machines", {"kinds": ["machine"]}),
            dcc.Store(id="machines-defaults", data={"origin": "all"}),
            dcc.Store(id="machines-address"),
            dcc.Store(id="machines-study", data=address.query.get("study")),
            heading("Machines"),
            html.P(
                "Each is one trained Restricted Boltzmann Machine. Open one to prune it and see what it draws.",
                className="lead",
            ),
            dmc.SegmentedControl(
                id="machines-origin",
                data=[{"value": one, "label": one} for one in _ORIGINS],
                value=origin,
                size="xs",
                mb="md",
            ),
            table("machines-table", _columns(), empty="No machine here yet"),
            html.Div(id="machines-note"),
        ],
        className="page",
    )
    return Page("Machines", content)


def _columns() -> list[dict[str, Any]]:
    return [
        column("name", "Name", flex=2, minWidth=190, cellRenderer="PageLink"),
        column("origin", "Origin", width=110),
        column("p0", "p0", width=90),
        column("hidden", "Hidden units", width=130),
        column(
            "study", "Study", flex=1, minWidth=120, cellRenderer="PageLink", cellRendererParams={"hrefField": "from"}
        ),
        column("size", "File", width=100),
        column("created", "Created", width=160),
    ]


def register(app: Dash, client: AsyncClient) -> None:
    """The table follows events and the filter."""
    live.register(app, "machines")
    app.clientside_callback(
        ClientsideFunction("page", "remember"),
        Output("machines-address", "data"),
        Input("machines-origin", "value"),
        State("machines-defaults", "data"),
        prevent_initial_call=True,
    )

    @app.callback(
        Output("machines-table", "rowData"),
        Output("machines-note", "children"),
        Input("machines-tick", "data"),
        Input("machines-origin", "value"),
        State("machines-study", "data"),
        running=live.running("machines"),
    )
    async def fill(tick: float | None, origin: str, study_id: str | None) -> Any:
        found, more = await newest(client, None if origin == "all" else origin, study_id)
        return [row(machine) for machine in found], note(more)


async def newest(client: AsyncClient, origin: str | None, study_id: str | None) -> tuple[list[Machine], bool]:
    """The newest machines, and whether there are more than the table takes."""
    found: list[Machine] = []
    cursor: str | None = None
    while len(found) < MOST:
        page = await client.machines(cursor, STEP, origin, study_id)
        found += page.items
        cursor = page.next_cursor
        if cursor is None:
            return found, False
    return found, True


def row(machine: Machine) -> dict[str, Any]:
    """A machine as a row of the table."""
    return {
        "id": machine.id,
        "name": machine.name,
        "href": f"/machines/{machine.id}",
        "origin": machine.origin,
        "p0": machine.initial_dilution,
        "hidden": machine.num_hidden,
        "study": "open study" if machine.study_id else "",
        "from": f"/studies/{machine.study_id}" if machine.study_id else None,
        "size": size(machine.size_bytes),
        "created": f"{machine.created_at:%Y-%m-%d %H:%M}",
    }


def note(more: bool) -> Component | None:
    """A word about what the table leaves out."""
    if not more:
        return None
    return dmc.Text(f"The newest {MOST} are shown; the API lists all.", size="sm", c="dimmed", mt="sm")
