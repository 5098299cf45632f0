"""What stands around every page: header, navigation, theme, notices, live updates, footer."""

from importlib.metadata import PackageNotFoundError, version

import dash_mantine_components as dmc
from dash import ClientsideFunction, Dash, Input, Output, dcc, html
from dash.development.base_component import Component

from frontend import theme
from frontend.components import commands
from frontend.components.icons import icon
from frontend.components.texts import code
from frontend.routing import Page
from frontend.theme import Scheme

NAVIGATION = (("Studies", "/studies"), ("New study", "/studies/new"), ("Queue", "/queue"), ("Machines", "/machines"))
_HELP = {"data-open-help": "", "aria-label": "Keyboard shortcuts"}
_SCHEMES = (("light", "sun", "Light"), ("dark", "moon", "Dark"), ("auto", "system", "As the system"))


def shell(
    page: Page | None = None, pathname: str | None = None, search: str | None = None, scheme: Scheme = "light"
) -> Component:
    """The whole document; pages are put into `page`. With the page of an address: it is there from the beginning.

    `scheme`: the colours that its figures have; the browser says which it wants.
    """
    content = page.content if page else _skeleton()
    return dmc.MantineProvider(
        id="mantine",
        theme=theme.MANTINE,
        defaultColorScheme="auto",
        children=[
            dcc.Location(id="url", refresh=False, pathname=pathname, search=search),
            dcc.Store(id="scheme", data=scheme),
            dcc.Store(id="live"),
            dcc.Store(id="page-title", data=page.document_title if page else None),
            dcc.Store(id="title-set"),
            dcc.Store(id="figure-saved"),
            dmc.NotificationContainer(id="notices", position="bottom-right"),
            *commands.parts(),
            dmc.AppShell(
                [
                    dmc.AppShellHeader(_header()),
                    dmc.AppShellMain([_offline(), html.Div(content, id="page"), _footer()]),
                ],
                header={"height": {"base": 96, "sm": 58}},
                padding=0,
            ),
        ],
    )


def register(app: Dash) -> None:
    """The theme, the titles and figures as files; all of it in the browser."""
    app.clientside_callback(
        ClientsideFunction("theme", "choose"),
        Output("theme-choice", "value"),
        Output("scheme", "data"),
        Output("mantine", "forceColorScheme"),
        Input("theme-choice", "value"),
        Input("scheme", "data"),
    )
    app.clientside_callback(
        ClientsideFunction("page", "arrive"),
        Output("title-set", "data"),
        Input("page-title", "data"),
        Input("url", "pathname"),
    )


def _header() -> Component:
    links = [dcc.Link(label, href=href) for label, href in NAVIGATION]
    # The explorer is no page of this application: its address is loaded, not routed.
    mark = [html.Img(src="/assets/favicon.svg", alt=""), html.Span("Dilution Lab")]
    brand = html.A(mark, href="/", className="brand")
    choices = [{"value": value, "label": icon(name, label)} for value, name, label in _SCHEMES]
    return html.Div(
        [
            brand,
            html.Nav(links, className="nav", **{"aria-label": "Pages"}),
            html.Span(id="live-mark", **{"data-state": "off"}, title="Connecting"),
            html.Button("?", className="help-button", title="Keyboard shortcuts (?)", **_HELP),
            dmc.SegmentedControl(id="theme-choice", data=choices, value="auto", size="xs"),
        ],
        className="header-inner",
    )


def _offline() -> Component:
    """What `live.js` shows while there is no connection."""
    words = "The laboratory does not answer. What was asked since then was not done; the page goes on when it is back. "
    return html.Div([words, "Start it with: ", code("make run")], id="offline", hidden=True, role="status")


def _footer() -> Component:
    try:
        number = version("dilution-lab")
    except PackageNotFoundError:  # run from a checkout that was never installed
        number = "development"
    return html.Footer(
        [
            html.Span(f"Dilution Lab {number}"),
            html.A("API", href="/api/docs"),
            html.Span("MNIST: LeCun, Cortes and Burges, CC BY-SA 3.0"),
        ],
        className="footer",
    )


def _skeleton() -> Component:
    return html.Div([dmc.Skeleton(height=28, width=220, mb="lg"), dmc.Skeleton(height=320)], className="page")
