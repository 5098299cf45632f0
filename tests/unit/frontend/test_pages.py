"""Pages as component trees: what a reader would find, without a browser."""

from datetime import timedelta

import pytest

from backend.client import ApiError, ConnectionFailed
from backend.contracts.messages import CellSummary, LogLine, Page, Problem
from backend.contracts.states import CellState, JobState, StudyState
from frontend import reproduce, routing, wording
from frontend.components import commands, notices, progress, samples
from frontend.components.icons import NAMES, icon
from frontend.components.not_found import not_found_page, problem_page
from frontend.pages import machine, queue, studies
from frontend.panels import Opened, cells, recipe
from tests.unit.frontend import messages
from tests.unit.frontend.tree import by_id, text, walk


@pytest.mark.parametrize(
    ("pathname", "path", "values"),
    [
        ("/studies", "/studies", {}),
        ("/studies/", "/studies", {}),
        ("/studies/new", "/studies/new", {}),
        ("/studies/abc", "/studies/<study_id>", {"study_id": "abc"}),
        ("/machines/m", "/machines/<machine_id>", {"machine_id": "m"}),
    ],
)
def test_addresses_lead_to_pages(pathname, path, values):
    page, found = routing.find(pathname)
    assert path == page.PATH
    assert found == values


def test_an_unknown_address_says_so():
    assert routing.find("/nowhere/at/all") is None
    page = not_found_page("/nowhere")
    assert page.title == "Not found"
    assert "/nowhere leads nowhere" in text(page.content)


def test_every_page_has_a_layout_and_callbacks():
    assert {page.PATH for page in routing.pages()} >= {"/studies", "/studies/new", "/queue", "/machines"}
    for page in routing.pages():
        assert callable(page.layout)
        assert callable(page.register)


def test_a_refusal_becomes_a_page_with_its_cause():
    gone = ApiError(404, Problem(title="Not Found", status=404, detail="there is no study 'x'"))
    full = ApiError(507, Problem(title="Insufficient Storage", status=507, detail="the disk is full"))
    assert "there is no study 'x'" in text(problem_page(gone).content)
    assert "the disk is full" in text(problem_page(full).content)


def test_an_unexpected_error_shows_no_details():
    title, cause = notices.cause_of(RuntimeError("a secret of the server"))
    assert "secret" not in title + cause
    silent = ConnectionFailed.__new__(ConnectionFailed)
    Exception.__init__(silent, "no answer from here")
    assert "no answer from here" in notices.cause_of(silent)[1]


def test_a_queue_that_nobody_serves_names_the_command():
    notice = notices.standing("queued: no worker is running. Start one with: make worker")
    assert [one.children for one in walk(notice) if type(one).__name__ == "Code"] == ["make worker"]


def test_a_running_study_is_quiet_and_one_without_worker_is_not():
    quiet = progress.standing_of(messages.study(message="Train p0 = 0: update 5"))
    loud = progress.standing_of(messages.study(message="queued: no worker is running. Start one with: make worker"))
    assert not [one for one in walk(quiet) if type(one).__name__ == "Alert"]
    assert [one for one in walk(loud) if type(one).__name__ == "Alert"]


def test_progress_is_counts_and_an_honest_range():
    words = text(progress.line(messages.study()))
    assert "40%" in words
    assert "4 of 10 cells, 1 failed" in words
    assert "1 to 2.5 min left" in words
    assert progress.time_left(messages.study(StudyState.DONE)) is None


@pytest.mark.parametrize(
    ("state", "actions"),
    [
        (StudyState.QUEUED, ["cancel", "delete"]),
        (StudyState.RUNNING, ["cancel", "delete"]),
        (StudyState.FAILED, ["retry", "delete"]),
        (StudyState.CANCELLED, ["retry", "delete"]),
        (StudyState.DONE, ["delete"]),
    ],
)
def test_a_study_offers_what_makes_sense(state, actions):
    assert commands.for_study(messages.study(state)) == actions


def test_what_loses_something_asks_first():
    asks = {key for key, command in commands.COMMANDS.items() if command.question}
    assert asks == {("study", "cancel"), ("study", "delete"), ("job", "cancel")}, "a retry loses nothing"


def test_an_empty_list_leads_to_the_next_step():
    assert "/studies/new" in [one.href for one in walk(studies.rows(Page(items=[]), None)) if hasattr(one, "href")]
    assert "No study is failed" in text(studies.rows(Page(items=[]), "failed"))


def test_a_study_in_the_list_links_to_its_page():
    row = studies.rows(Page(items=[messages.study()]), None)
    assert "/studies/study-1" in [getattr(one, "href", None) for one in walk(row)]


@pytest.mark.parametrize(("text_", "count"), [(None, 25), ("abc", 25), ("-4", 25), ("50", 50), ("99999", 200)])
def test_how_many_are_shown_stays_within_bounds(text_, count):
    assert studies.wanted(text_) == count


