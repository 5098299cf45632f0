"""The queue: jobs with place, progress and time left; the workers; and a plain sentence when nothing can run."""

import asyncio
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import dash_mantine_components as dmc
from dash import ClientsideFunction, Dash, Input, Output, State, dcc, html, no_update
from dash.development.base_component import Component

from backend.client import AsyncClient
from backend.contracts.messages import Job, LogLine, Study, Worker
from backend.contracts.states import FINAL_JOB_STATES, JobState
from frontend.components import commands, live
from frontend.components.figure import card
from frontend.components.notices import standing
from frontend.components.table import column, table
from frontend.components.texts import facts, heading, state
from frontend.routing import Address, Page, one_of
from frontend.wording import age, duration, eta, quantity

PATH = "/queue"
MOST_JOBS = 200
_DEFAULTS = {"state": "all", "study": ""}


async def layout(client: AsyncClient, address: Address) -> Page:
    """Filters from the address; tables and sentence by callback."""
    query = address.query
    studies = (await client.studies(limit=100)).items
    content = html.Div(
        [
            *live.stores("queue", {"kinds": ["job", "worker", "study"]}),
            dcc.Store(id="queue-defaults", data=_DEFAULTS),
            dcc.Store(id="queue-address"),
            dcc.Store(id="queue-command"),
            dcc.Interval(id="queue-clock", interval=10_000),
            heading("Queue"),
            html.Div(id="queue-standing", style={"marginBottom": 12}),
            card("Jobs", table("queue-jobs", _columns(), empty="No job here"), _filters(studies, query)),
            html.Div(card("Workers", html.Div(dmc.Skeleton(height=80), id="queue-workers")), style={"marginTop": 16}),
            dmc.Drawer(id="queue-log", position="right", size="lg", opened=False, title="Log"),
        ],
        className="page",
    )
    return Page("Queue", content)


def _filters(studies: list[Study], query: Any) -> Component:
    states = [{"value": one, "label": one} for one in ("all", *JobState)]
    return dmc.Group(
        [
            dmc.Select(
                id="queue-state",
                data=states,
                value=one_of(query.get("state"), JobState, "all"),
                allowDeselect=False,
                size="xs",
                w=130,
                **{"aria-label": "State"},
            ),
            dmc.Select(
                id="queue-study",
                data=[{"value": study.id, "label": study.name} for study in studies],
                value=query.get("study"),
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
        column("title", "Job", flex=3, minWidth=215),
        column("state", "State", width=128, cellRenderer="State"),
        column("place", "Place", width=74),
        column("study", "Study", flex=2, minWidth=120, cellRenderer="PageLink"),
        column("fraction", "Progress", width=135, cellRenderer="Progress"),
        column("now", "Now", flex=3, minWidth=150),
        column("left", "Time left", width=140),
        column("rate", "Rate", width=92),
        column("device", "Device", width=150),
        column("attempt", "Attempt", width=92),
        column("commands", "Actions", width=148, cellRenderer="Commands", **fixed),
    ]


def register(app: Dash, client: AsyncClient) -> None:
    """Tables follow events; rows ask for commands or for their log."""
    live.register(app, "queue")
    app.clientside_callback(
        ClientsideFunction("page", "remember"),
        Output("queue-address", "data"),
        Input("queue-state", "value"),
        Input("queue-study", "value"),
        State("queue-defaults", "data"),
        prevent_initial_call=True,
    )

    @app.callback(
        Output("queue-jobs", "rowData"),
        Output("queue-workers", "children"),
        Output("queue-standing", "children"),
        Input("queue-tick", "data"),
        Input("queue-clock", "n_intervals"),
        Input("queue-state", "value"),
        Input("queue-study", "value"),
        running=live.running("queue"),
    )
    async def fill(tick: float | None, clock: int | None, chosen: str, study_id: str | None) -> Any:
        wanted = None if chosen == "all" else chosen
        jobs, workers, health = await asyncio.gather(
            client.jobs(limit=MOST_JOBS, state=wanted, study_id=study_id or None), client.workers(), client.health()
        )
        notice = None if health.ok else standing(health.message)
        return rows(jobs.items), workers_table(workers, jobs.items), notice

    @app.callback(
        Output("command-asked", "data", allow_duplicate=True),
        Output("queue-log", "opened"),
        Output("queue-log", "title"),
        Output("queue-log", "children"),
        Input("queue-command", "data"),
        prevent_initial_call=True,
    )
    async def command(asked: dict[str, Any] | None) -> Any:
        if not asked:
            return (no_update,) * 4
        if asked["action"] != "log":
            return asked, no_update, no_update, no_update
        job, lines = await asyncio.gather(client.job(asked["id"]), client.job_log(asked["id"]))
        return no_update, True, job.title, log(job, lines)


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


def workers_table(workers: list[Worker], jobs: Iterable[Job], now: datetime | None = None) -> Component:
    """Who can work, on what, and when they were last heard."""
    if not workers:
        return dmc.Text("No worker has been seen.", size="sm", c="dimmed")
    titles = {job.id: job.title for job in jobs}
    head = ["Worker", "Device", "Threads", "Last heard", "Job", "Rate"]
    body = [_worker(worker, titles, now or datetime.now(UTC)) for worker in workers]
    content = [
        dmc.TableThead(dmc.TableTr([dmc.TableTh(one) for one in head])),
        dmc.TableTbody([dmc.TableTr([dmc.TableTd(one) for one in cells]) for cells in body]),
    ]
    return dmc.TableScrollContainer(dmc.Table(content, verticalSpacing="xs"), minWidth=640)


def _worker(worker: Worker, titles: dict[str, str], now: datetime) -> list[Any]:
    heard = age(worker.heartbeat_at, now)
    return [
        f"{worker.hostname}, process {worker.pid}",
        f"{worker.device} ({worker.device_name})" if worker.device_name else worker.device,
        str(worker.num_threads),
        heard if worker.alive else f"silent for {duration((now - worker.heartbeat_at).total_seconds())}",
        titles.get(worker.job_id, "another job") if worker.job_id else "idle" if worker.alive else "",
        f"{quantity(worker.rate)}/s" if worker.rate else "",
    ]


def log(job: Job, lines: list[LogLine]) -> Component:
    """A job's facts and its log, oldest line first."""
    about = facts([("State", state(job.state)), ("Cells", job.num_cells), ("Worker", job.worker), ("Error", job.error)])
    said = [
        html.Div(
            [html.Time(f"{line.at:%H:%M:%S}", title=line.at.isoformat()), html.Span(line.message)],
            **{"data-level": line.level},
        )
        for line in lines
    ]
    return html.Div([about, dmc.Divider(my="md"), html.Div(said or "It has said nothing yet.", className="log")])
