"""The dashboard on a FastAPI application: one document, its pages, and their callbacks."""

from typing import Annotated
from urllib.parse import urlsplit

import dash
import structlog
from dash import Input, Output, State
from dash.development.base_component import Component
from fastapi import Cookie, FastAPI, Header, Response
from plotly.io.json import to_json_plotly

from backend.client import ApiError, AsyncClient, ConnectionFailed
from frontend import bundles, routing, theme
from frontend.components import commands, figure, notices, shell
from frontend.components.not_found import not_found_page, problem_page
from frontend.explorer.serving import add_explorer

SCHEME_COOKIE = "dilution-lab-scheme"  # light or dark, from `assets/theme.js`
INDEX = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="description" content="Train, dilute, prune and compare Restricted Boltzmann Machines.">
<title>{%title%}</title>
BUNDLES
<link rel="preload" href="/_dash-layout" as="fetch" crossorigin>
<link rel="preload" href="/_dash-dependencies" as="fetch" crossorigin>
<link rel="icon" type="image/svg+xml" href="/assets/favicon.svg">
{%css%}
</head>
<body>
{%app_entry%}
<footer>{%config%}{%scripts%}{%renderer%}</footer>
</body>
</html>"""

log = structlog.get_logger()


class _Dashboard(dash.Dash):
    """Dash, but the first layout has the page of the address in it: nobody waits for another answer.

    The browser asks for the layout while it still reads the scripts, and says in `Referer` which page it is for, and in
    a cookie in which colours. Without the first, or if the page cannot be made, the layout comes without a page, which
    is asked for as any later one.
    """

    api: AsyncClient

    async def serve_layout(
        self,
        referer: Annotated[str | None, Header()] = None,
        scheme: Annotated[str | None, Cookie(alias=SCHEME_COOKIE)] = None,
    ) -> Response:
        """The layout as JSON."""
        shown = await _first_layout(self.api, referer or "", theme.scheme_of(scheme))
        return Response(to_json_plotly(shown), media_type="application/json", headers={"Cache-Control": "no-store"})


async def _first_layout(client: AsyncClient, href: str, scheme: theme.Scheme) -> Component:
    here = urlsplit(href)
    if not here.path:
        return shell.shell(scheme=scheme)
    search = f"?{here.query}" if here.query else ""
    try:
        page = await page_at(client, here.path, search, href, scheme)
    except Exception:  # the edge of the request: the router asks again and shows what is wrong
        log.exception("page not made", path=here.path)
        return shell.shell(scheme=scheme)
    return shell.shell(page, here.path, search, scheme)


def create_dashboard(server: FastAPI, client: AsyncClient) -> dash.Dash:
    """Put the explorer and the dashboard on `server`: they answer every path that is not the API's.

    Args:
        server: the application; its API routes are included before.
        client: the way to the API. The dashboard keeps no state of its own.

    Returns:
        The Dash application. There can be one in a process: Dash's catch-all belongs to the last.
    """
    add_explorer(server)
    app = _Dashboard(
        __package__,
        server=server,
        title="Dilution Lab",
        update_title="",
        index_string=INDEX.replace("BUNDLES", bundles.leave_out_of_pages()),
        suppress_callback_exceptions=True,
        assets_path_ignore=["pdf", "plotly"],  # fetched when they are needed
        on_error=notices.on_callback_error,
    )
    app.api = client
    app.layout = shell.shell
    shell.register(app)
    figure.register(app)
    commands.register(app, client)
    _register_router(app, client)
    for page in routing.pages():
        page.register(app, client)
    # Dash finds its assets and callbacks at the first request of its own; a deep link that comes before one would get
    # a page without them.
    app._setup_server()
    return app


def _register_router(app: dash.Dash, client: AsyncClient) -> None:
    @app.callback(
        Output("page", "children"),
        Output("page-title", "data"),
        Input("url", "pathname"),
        Input("url", "search"),
        State("url", "href"),
        State("scheme", "data"),
        prevent_initial_call=True,  # the layout has the first page
    )
    async def show(pathname: str, search: str | None, href: str | None, scheme: str) -> tuple[Component, str]:
        page = await page_at(client, pathname, search, href, theme.scheme_of(scheme))
        return page.content, page.document_title


async def page_at(
    client: AsyncClient,
    pathname: str,
    search: str | None = None,
    href: str | None = None,
    scheme: theme.Scheme = "light",
) -> routing.Page:
    """The page at an address. What the API refuses becomes a page that says why."""
    found = routing.find(pathname)
    if found is None:
        return not_found_page(pathname)
    module, path = found
    try:
        page: routing.Page = await module.layout(client, routing.Address(path, routing.query_of(search), href, scheme))
    except (ApiError, ConnectionFailed) as error:
        return problem_page(error)
    return page