def test_the_queue_shows_what_runs_then_places_then_the_past():
    jobs = [
        messages.job(JobState.DONE, id="past"),
        messages.job(JobState.BLOCKED, id="blocked"),
        messages.job(JobState.QUEUED, id="second", place=2),
        messages.job(JobState.QUEUED, id="first", place=1),
        messages.job(JobState.RUNNING, id="runs"),
    ]
    assert [row["id"] for row in queue.rows(jobs)] == ["runs", "first", "second", "blocked", "past"]


def test_a_job_s_row_has_its_progress_rate_and_commands():
    running = messages.job(
        JobState.RUNNING, rate=8100.0, stage="update 5", eta_low_seconds=60, eta_high_seconds=90, device="cpu"
    )
    row = queue.row(running)
    assert row["fraction"] == 0.25
    assert row["rate"] == "8.1 k/s"
    assert row["left"] == "1 to 1.5 min"
    assert row["now"] == "update 5"
    assert row["attempt"] == "1 of 5"
    assert [one["action"] for one in row["commands"]] == ["cancel", "log"]
    assert queue.row(messages.job(JobState.RUNNING, cancel_requested=True))["now"] == "stopping"
    failed = queue.row(messages.job(JobState.FAILED, error="disk full", num_left_open=2))
    assert failed["now"] == "disk full"
    assert [one["action"] for one in failed["commands"]] == ["retry", "log"]
    again = queue.row(messages.job(JobState.FAILED, error="disk full"))
    assert [one["action"] for one in again["commands"]] == ["log"], "a retry would run nothing"


def test_what_failed_jobs_left_open_can_be_retried_at_once():
    failed = [messages.job(JobState.FAILED, num_left_open=count) for count in (2, 0, 1)]
    button = queue.retry_all(failed, False, "study-1")
    assert text(button) == "Retry 2 failed jobs"
    assert (button.id["noun"], button.id["action"], button.id["id"]) == ("jobs", "retry", "study-1")
    assert text(queue.retry_all(failed[:1], False, None)) == "Retry 1 failed job"
    assert queue.retry_all(failed, False, None).id["id"] == commands.EVERY_STUDY
    assert text(queue.retry_all(failed, True, None)) == "Retry 2+ failed jobs"
    assert queue.retry_all(failed[1:2], False, None) is None


def test_an_empty_queue_says_what_to_do_and_a_long_one_what_it_leaves_out():
    assert "/studies/new" in [one.href for one in walk(queue.note(0, False, None, None)) if hasattr(one, "href")]
    assert "No job of this study is failed" in text(queue.note(0, False, "failed", "study-1"))
    assert "No job is failed" in text(queue.note(0, False, "failed", None))
    assert "The first 200" in text(queue.note(200, True, None, None))
    assert queue.note(3, False, None, None) is None


def test_workers_say_when_they_were_last_heard():
    words = text(queue.workers_table([messages.worker()], [], messages.NOW))
    assert "40 s ago" in words
    assert "2.5 M/s" in words
    assert "idle" in words
    assert "35%" in words
    assert "silent for 40 s" in text(queue.workers_table([messages.worker(alive=False)], [], messages.NOW))
    assert "No worker" in text(queue.workers_table([], [], messages.NOW))


def test_a_log_is_read_in_order():
    lines = [
        LogLine(at=messages.NOW, level="info", message="begun"),
        LogLine(at=messages.NOW, level="error", message="broke"),
    ]
    ended = {"started_at": messages.NOW, "finished_at": messages.NOW + timedelta(seconds=90), "num_left_open": 1}
    words = text(queue.log(messages.job(JobState.FAILED, **ended), lines))
    assert words.index("begun") < words.index("broke")
    assert "1.5 min" in words
    assert "2, 1 wait for a retry" in words


def cell(state, **parameters):
    own = {"pruning": 0.7, "pruning_rule": "magnitude", "generation": {"gibbs_steps": 200}} | parameters
    return machine.Cell(
        id="c", kind="evaluation", state=state, axes={}, machine_id="m", has_samples=True, metrics={}, parameters=own,
        parent="k", error="no memory" if state is CellState.FAILED else None,
    )  # fmt: skip


def test_pictures_stand_side_by_side_whatever_became_of_them():
    shown = machine.pictures(
        [cell(CellState.DONE), cell(CellState.PENDING), cell(CellState.FAILED), "there is no cell 'z'"]
    )
    words = text(shown)
    assert "p = 0.7, magnitude, 200 steps" in words
    assert "waits for a worker" in words
    assert "no memory" in words
    assert "there is no cell 'z'" in words
    assert [one.src for one in walk(shown) if type(one).__name__ == "Img"] == [
        "/api/v1/cells/c/samples.png?columns=8&count=64"
    ]


def test_the_sample_index_finds_the_cell_of_each_point():
    index = samples.index_of(messages.curves((0.0, {0.0: [1.0, 2.0], 0.55: [1.0, 2.0]}), (0.8, {0.8: [3.0]})))
    assert index["levels"] == ["0", "0.55", "0.8"]
    assert index["p0s"] == ["0", "0.8"]
    assert index["replicas"] == ["0", "1"]
    assert index["cells"]["0"]["0.55"]["1"] == "cell-0.55-1"
    assert "0.55" not in index["cells"]["0.8"]


