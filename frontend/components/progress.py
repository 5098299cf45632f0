"""How far a study is: bar, counts and the honest time left."""

import dash_mantine_components as dmc
from dash import html
from dash.development.base_component import Component

from backend.contracts.messages import Study
from backend.contracts.states import FINAL_STUDY_STATES, StudyState
from frontend.components.notices import standing
from frontend.components.texts import state
from frontend.wording import age, eta

_COLOURS = {StudyState.DONE: "teal", StudyState.FAILED: "pink", StudyState.CANCELLED: "gray"}


def counts(study: Study) -> str:
    """Cells done, and failed if any."""
    progress = study.progress
    failed = f", {progress.cells_failed} failed" if progress.cells_failed else ""
    return f"{progress.cells_done} of {progress.cells_total} cells{failed}"


def time_left(study: Study) -> str | None:
    """The ETA of a study that is not finished."""
    if study.state in FINAL_STUDY_STATES:
        return None
    return eta(study.progress.eta_low_seconds, study.progress.eta_high_seconds)


def bar(study: Study, size: str = "sm") -> Component:
    """The progress bar of a study, by its part of the work."""
    return dmc.Progress(
        value=100 * study.progress.fraction,
        size=size,
        color=_COLOURS.get(study.state, "indigo"),
        **{"aria-label": f"{study.progress.fraction:.0%} of the work is done"},
    )


def line(study: Study) -> Component:
    """State, counts and time left on one line."""
    words = [f"{study.progress.fraction:.0%}", counts(study), time_left(study), f"created {age(study.created_at)}"]
    return dmc.Group(
        [state(study.state), *(html.Span(word) for word in words if word)],
        gap="md",
        fz="sm",
        c="dimmed",
        className="numbers",
    )


def standing_of(study: Study) -> list[Component]:
    """State, bar, and the study's plain sentence: loud when someone must act, quiet while it runs."""
    failed = study.state is StudyState.FAILED
    quiet = study.state is StudyState.RUNNING and "make " not in (study.message or "")
    sentence = dmc.Text(study.message, size="sm", c="dimmed", className="numbers") if quiet else None
    notice = None if quiet else standing(study.message, failed)
    bars = html.Div(bar(study), style={"margin": "10px 0"})
    return [part for part in (line(study), bars, sentence, notice) if part]


def study_card(study: Study) -> Component:
    """A study in a list: the whole card is a link to its page."""
    return dmc.Anchor(
        [
            dmc.Group(
                [dmc.Text(study.name, fw=600, className="wrap"), dmc.Text(study.type, size="xs", c="dimmed")],
                justify="space-between",
                gap="xs",
                mb=6,
            ),
            line(study),
            html.Div(bar(study, "xs"), style={"marginTop": 10}),
        ],
        href=f"/studies/{study.id}",
        className="card study-card",
        underline="never",
    )
