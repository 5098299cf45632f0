"""All machines: the starter zoo, and what was trained or imported here; sorted, filtered, scrolled by the thousand."""

from collections.abc import Mapping
from typing import Any, get_args

import dash_mantine_components as dmc
from dash import ClientsideFunction, Dash, Input, Output, State, dcc, html
from dash.development.base_component import Component

from backend.client import AsyncClient
from backend.contracts.machine_files import MAX_FILE_BYTES
from backend.contracts.messages import Machine
from frontend import machine_classes
from frontend.components import live
from frontend.components.table import column, table
from frontend.components.texts import heading
from frontend.routing import Address, Page, one_of

PATH = "/machines"
ORIGINS: tuple[str, ...] = ("all", *get_args(Machine.model_fields["origin"].annotation))
BLOCK_ROWS = 100
DEFAULTS = {"origin": "all", "class": "all", "sort": "created", "order": "desc"}
BOUNDS = {
    "p0min": ("p0 from", 0.0), "p0max": ("p0 to", 1.0), "pmin": ("p from", 0.0), "pmax": ("p to", 1.0),
}  # fmt: skip
_FILTERS = ("search", "origin", "class", *BOUNDS)


async def layout(client: AsyncClient, address: Address) -> Page:
    """Filters and order from the address; the browser asks the API for the rows that are seen."""
    query = address.query
    content = html.Div(
        [
            *live.stores("machines", {"kinds": ["machine"]}),
            dcc.Store(id="machines-defaults", data=DEFAULTS),
            dcc.Store(id="machines-shown"),
            dcc.Store(id="machines-study", data=query.get("study")),
            dcc.Store(id="machines-labels", data=machine_classes.labels()),
            heading("Machines"),
            html.P(
                "Each is one trained Restricted Boltzmann Machine. Open one to prune it and see what it draws.",
                className="lead",
            ),
            _import(),
            _filters(query),
            html.Div(id="machines-note", role="status"),
            _table(query),
        ],
        className="page",
    )
    return Page("Machines", content)


def _import() -> Component:
    """Where a file is dropped or chosen; `assets/imports.js` sends it and tells what became of it."""
    words = html.Span(
        ["Drop a machine here: a safetensors file with ", html.Code("weight_matrix"), ", ", html.Code("vbias"), ", ",
         html.Code("hbias"), " and ", html.Code("mask"), f", up to {MAX_FILE_BYTES // 1_000_000} MB."]
    )  # fmt: skip
    choose = dmc.Button("Choose a file", id="machines-import-button", variant="default", size="xs")
    zone = html.Div([words, choose], id="machines-import", className="drop-zone", **{"data-limit": MAX_FILE_BYTES})
    return html.Div([zone, html.Div(id="machines-import-log", role="status", **{"aria-live": "polite"})])


def _filters(query: Mapping[str, str]) -> Component:
    words = dmc.TextInput(
        id="machines-search",
        value=query.get("search", ""),
        label="Machine or study",
        placeholder="words of their names",
        debounce=250,
        size="xs",
        className="filter-wide",
    )
    return html.Div(
        [
            words,
            _choice("origin", "Origin", {name: name for name in ORIGINS}, query),
            _choice("class", "Class", {"all": "all", **machine_classes.labels()}, query),
            *(_bound(name, label, query.get(name)) for name, (label, _) in BOUNDS.items()),
        ],
        className="filters",
    )


def _choice(name: str, label: str, options: Mapping[str, str], query: Mapping[str, str]) -> Component:
    data = [{"value": value, "label": shown} for value, shown in options.items()]
    value = one_of(query.get(name), options, "all")
    return dmc.Select(id=f"machines-{name}", data=data, value=value, label=label, allowDeselect=False, size="xs", w=150)


def _bound(name: str, label: str, asked: str | None) -> Component:
    return dmc.NumberInput(
        id=f"machines-{name}",
        value=fraction(asked),
        label=label,
        placeholder=f"{BOUNDS[name][1]:g}",
        min=0,
        max=1,
        step=0.1,
        debounce=250,
        size="xs",
        w=78,
    )


def fraction(asked: str | None) -> float | str:
    """A bound that an address asks for, or none."""
    try:
        value = float(asked or "")
    except ValueError:
        return ""
    return value if 0 <= value <= 1 else ""


def _table(query: Mapping[str, str]) -> Component:
    grid = table("machines-table", columns(query.get("sort"), query.get("order")), height=560)
    grid.rowModelType = "infinite"
    grid.dashGridOptions |= {
        "blockLoadDebounceMillis": 40,
        "cacheBlockSize": BLOCK_ROWS,
        "infiniteInitialRowCount": 1,
        "maxBlocksInCache": 30,
        "maxConcurrentDatasourceRequests": 2,
        "multiSortKey": "ctrl",
        "rowBuffer": 20,
        "suppressMultiSort": True,
    }
    grid.style = {"height": "max(24rem, calc(100vh - 24rem))"}
    return grid


def columns(sort: str | None = None, order: str | None = None) -> list[dict[str, Any]]:
    """The columns; the field of each is the API's name of the order by it. `sort`, `order`: from an address."""
    study = {"cellRenderer": "PageLink", "cellRendererParams": {"hrefField": "from"}}
    found = [
        column("name", "Name", flex=3, minWidth=190, cellRenderer="PageLink"),
        column("machine_class", "Class", width=168),
        column("first_dilution", "p0", width=84),
        column("dilution", "p", width=84),
        column("hidden", "Hidden", width=94),
        column("study", "Study", flex=2, minWidth=140, **study),
        column("origin", "Origin", width=100),
        column("size", "File", width=92),
        column("created", "Created", width=164),
    ]
    asked = one_of(sort, [one["field"] for one in found], DEFAULTS["sort"])
    direction = one_of(order, ("asc", "desc"), DEFAULTS["order"])
    return [
        one | {"sortingOrder": ["asc", "desc"], "sort": direction if one["field"] == asked else None} for one in found
    ]


def register(app: Dash, client: AsyncClient) -> None:
    """The rows follow the filters and the events, in the browser."""
    live.register(app, "machines")
    app.clientside_callback(
        ClientsideFunction("machines", "show"),
        Output("machines-shown", "data"),
        *(Input(f"machines-{name}", "value") for name in _FILTERS),
        Input("machines-tick", "data"),
        State("machines-study", "data"),
        State("machines-labels", "data"),
        State("machines-defaults", "data"),
    )