def test_the_sample_index_has_one_class_of_machines():
    base = messages.curves((0.0, {0.0: [1.0]}), (0.4, {0.4: [3.0]}))
    again = base.series[0].model_copy(update={"machine_class": "retrained", "pruned_to": 0.9})
    curves = base.model_copy(update={"series": [again, *base.series]})
    assert samples.index_of(curves)["p0s"] == ["0", "0.4"]
    assert samples.index_of(curves, "retrained")["p0s"] == ["0 to 0.9"]


def test_the_browser_stands_at_the_level_of_the_address():
    index = samples.index_of(messages.curves((0.0, {0.0: [1.0], 0.5: [1.0]})))
    assert by_id(samples.browser(index, "0.5", None), "study-level").value == 1
    assert by_id(samples.browser(index, "0.33", "9"), "study-level").value == 0
    assert by_id(samples.browser(samples.EMPTY, None, None), "study-level").value == 0


def test_more_cells_in_the_same_frame_leave_the_browser_alone():
    one = samples.index_of(messages.curves((0.0, {0.0: [1.0, 2.0], 0.5: [1.0]})))
    more = samples.index_of(messages.curves((0.0, {0.0: [1.0, 2.0], 0.5: [1.0, 2.0]})))
    wider = samples.index_of(messages.curves((0.0, {0.0: [1.0, 2.0], 0.6: [1.0, 2.0]})))
    assert samples.same_frame(one, more)
    assert not samples.same_frame(one, wider)
    assert not samples.same_frame(None, one)


def test_a_cell_s_row_has_its_coordinates():
    summary = CellSummary(
        id="c",
        kind="evaluation",
        state=CellState.DONE,
        axes={"initial_dilution": 0.4, "replica": 1, "pruning": 0.7},
        machine_id="m",
        has_samples=True,
        metrics={"second_moment_error": 0.000123456},
    )
    row = cells.row(summary)
    assert (row["p0"], row["p"], row["replica"], row["href"]) == (0.4, 0.7, 1, "/machines/m")
    assert row["value"] == "Second moment error E(2) 0.000123"


def test_the_recipe_has_parameters_version_and_commands():
    content = recipe.layout(Opened(messages.study(), {}, "http://lab.example:8050/studies/study-1?tab=recipe"))
    words = text(content)
    panel = [one for one in walk(content) if hasattr(one, "code")]
    assert "abc" in words
    assert "Training: Gibbs steps k 10" in words
    assert all("http://lab.example:8050" in snippet["code"] for snippet in panel[0].code)


def test_the_commands_say_the_same_as_the_form():
    study = reproduce.StudyCreate(name="It's mine", preset="The paper", parameters={"seed": 3})
    curl = reproduce.as_curl(study, "http://h")
    python = reproduce.as_python(study, "http://h")
    assert "It'\\''s mine" in curl
    assert '"seed": 3' in curl
    compile(python, "snippet", "exec")
    assert "parameters={'seed': 3}" in python
    assert "preset='The paper'" in python


def test_differences_look_inside_groups():
    old = {"a": 1, "g": {"x": 1, "y": (1, 2)}}
    assert reproduce.differences({"a": 1, "g": {"x": 2, "y": [1, 2]}}, old) == {"g": {"x": 2}}
    assert reproduce.differences({"a": 1}, old) == {}


@pytest.mark.parametrize(
    ("seconds", "said"), [(4, "4 s"), (59.4, "59 s"), (60, "1 min"), (90, "1.5 min"), (7200, "2 h"), (180_000, "2.1 d")]
)
def test_durations(seconds, said):
    assert wording.duration(seconds) == said


def test_eta_is_a_range_or_nothing():
    assert wording.eta(None, 5) is None
    assert wording.eta(30, 90) == "30 s to 1.5 min left"
    assert wording.eta(60, 61) == "about 1 min left"
    assert wording.eta(0.2, 0.4) == "less than 1 s left"


def test_ages():
    assert wording.age(messages.NOW, messages.NOW + timedelta(seconds=1)) == "now"
    assert wording.age(messages.NOW, messages.NOW + timedelta(minutes=3)) == "3 min ago"


def test_icons_have_names():
    for name in NAMES:
        assert "aria-label" in icon(name, "A name").to_plotly_json()["props"]
    with pytest.raises(ValueError, match="'star' is not an icon"):
        icon("star", "")


def test_the_values_of_a_cell_have_the_names_that_readers_know_and_their_order():
    metrics = {"adversarial_accuracy_data": 0.9, "quality": 0.5, "pseudo_log_likelihood_test": -75.0, "unheard_of": 1.0}
    cell = CellSummary(
        id="c", kind="evaluation", state="done", axes={}, machine_id=None, has_samples=True, metrics=metrics
    )
    words = cells.values_of(cell).split(", ")
    assert words[0] == "Quality Q 0.5"
    assert words[-2:] == ["test images -75", "unheard_of 1"]
    assert "adversarial_accuracy_data" not in cells.values_of(cell)
