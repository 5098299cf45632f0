"""Pages for addresses that lead nowhere, and for what the API refuses."""

import dash_mantine_components as dmc
from dash import html
from dash.development.base_component import Component

from backend.client import ApiError
from frontend.components.notices import cause_of, empty, error_notice
from frontend.components.texts import heading, link_button
from frontend.routing import Page


def not_found_page(pathname: str) -> Page:
    """There is no such page."""
    body = empty("There is no page here", f"{pathname} leads nowhere.", link_button("To the studies", "/studies"))
    return _page("Not found", body)


def problem_page(error: Exception) -> Page:
    """The page cannot be shown, and why."""
    if isinstance(error, ApiError) and error.status in (404, 422):  # an id that exists not, or cannot exist
        body = empty("Nothing is at this address", cause_of(error)[1], link_button("To the studies", "/studies"))
        return _page("Not found", body)
    again = html.A(dmc.Button("Try again", variant="default", mt="md"), href="")
    return _page(cause_of(error)[0], html.Div([error_notice(error), again]))


def _page(title: str, body: Component) -> Page:
    return Page(title, html.Div([heading(title), body], className="page"))
