"""A new study: the form of its type, its price before it is submitted, and the same as curl and Python."""

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import dash_mantine_components as dmc
from dash import ALL, ClientsideFunction, Dash, Input, Output, State, ctx, dcc, html, no_update
from dash.development.base_component import Component

from backend.client import ApiError, AsyncClient
from backend.contracts.catalogue import catalogue
from backend.contracts.messages import Estimate, FieldProblem, StudyCreate, StudyTypeInfo
from frontend.components import form, form_inputs
from frontend.components.code_panel import code_panel
from frontend.components.notices import error_notice
from frontend.components.texts import facts, heading, link_button
from frontend.reproduce import differences
from frontend.routing import Address, Page, origin_of
from frontend.wording import duration, quantity, size

PATH = "/studies/new"
_ROOT = "/parameters"
_RESERVED = {"type", "preset", "clone", "name"}


@dataclass(frozen=True)
class Draft:
    """What a filled form stands for, and what the laboratory says to it.

    Attributes:
        study: the request.
        query: the address of the form as it stands.
        price: None where something is wrong.
        errors: what is wrong with a field, by its key.
        general: what is wrong and belongs to no field.
    """

    study: StudyCreate
    query: str
    price: Estimate | None
    errors: Mapping[str, str]
    general: Any

    def shown(self, href: str | None) -> tuple[Any, Any, Any, Any, Any]:
        """For the stores of draft and query, and the places of price, problem and code."""
        code = code_panel(self.study, origin_of(href))
        return self.study.model_dump(mode="json"), self.query, price_of(self.price), self.general, code


async def layout(client: AsyncClient, address: Address) -> Page:
    """The form, filled from a preset or a study to clone, then with what the address changes; and its price."""
    infos, judges = await asyncio.gather(client.study_types(), client.judges())
    types = {info.name: info for info in infos}
    known = catalogue().model_copy(update={"judges": tuple(judges)})
    name, kind, preset, base = await _start(client, types, address.query)
    info = types[kind]
    schema = info.parameters_schema
    values, unread = _laid_over(info, base, address.query)
    start = {"type": kind, "preset": preset, "parameters": base, **_clone(address)}
    given = {one.key: form.shown_value(one, values) for one in form.fields(schema)} | unread
    drafted = await _drafted(client, schema, start, name, given)
    inputs = form_inputs.build(schema, values, known, unread=unread, errors=drafted.errors)
    study, query, *side = drafted.shown(address.href)
    content = html.Div(
        [
            dcc.Store(id="new-base", data=start),
            dcc.Store(id="new-schema", data=schema),
            dcc.Store(id="new-draft", data=study),
            dcc.Store(id="new-query", data=query),
            *(dcc.Store(id=name) for name in ("new-address", "new-place", "new-visited")),
            heading("New study"),
            html.P(info.description, className="lead"),
            _kinds(types, kind),
            _presets(info, preset, "clone" in address.query),
            dmc.Grid(
                [
                    dmc.GridCol(_form(info, name, inputs), span={"base": 12, "md": 7}),
                    dmc.GridCol(_side(*side), span={"base": 12, "md": 5}),
                ],
                gutter="lg",
            ),
        ],
        className="page",
    )
    return Page("New study", content)


def _clone(address: Address) -> dict[str, str]:
    return {"clone": address.query["clone"]} if "clone" in address.query else {}


async def _start(
    client: AsyncClient, types: Mapping[str, StudyTypeInfo], query: Mapping[str, str]
) -> tuple[str, str, str | None, dict[str, Any]]:
    if "clone" in query:
        study = await client.study(query["clone"])
        return query.get("name", f"{study.name} (copy)"), study.type, None, study.parameters
    kind = query.get("type", "")
    info = types.get(kind) or next(iter(types.values()))
    preset = query.get("preset")
    chosen = preset if preset in info.presets else next(iter(info.presets), None)
    return query.get("name", ""), info.name, chosen, info.presets[chosen] if chosen else {}


