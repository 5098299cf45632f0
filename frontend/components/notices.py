"""Errors and empty places, said plainly: the cause, and what to do."""

import logging
from typing import Any

import dash_mantine_components as dmc
from dash import html, set_props
from dash.development.base_component import Component

from backend.client import ApiError, ConnectionFailed
from frontend.components.texts import code

_LOG = logging.getLogger(__name__)


def cause_of(error: Exception) -> tuple[str, str]:
    """Title and cause of an error, fit for a reader; what is unexpected stays in the log."""
    if isinstance(error, ApiError):
        detail = error.problem.detail
        fields = (f"{one.pointer}: {one.detail}" for one in error.problem.errors if one.detail not in detail)
        return error.problem.title, "\n".join([detail, *fields])
    if isinstance(error, ConnectionFailed):
        return "The laboratory does not answer", str(error)
    return "This page has an error", f"{type(error).__name__}; its details are in the log of the server"


def error_notice(error: Exception) -> Component:
    """An error in the place where its content would be."""
    title, cause = cause_of(error)
    return dmc.Alert(html.Span(cause, style={"whiteSpace": "pre-line"}), title=title, color="red", variant="light")


def notification(title: str, message: str, colour: str = "indigo") -> dict[str, Any]:
    """A notification, as `NotificationContainer.sendNotifications` takes it."""
    closing = {"aria-label": "Close this message"}
    return {"action": "show", "title": title, "message": message, "color": colour, "autoClose": 8000,
            "closeButtonProps": closing}  # fmt: skip


def on_callback_error(error: Exception) -> None:
    """The edge of every callback: the error is logged, and its cause is shown in a corner of the page."""
    if not isinstance(error, ApiError | ConnectionFailed):
        _LOG.exception("callback failed", exc_info=error)
    set_props("notices", {"sendNotifications": [notification(*cause_of(error), "red")]})


def empty(title: str, hint: str, action: Component | None = None) -> Component:
    """A place where nothing is yet, and the next step."""
    inside = [dmc.Text(title, fw=600), dmc.Text(hint, c="dimmed", size="sm", maw=420, ta="center"), action]
    return html.Div(dmc.Stack([part for part in inside if part], align="center", gap="sm", py="xl"), className="card")


def standing(message: str | None, failed: bool = False) -> Component | None:
    """The plain sentence of a study, a job or the house; a command after a colon is shown as code."""
    if not message:
        return None
    words, _, command = message.rpartition(": ")
    parts = [f"{words}: ", code(command)] if command.startswith("make ") else [message]
    return dmc.Alert(html.Span(parts), color="red" if failed else "yellow", variant="light", py="xs")
