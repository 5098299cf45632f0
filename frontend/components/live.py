"""Ticks: a page says what concerns it, and is told when that changed."""

from collections.abc import Mapping
from typing import Any, Literal

from dash import ClientsideFunction, Dash, Input, Output, State, dcc
from dash.development.base_component import Component


def stores(page: str, scope: Mapping[str, Any]) -> list[Component]:
    """The stores of a page's ticks. `scope`: `{"study": id}`, `{"kinds": ["job", "worker"]}`, or both."""
    return [
        dcc.Store(id=f"{page}-tick"),
        dcc.Store(id=f"{page}-busy", data=False),
        dcc.Store(id=f"{page}-drawing", data=False),
        dcc.Store(id=f"{page}-scope", data=dict(scope)),
    ]


def register(app: Dash, page: str) -> None:
    """Let `live` move `<page>-tick`, but never while the page is busy or drawing."""
    app.clientside_callback(
        ClientsideFunction("live", "gate"),
        Output(f"{page}-tick", "data"),
        Input("live", "data"),
        Input(f"{page}-busy", "data"),
        Input(f"{page}-drawing", "data"),
        State(f"{page}-scope", "data"),
        prevent_initial_call=True,
    )


def running(page: str, work: Literal["busy", "drawing"] = "busy") -> list[tuple[Output, bool, bool]]:
    """The `running=` of a callback that answers a page's ticks, or draws what such a callback changed."""
    return [(Output(f"{page}-{work}", "data"), True, False)]