def _laid_over(
    info: StudyTypeInfo, base: Mapping[str, Any], query: Mapping[str, str]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The parameters, and by key what the address has for inputs that cannot be read."""
    shown = {one.key: form.shown_value(one, base) for one in form.fields(info.parameters_schema)}
    given = shown | {name: text for name, text in query.items() if name not in _RESERVED and name in shown}
    parameters, problems = form.read(info.parameters_schema, given)
    return parameters, {key: given[key] for key in problems}


def _kinds(types: Mapping[str, StudyTypeInfo], kind: str) -> Component:
    if len(types) < 2:
        return html.Div()
    links = [
        link_button(info.title, f"{PATH}?{urlencode({'type': name})}", primary=name == kind)
        for name, info in types.items()
    ]
    return dmc.Group(links, gap="xs", mb="md")


def _presets(info: StudyTypeInfo, chosen: str | None, is_clone: bool) -> Component:
    links = [
        link_button(name, f"{PATH}?{urlencode({'type': info.name, 'preset': name})}", primary=name == chosen)
        for name in info.presets
    ]
    origin = "A copy of an earlier study; or start from" if is_clone else "Start from"
    return dmc.Group([dmc.Text(origin, size="sm", c="dimmed"), *links], gap="xs", my="lg")


def _form(info: StudyTypeInfo, name: str, inputs: list[Component]) -> Component:
    title = dmc.TextInput(
        id="new-name",
        label="Name",
        description="What you call the study.",
        value=name,
        placeholder=f"My {info.title.lower()}",
        required=True,
        debounce=form_inputs.DEBOUNCE_MS,
        mb="md",
    )
    return html.Div([title, *inputs], className="card")


def _side(price: Any, general: Any, code_of_it: Any) -> Component:
    submit = dmc.Button("Submit study", id="new-submit", size="md", fullWidth=True)
    cost = dmc.Title("What it will cost", order=2, size="h4", mb="sm")
    places = [html.Div(price, id="new-estimate"), html.Div(general, id="new-problem")]
    card = html.Div([cost, *places, html.Div(submit, style={"marginTop": 16})], className="card")
    code = html.Div(
        [dmc.Title("The same without this page", order=2, size="h4", mb="sm"), html.Div(code_of_it, id="new-code")],
        className="card",
        style={"marginTop": 16},
    )
    return html.Div([card, code], style={"position": "sticky", "top": 74})


def register(app: Dash, client: AsyncClient) -> None:
    """The draft follows the form; its price and problems follow the draft."""
    app.clientside_callback(
        ClientsideFunction("page", "replace"), Output("new-address", "data"), Input("new-query", "data")
    )
    _register_draft(app, client)
    _register_submit(app, client)


def _register_draft(app: Dash, client: AsyncClient) -> None:
    @app.callback(
        Output("new-draft", "data"),
        Output("new-query", "data"),
        Output("new-estimate", "children"),
        Output("new-problem", "children"),
        Output("new-code", "children"),
        Output({"type": "field", "key": ALL}, "error"),
        Output({"type": "field-place", "key": ALL}, "hidden"),
        Output({"type": "group-summary", "group": ALL}, "children"),
        Output({"type": "group", "group": ALL}, "open"),
        Input("new-name", "value"),
        Input({"type": "field", "key": ALL}, "value"),
        State("new-base", "data"),
        State("new-schema", "data"),
        State("url", "href"),
        prevent_initial_call=True,  # the layout has its answer
    )
    async def draft(
        name: str | None, values: list[Any], base: dict[str, Any], schema: dict[str, Any], href: str
    ) -> Any:
        keys = [one["id"]["key"] for one in ctx.inputs_list[1]]
        given = dict(zip(keys, values, strict=True))
        drafted = await _drafted(client, schema, base, name, given)
        return (
            *drafted.shown(href),
            [drafted.errors.get(key) for key in keys],
            *_appearance(schema, given, drafted.errors),
        )


def _appearance(schema: dict[str, Any], given: Mapping[str, Any], errors: Mapping[str, str]) -> list[list[Any]]:
    """Which fields are hidden, what the folded groups say, and which must open because a problem is in them."""
    places, summaries, folds = ctx.outputs_list[-3:]
    unused, needed = form.hidden(schema, given), form_inputs.folds_with(errors, schema)
    return [
        [one["id"]["key"] in unused for one in places],
        [form_inputs.summary(schema, one["id"]["group"], given) for one in summaries],
        [True if one["id"]["group"] in needed else no_update for one in folds],
    ]


def _register_submit(app: Dash, client: AsyncClient) -> None:
    @app.callback(
        Output("new-place", "data"),
        Output("new-name", "error"),
        Output({"type": "field", "key": ALL}, "error", allow_duplicate=True),
        Output("new-problem", "children", allow_duplicate=True),
        Input("new-submit", "n_clicks"),
        State("new-draft", "data"),
        State("new-name", "value"),
        State({"type": "field", "key": ALL}, "id"),
        prevent_initial_call=True,
        running=[(Output("new-submit", "loading"), True, False)],
    )
    async def submit(clicks: int | None, draft: dict[str, Any] | None, name: str | None, ids: list[dict]) -> Any:
        untouched = [no_update] * len(ids)
        if not clicks or not draft:
            return no_update, no_update, untouched, no_update
        if not (name or "").strip():
            return no_update, "give the study a name", untouched, no_update
        try:
            study = await client.create_study(**(draft | {"name": name}))
        except ApiError as error:
            by_key, general = problems(error, [one["key"] for one in ids])
            return no_update, by_key.get("name"), [by_key.get(one["key"]) for one in ids], general
        return f"/studies/{study.id}", None, untouched, no_update

    app.clientside_callback(
        ClientsideFunction("page", "visit"),
        Output("new-visited", "data"),
        Input("new-place", "data"),
        prevent_initial_call=True,
    )


async def _drafted(
    client: AsyncClient,
    schema: Mapping[str, Any],
    base: Mapping[str, Any],
    name: str | None,
    given: Mapping[str, Any],
) -> Draft:
    """`given`: what the inputs show, by key. The laboratory is asked only if all of it can be read."""
    parameters, unread = form.read(schema, given)
    study = draft_of(name, base, parameters)
    price, general, refused = await _judge(client, study, given) if not unread else (None, [], {})
    return Draft(study, query_of(name, base, schema, given), price, refused | unread, general)


def draft_of(name: str | None, base: Mapping[str, Any], parameters: Mapping[str, Any]) -> StudyCreate:
    """The request that the form stands for: a preset and what differs from it, or everything."""
    changed = differences(parameters, base["parameters"]) if base["preset"] else dict(parameters)
    title = (name or "").strip()[:200] or "My study"
    return StudyCreate(name=title, type=base["type"], preset=base["preset"], parameters=changed)


def query_of(name: str | None, base: Mapping[str, Any], schema: Mapping[str, Any], given: Mapping[str, Any]) -> str:
    """The address of the form as it stands: its start, its name, and the inputs that differ from the start."""
    start = {one.key: form.shown_value(one, base["parameters"]) for one in form.fields(schema)}
    query = {"clone": base["clone"]} if base.get("clone") else {"type": base["type"]}
    query |= {"preset": base["preset"]} if base["preset"] else {}
    query |= {"name": name} if name else {}
    texts = {key: form.as_text(value) for key, value in given.items()}
    query |= {key: text for key, text in texts.items() if text != form.as_text(start.get(key))}
    return urlencode(query)


async def _judge(
    client: AsyncClient, study: StudyCreate, keys: Collection[str]
) -> tuple[Estimate | None, Any, dict[str, str]]:
    try:
        estimate = await client.estimate_study(**study.model_dump())
    except ApiError as error:
        by_key, general = problems(error, keys)
        return None, general, by_key
    return estimate, [], {}


def problems(error: ApiError, keys: Collection[str]) -> tuple[dict[str, str], Any]:
    """Refused inputs by key, and a notice for what belongs to none of them."""
    by_key = {_key(one, keys): one.detail for one in error.problem.errors}
    fields = {key: detail for key, detail in by_key.items() if key in keys or key == "name"}
    return fields, (error_notice(error) if len(fields) < len(by_key) or not by_key else [])


def _key(problem: FieldProblem, keys: Collection[str]) -> str:
    """The input that a problem belongs to. An item of a list is shown at its list.

    A problem of a whole group, such as a field that does not fit another, begins with the name of the field.
    """
    parts = problem.pointer.removeprefix(_ROOT).strip("/").split("/")
    while parts and parts[-1].isdecimal():
        parts.pop()
    key = ".".join(parts)
    named = f"{key}.{problem.detail.split(' ', 1)[0]}".strip(".")
    return named if named in keys else key


def price_of(estimate: Estimate | None) -> Component:
    """Cells, jobs, and time as far as it is known."""
    if estimate is None:
        return dmc.Text("Correct the marked fields to see it.", size="sm", c="dimmed")
    done = estimate.cells_already_done
    time = duration(estimate.seconds) if estimate.seconds is not None else "unknown: nothing was measured here yet"
    return facts(
        [
            ("Cells", f"{estimate.cells:,}".replace(",", " ")),
            ("Already done", f"{done:,} (not computed again)" if done else None),
            ("Jobs", estimate.jobs),
            ("Work", f"{quantity(estimate.work)} chain steps"),
            ("Time", time),
            ("Disk", size(estimate.size_bytes)),
        ]
    )
