"""Deleting a machine: the question names everything that uses it, and what would go with it."""

from collections.abc import Sequence
from typing import Any

import dash_mantine_components as dmc
from dash import Dash, Input, Output, State, ctx, html, no_update
from dash.development.base_component import Component

from backend.client import AsyncClient
from backend.contracts.messages import Dependant, Dependants
from frontend.components.notices import notification

_PAGES = {"study": "/studies/{}", "machine": "/machines/{}", "job": "/queue"}
MOST_NAMED = 12


def button() -> Component:
    """What asks the question."""
    return dmc.Button("Delete", id="machine-delete", variant="subtle", color="red", size="sm")


def dialog(name: str) -> Component:
    """The question; its words come when it is asked."""
    actions = [
        dmc.Button("Keep it", id="machine-delete-no", variant="default"),
        dmc.Button("Delete", id="machine-delete-yes", color="red", disabled=True),
    ]
    inside = [html.Div(id="machine-delete-words"), dmc.Group(actions, justify="flex-end", mt="lg")]
    return dmc.Modal(inside, id="machine-delete-dialog", title=f"Delete “{name}”?", opened=False, centered=True)


def words(found: Dependants) -> Component:
    """What stands in the way, or what would happen."""
    if found.protected:
        return dmc.Text(found.protected, size="sm")
    if found.jobs:
        text = "These jobs use it or make it. Cancel them in the queue, or wait until they are done:"
        return html.Div([dmc.Text(text, size="sm"), _named(found.jobs)])
    cells = f"{found.num_cells} measurements and pictures" if found.num_cells != 1 else "one measurement or picture"
    parts: list[Component] = [
        dmc.Text(f"Its file goes{f', with {cells}' if found.num_cells else ''}. This cannot be undone.", size="sm")
    ]
    if found.studies:
        text = "These studies contain it. They lose its values and count as cancelled; a retry makes it again:"
        parts += [dmc.Text(text, size="sm", mt="sm"), _named(found.studies)]
    if found.machines:
        text = "These machines descend from it and go too:"
        parts += [dmc.Text(text, size="sm", mt="sm"), _named(found.machines)]
    return html.Div(parts)


def allowed(found: Dependants) -> bool:
    """Whether it can be deleted now."""
    return not found.protected and not found.jobs


def _named(users: Sequence[Dependant]) -> Component:
    shown = [
        html.Li([dmc.Anchor(one.name, href=_PAGES[one.kind].format(one.id), size="sm"), _state(one)])
        for one in users[:MOST_NAMED]
    ]
    rest = len(users) - len(shown)
    return html.Ul([*shown, *([html.Li(f"and {rest} more", className="dimmed")] if rest > 0 else [])], className="line")


def _state(one: Dependant) -> Component | str:
    return html.Small(one.state, className="dimmed") if one.state else ""


def register(app: Dash, client: AsyncClient) -> None:
    """Ask, then delete what was named, and lead to the list."""

    @app.callback(
        Output("machine-delete-dialog", "opened"),
        Output("machine-delete-words", "children"),
        Output("machine-delete-yes", "disabled"),
        Output("machine-delete-named", "data"),
        Input("machine-delete", "n_clicks"),
        Input("machine-delete-no", "n_clicks"),
        State("machine-id", "data"),
        prevent_initial_call=True,
    )
    async def ask(clicks: int | None, kept: int | None, machine_id: str) -> Any:
        if ctx.triggered_id != "machine-delete" or not clicks:
            return False, no_update, no_update, no_update
        found = await client.machine_dependants(machine_id)
        return True, words(found), not allowed(found), bool(found.studies or found.machines)

    @app.callback(
        Output("notices", "sendNotifications", allow_duplicate=True),
        Output("url", "pathname", allow_duplicate=True),
        Output("url", "search", allow_duplicate=True),
        Input("machine-delete-yes", "n_clicks"),
        State("machine-id", "data"),
        State("machine-delete-dialog", "title"),
        State("machine-delete-named", "data"),
        prevent_initial_call=True,
        running=[(Output("machine-delete-yes", "loading"), True, False)],
    )
    async def delete(clicks: int | None, machine_id: str, title: str, named: bool) -> Any:
        if not clicks:
            return no_update, no_update, no_update
        await client.delete_machine(machine_id, with_dependants=bool(named))
        return [notification("Deleted", title.removeprefix("Delete ").rstrip("?"))], "/machines", ""
