"""Cancel, retry, delete: asked for by buttons and table rows, confirmed where something is lost, done once."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import dash_mantine_components as dmc
from dash import ALL, Dash, Input, Output, State, ctx, dcc, no_update
from dash.development.base_component import Component

from backend.client import AsyncClient
from backend.contracts.messages import Job, Study
from backend.contracts.states import FINAL_JOB_STATES, FINAL_STUDY_STATES, JobState, StudyState
from frontend.components.notices import notification

Request = dict[str, str]  # noun, action, id, name
EVERY_STUDY = "all"  # instead of a study's id


@dataclass(frozen=True)
class Command:
    """What can be done to a study or a job. `question` is None where nothing is lost."""

    label: str
    done: str
    question: str | None
    call: Callable[[AsyncClient, str], Awaitable[Any]]
    leads_to: str | None = None


COMMANDS: dict[tuple[str, str], Command] = {
    ("study", "cancel"): Command(
        "Cancel",
        "Cancelled",
        "Stops what no other study needs. Finished cells and machines stay; a retry goes on from them.",
        lambda client, study_id: client.cancel_study(study_id),
    ),
    ("study", "retry"): Command(
        "Retry",
        "Only what is missing or failed runs again",
        None,
        lambda client, study_id: client.retry_study(study_id),
    ),
    ("study", "delete"): Command(
        "Delete",
        "Deleted",
        "Removes the study and its figures, with the cells and machines that nothing else uses.",
        lambda client, study_id: client.delete_study(study_id),
        leads_to="/studies",
    ),
    ("job", "cancel"): Command(
        "Cancel",
        "Cancelled",
        "Stops this job within seconds; jobs that wait for it cannot run.",
        lambda client, job_id: client.cancel_job(job_id),
    ),
    ("job", "retry"): Command("Retry", "Back in the queue", None, lambda client, job_id: client.retry_job(job_id)),
    ("jobs", "retry"): Command(
        "Retry all failed",
        "Back in the queue",
        None,
        lambda client, study_id: client.retry_jobs(study_id=None if study_id == EVERY_STUDY else study_id),
    ),
}


def for_study(study: Study) -> list[str]:
    """The actions that make sense for a study now."""
    if study.state not in FINAL_STUDY_STATES:
        return ["cancel", "delete"]
    return ["delete"] if study.state is StudyState.DONE else ["retry", "delete"]


def for_job(job: Job) -> list[str]:
    """The actions that make sense for a job now."""
    if job.state not in FINAL_JOB_STATES:
        return [] if job.cancel_requested else ["cancel"]
    return ["retry"] if job.state is not JobState.DONE and job.num_left_open else []


def request(noun: str, action: str, identity: str, name: str) -> Request:
    """A command as data: in a button's id and in a table's row."""
    return {"noun": noun, "action": action, "id": identity, "name": name}


def button(
    noun: str, action: str, identity: str, name: str, *, label: str | None = None, size: str = "sm"
) -> Component:
    """A button that asks for a command. `label`: other words than the command's own."""
    return dmc.Button(
        label or COMMANDS[noun, action].label,
        id={"type": "command", **request(noun, action, identity, name)},
        variant="default" if action != "delete" else "subtle",
        color="red" if action == "delete" else "gray",
        size=size,
    )


def parts() -> list[Component]:
    """The shared dialog and the stores of commands."""
    dialog = dmc.Modal(
        id="command-dialog",
        opened=False,
        centered=True,
        children=[
            dmc.Text(id="command-question", size="sm", c="dimmed"),
            dmc.Group(
                [
                    dmc.Button("Keep it", id="command-no", variant="default"),
                    dmc.Button("Yes", id="command-yes", color="red"),
                ],
                justify="flex-end",
                mt="lg",
            ),
        ],
    )
    return [dcc.Store(id="command-asked"), dcc.Store(id="command-go"), dialog]


def register(app: Dash, client: AsyncClient) -> None:
    """From a click to an asked command, through the dialog if needed, to the API."""
    _register_dialog(app)

    @app.callback(
        Output("notices", "sendNotifications", allow_duplicate=True),
        Output("live", "data", allow_duplicate=True),
        Output("url", "pathname", allow_duplicate=True),
        Input("command-go", "data"),
        prevent_initial_call=True,
    )
    async def do(asked: Request | None) -> Any:
        if not asked:
            return no_update, no_update, no_update
        command = COMMANDS[asked["noun"], asked["action"]]
        await command.call(client, asked["id"])
        # The page refetches at once: it need not wait for the event, which a dead broker would never bring.
        refetch = {"seq": 0, "reset": True, "events": []}
        return [notification(command.done, asked["name"])], refetch, command.leads_to or no_update


def _register_dialog(app: Dash) -> None:
    @app.callback(
        Output("command-asked", "data"),
        Input({"type": "command", "noun": ALL, "action": ALL, "id": ALL, "name": ALL}, "n_clicks"),
        prevent_initial_call=True,
    )
    async def asked_by_button(clicks: list[int | None]) -> Any:
        # Buttons that come and go with a page fire once without a click.
        return {**ctx.triggered_id, "click": ctx.triggered[0]["value"]} if ctx.triggered[0]["value"] else no_update

    @app.callback(
        Output("command-dialog", "opened"),
        Output("command-dialog", "title"),
        Output("command-question", "children"),
        Output("command-yes", "children"),
        Output("command-go", "data"),
        Input("command-asked", "data"),
        prevent_initial_call=True,
    )
    async def ask(asked: Request | None) -> Any:
        if not asked:
            return (no_update,) * 5
        command = COMMANDS[asked["noun"], asked["action"]]
        if command.question is None:
            return False, no_update, no_update, no_update, asked
        title = f"{command.label} “{asked['name']}”?"
        return True, title, command.question, command.label, no_update

    @app.callback(
        Output("command-go", "data", allow_duplicate=True),
        Output("command-dialog", "opened", allow_duplicate=True),
        Input("command-yes", "n_clicks"),
        Input("command-no", "n_clicks"),
        State("command-asked", "data"),
        prevent_initial_call=True,
    )
    async def answer(yes: int | None, no: int | None, asked: Request | None) -> Any:
        if not (yes or no):
            return no_update, no_update
        return (asked if ctx.triggered_id == "command-yes" else no_update), False
