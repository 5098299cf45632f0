"""The queue: jobs with place, progress and time left; the workers; and a plain sentence when nothing can run."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import dash_mantine_components as dmc
from dash import ClientsideFunction, Dash, Input, Output, State, dcc, html, no_update
from dash.development.base_component import Component

from backend.client import ApiError, AsyncClient
from backend.contracts.messages import Job, LogLine, Study, Worker
from backend.contracts.states import FINAL_JOB_STATES, JobState
from frontend.components import commands, live
from frontend.components.figure import card
from frontend.components.notices import empty, error_notice, standing
from frontend.components.table import column, height_of, table
from frontend.components.texts import facts, heading, link_button, state
from frontend.routing import Address, Page, one_of
from frontend.wording import age, duration, eta, quantity

PATH = "/queue"
MOST_JOBS = 200
_DEFAULTS = {"state": "all", "study": "", "job": ""}


async def layout(client: AsyncClient, address: Address) -> Page:
    """Filters and the opened log from the address; tables and sentence as they are now."""
    query = address.query
    studies, chosen = await _studies(client, query.get("study")), one_of(query.get("state"), JobState, "all")
    study_id = one_of(query.get("study"), [study.id for study in studies], "") or None
    now = await _now(client, chosen, study_id)
    jobs = table("queue-jobs", _columns(), now.style["height"], empty="No job here")
    jobs.rowData = now.rows
    content = html.Div(
        [
            *live.stores("queue", {"kinds": ["job", "worker", "study"]}),
            dcc.Store(id="queue-defaults", data=_DEFAULTS),
            dcc.Store(id="queue-address"),
            dcc.Store(id="queue-command"),
            dcc.Store(id="queue-job", data=query.get("job", "")),
            dcc.Store(id="queue-closed"),
            dcc.Interval(id="queue-clock", interval=10_000),
            heading("Queue"),
            html.Div(now.standing, id="queue-standing", style={"marginBottom": 12}),
            html.Div(card("Workers", html.Div(now.workers, id="queue-workers")), style={"marginBottom": 16}),
            card(
                "Jobs",
                [
                    html.Div(jobs, id="queue-table", hidden=now.is_empty),
                    html.Div(now.note, id="queue-note"),
                ],
                html.Div(now.retry_all, id="queue-all"),
                _filters(studies, chosen, study_id),
            ),
            dmc.Drawer(
                id="queue-log",
                position="right",
                size="lg",
                opened=False,
                title="Log",
                closeButtonProps={"aria-label": "Close the log"},
            ),
        ],
        className="page",
    )
    return Page("Queue", content)


async def _studies(client: AsyncClient, asked: str | None) -> list[Study]:
    """The newest studies, and the one of the address if it is older."""
    found = (await client.studies(limit=100)).items
    if asked and asked not in {study.id for study in found}:
        try:
            found.append(await client.study(asked))
        except ApiError:  # deleted, or never there: the filter stays empty
            return found
    return found


class Now(NamedTuple):
    """What the queue shows at one moment."""

    rows: list[dict[str, Any]]
    style: dict[str, int]
    is_empty: bool
    note: Component | None
    retry_all: Component | None
    workers: Component
    standing: Component | None


async def _now(client: AsyncClient, chosen: str, study_id: str | None) -> Now:
    wanted = None if chosen == "all" else JobState(chosen)
    jobs, failed, workers, health = await asyncio.gather(
        client.jobs(limit=MOST_JOBS, state=wanted, study_id=study_id),
        client.jobs(limit=MOST_JOBS, state=JobState.FAILED, study_id=study_id),
        client.workers(),
        client.health(),
    )
    return Now(
        rows(jobs.items),
        {"height": height_of(len(jobs.items))},
        not jobs.items,
        note(len(jobs.items), jobs.next_cursor is not None, wanted, study_id),
        retry_all(failed.items, failed.next_cursor is not None, study_id),
        workers_table(workers, jobs.items),
        None if health.ok else standing(health.message),
    )


def _filters(studies: Sequence[Study], chosen: str, study_id: str | None) -> Component:
    states = [{"value": one, "label": one} for one in ("all", *JobState)]
    return dmc.Group(
        [
            dmc.Select(
                id="queue-state",
                data=states,
                value=chosen,
                allowDeselect=False,
                size="xs",
                w=130,
                **{"aria-label": "State"},
            ),
            dmc.Select(
                id="queue-study",
                data=[{"value": study.id, "label": study.name} for study in studies],
                value=study_id,
                placeholder="any study",
                clearable=True,
                searchable=True,
                size="xs",
                w=180,
                **{"aria-label": "Study"},
            ),
        ],
        gap="xs",
    )


def _columns() -> list[dict[str, Any]]:
    fixed = {"cellDataType": False, "sortable": False, "tooltipField": None, "pinned": "right"}
    return [
        column("title", "Job", flex=3, minWidth=170, cellRenderer="Job"),
        column("state", "State", width=98, cellRenderer="State"),
        column("place", "Place", width=58),
        column("study", "Study", flex=2, minWidth=110, cellRenderer="PageLink"),
        column("fraction", "Progress", width=116, cellRenderer="Progress"),
        column("now", "Now", flex=2, minWidth=96),
        column("left", "Time left", width=126),
        column("rate", "Rate", width=74),
        column("device", "Device", width=88),
        column("attempt", "Attempt", width=76),
        column("commands", "Actions", width=132, cellRenderer="Commands", **fixed),
    ]


def register(app: Dash, client: AsyncClient) -> None:
    """Tables follow events; rows ask for commands or for their log."""
    live.register(app, "queue")
    app.clientside_callback(
        ClientsideFunction("page", "remember"),
        Output("queue-address", "data"),
        Input("queue-state", "value"),
        Input("queue-study", "value"),
        Input("queue-job", "data"),
        State("queue-defaults", "data"),
        prevent_initial_call=True,
    )
    app.clientside_callback(
        ClientsideFunction("page", "queueCommand"),
        Output("command-asked", "data", allow_duplicate=True),
        Output("queue-job", "data"),
        Input("queue-command", "data"),
        prevent_initial_call=True,
    )
    app.clientside_callback(
        ClientsideFunction("page", "closeLog"),
        Output("queue-closed", "data"),
        Input("queue-log", "opened"),
        State("queue-job", "data"),
        prevent_initial_call=True,
    )
    _register_tables(app, client)
    _register_log(app, client)


def _register_tables(app: Dash, client: AsyncClient) -> None:
    @app.callback(
        Output("queue-jobs", "rowData"),
        Output("queue-jobs", "style"),
        Output("queue-table", "hidden"),
        Output("queue-note", "children"),
        Output("queue-all", "children"),
        Output("queue-workers", "children"),
        Output("queue-standing", "children"),
        Input("queue-tick", "data"),
        Input("queue-clock", "n_intervals"),
        Input("queue-state", "value"),
        Input("queue-study", "value"),
        running=live.running("queue"),
        prevent_initial_call=True,  # the layout has what is there now
    )
    async def fill(tick: float | None, clock: int | None, chosen: str, study_id: str | None) -> Now:
        return await _now(client, chosen, study_id or None)


def _register_log(app: Dash, client: AsyncClient) -> None:
    # What opens and closes it is the browser's alone: an answer that comes late would open a log that was closed.
    app.clientside_callback(
        ClientsideFunction("page", "openLog"),
        Output("queue-log", "opened"),
        Output("queue-log", "title"),
        Output("queue-log", "children"),
        Input("queue-job", "data"),
    )

    @app.callback(
        Output("queue-log", "title", allow_duplicate=True),
        Output("queue-log", "children", allow_duplicate=True),
        Input("queue-job", "data"),
        Input("queue-tick", "data"),
        prevent_initial_call="initial_duplicate",
    )
    async def show(job_id: str | None, tick: float | None) -> Any:
        if not job_id:
            return no_update, no_update
        try:
            job, lines = await asyncio.gather(client.job(job_id), client.job_log(job_id))
        except ApiError as error:
            return "Log", error_notice(error)
        return job.title, log(job, lines)


_ORDER = {JobState.RUNNING: 0, JobState.QUEUED: 1, JobState.BLOCKED: 2}


def rows(jobs: Iterable[Job]) -> list[dict[str, Any]]:
    """Jobs as rows: what runs first, then what waits in its order, then what is over."""
    ordered = sorted(jobs, key=lambda job: (_ORDER.get(job.state, 3), job.place or 0))
    return [row(job) for job in ordered]


def row(job: Job) -> dict[str, Any]:
    """A job as a row of the table."""
    actions = [{**commands.request("job", action, job.id, job.title), "label": commands.COMMANDS["job", action].label}
               for action in commands.for_job(job)]  # fmt: skip
    actions.append({**commands.request("job", "log", job.id, job.title), "label": "Log"})
    over = job.state in FINAL_JOB_STATES
    waiting = "stopping" if job.cancel_requested and not over else job.stage
    return {
        "id": job.id,
        "state": job.state,
        "message": job.message or job.error,
        "place": job.place,
        "title": job.title,
        "study": job.study_name or "",
        "href": f"/studies/{job.study_id}" if job.study_id else None,
        "fraction": job.fraction,
        "now": job.error or job.message if over else waiting or job.message,
        "left": "" if over else (eta(job.eta_low_seconds, job.eta_high_seconds) or "").removesuffix(" left"),
        "rate": f"{quantity(job.rate)}/s" if job.rate and job.state is JobState.RUNNING else "",
        "device": job.device or "",
        "attempt": f"{job.attempt} of {job.max_attempts}" if job.attempt else "",
        "commands": actions,
    }


def note(count: int, more: bool, chosen: str | None, study_id: str | None) -> Component | None:
    """What to do where no job is, and what the table leaves out."""
    if count == 0 and (chosen or study_id):
        words = f"No job {'of this study ' if study_id else ''}is {chosen}" if chosen else "This study has no job"
        return empty(words, "Choose another state or any study above.")
    if count == 0:
        hint = "A study puts its jobs here. Jobs that ended stay in the list."
        return empty("No job yet", hint, link_button("New study", "/studies/new", primary=True))
    words = f"The first {MOST_JOBS} are shown: choose a state or a study above, or read all of them through the API."
    return dmc.Text(words, size="sm", c="dimmed", mt="sm") if more else None


def retry_all(failed: Sequence[Job], more: bool, study_id: str | None) -> Component | None:
    """The button that runs again what failed jobs left open; None where nothing is."""
    count = sum(job.num_left_open > 0 for job in failed)
    if count == 0:
        return None
    jobs = "1 failed job" if count == 1 else f"{count}{'+' if more else ''} failed jobs"
    return commands.button("jobs", "retry", study_id or commands.EVERY_STUDY, jobs, label=f"Retry {jobs}", size="xs")


def workers_table(workers: list[Worker], jobs: Iterable[Job], now: datetime | None = None) -> Component:
    """Who can work, on what, how busy they were, and when they were last heard."""
    if not workers:
        return dmc.Text("No worker has been seen in the last ten minutes.", size="sm", c="dimmed")
    titles = {job.id: job.title for job in jobs}
    head = ["Worker", "Device", "Threads", "Last heard", "Job", "Rate", "Busy"]
    body = [_worker(worker, titles, now or datetime.now(UTC)) for worker in workers]
    content = [
        dmc.TableThead(dmc.TableTr([dmc.TableTh(one) for one in head])),
        dmc.TableTbody([dmc.TableTr([dmc.TableTd(one) for one in cells]) for cells in body]),
    ]
    return html.Div(
        dmc.Table(content, verticalSpacing="xs", className="numbers"),
        className="scroll",
        tabIndex=0,
        role="region",
        **{"aria-label": "Workers"},
    )


def _worker(worker: Worker, titles: Mapping[str, str], now: datetime) -> list[Any]:
    heard = age(worker.heartbeat_at, now)
    silent = f"silent for {duration((now - worker.heartbeat_at).total_seconds())}: it may have died"
    return [
        f"{worker.hostname}, process {worker.pid}",
        f"{worker.device} ({worker.device_name})" if worker.device_name else worker.device,
        str(worker.num_threads),
        heard if worker.alive else silent,
        titles.get(worker.job_id, "another job") if worker.job_id else "idle" if worker.alive else "",
        f"{quantity(worker.rate)}/s" if worker.rate else "",
        html.Span(
            f"{worker.busy:.0%}", title="Share of the last ten minutes, or since its start, in which it had a job"
        ),
    ]


def log(job: Job, lines: list[LogLine]) -> Component:
    """A job's facts and its log, oldest line first."""
    study = dcc.Link(job.study_name, href=f"/studies/{job.study_id}", className="cell-link") if job.study_id else None
    about = facts(
        [
            ("State", state(job.state)),
            ("Study", study),
            ("Now", None if job.state in FINAL_JOB_STATES else job.stage or job.message),
            ("Cells", f"{job.num_cells}, {job.num_left_open} wait for a retry" if job.num_left_open else job.num_cells),
            ("Attempt", f"{job.attempt} of {job.max_attempts}" if job.attempt else None),
            ("Worker", job.worker),
            ("Device", job.device),
            ("Started", f"{job.started_at:%Y-%m-%d %H:%M:%S} UTC" if job.started_at else None),
            ("Took", _took(job)),
            ("Error", job.error),
        ]
    )
    said = [
        html.Div(
            [html.Time(f"{line.at:%H:%M:%S}", title=line.at.isoformat()), html.Span(line.message)],
            **{"data-level": line.level},
        )
        for line in lines
    ]
    return html.Div([about, dmc.Divider(my="md"), html.Div(said or "It has said nothing yet.", className="log")])


def _took(job: Job) -> str | None:
    return duration((job.finished_at - job.started_at).total_seconds()) if job.started_at and job.finished_at else None
