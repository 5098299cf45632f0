"""Judge: the card of the judge that a study trained: how it was tested, what it says, examples (paper, appendix A)."""

from collections.abc import Sequence
from typing import Any

import dash_mantine_components as dmc
from dash import Dash, Input, Output, html, no_update
from dash.development.base_component import Component

from backend.client import AsyncClient
from backend.contracts.messages import Analysis, Study
from backend.contracts.results import Examples, JudgeCardResult
from frontend import theme
from frontend.components import analysis, figure
from frontend.components.texts import code, facts, link_button
from frontend.panels import Opened
from frontend.plots.judge_card import picture, survival_figure
from frontend.reproduce import FigureCode
from frontend.wording import size

TAB, LABEL, PLACE = "judge", "Judge", 3
MOST_EXAMPLES = 10
_NOTE = (
    "Each point is a machine at one level; surviving correlations are 1 before pruning. They, not Q, decide what "
    "counts as broken. Filled symbols are machines that the judge never saw."
)


def fits(study: Study, analyses: Sequence[Analysis]) -> bool:
    """A study that trains a judge."""
    return analysis.find(list(analyses), "judge-card") is not None


def layout(opened: Opened) -> Component:
    """Figure, examination and examples, when the judge is examined."""
    body = dmc.Stack(
        [
            html.Div(id="judge-examination"),
            figure.card(
                "What the judge says",
                figure.graph("judge-levels", height=460),
                html.Div(id="judge-exports"),
                note=_NOTE,
            ),
            html.Div(id="judge-examples"),
        ],
        gap="md",
    )
    return analysis.frame(TAB, body)


def register(app: Dash, client: AsyncClient) -> None:
    """Everything follows the result; the figure its theme too."""
    analysis.register(app, client, TAB, "judge-card")

    @app.callback(
        Output("judge-levels", "figure"),
        Output("judge-exports", "children"),
        Output("judge-examination", "children"),
        Output("judge-examples", "children"),
        Input("judge-cell", "data"),
        Input("scheme", "data"),
    )
    async def draw(cell: str | None, scheme: str | None) -> Any:
        if not cell:
            return [no_update] * 4
        result = JudgeCardResult.model_validate(await client.result(cell))
        exports = figure.exports(
            "judge-levels", f"judge-{cell[:8]}", data=f"/api/v1/cells/{cell}/result", making=(TAB, "")
        )
        return survival_figure(result, theme.scheme_of(scheme)), exports, examination(result), examples(result)


def figure_code(part: str, opened: Opened) -> FigureCode:
    """The code of what the judge says of each machine."""
    imports = (
        "from backend.contracts.results import JudgeCardResult",
        "from frontend.plots.judge_card import survival_figure",
    )
    lines = (
        'result = JudgeCardResult.model_validate(study.result("judge-card"))',
        'figure = survival_figure(result, "light")',
    )
    return FigureCode(imports, lines, analysis="judge-card")


def examination(result: JudgeCardResult) -> Component:
    """How well the judge does on what it never saw, and how to use it."""
    own = result.examination
    rows = [
        ("Digits of test images", f"{_percent(own.test_digits)} named, {_percent(own.test_images)} taken for digits"),
        ("Intact unseen machines", f"{_percent(own.unseen_digits)} of {own.num_unseen_digits:,} samples accepted"),
        ("Broken unseen machines", f"{_percent(own.unseen_broken)} of {own.num_unseen_broken:,} samples refused"),
        ("Q of noise, black, one stroke", f"{own.noise:.3f}, {own.black:.3f}, {own.one_stroke:.3f}"),
        ("Learned from", f"{result.num_machine_digits:,} digits of machines and {result.num_broken:,} broken samples"),
        ("Criterion", result.criterion),
        ("File", size(result.size_bytes)),
        ("SHA-256", result.judge),
    ]
    use = link_button("New study with this judge", f"/studies/new?judge={result.judge}", primary=True)
    words = ["Other studies name it by its SHA-256, as ", code("judge"), "."]
    return figure.card("Examination", [facts(rows), dmc.Text(words, size="sm", c="dimmed", mt="sm")], use)


def examples(result: JudgeCardResult) -> Component:
    """Images of each kind with the judge's confidence in each."""
    note = "Below each image the judge's confidence that it is a digit."
    return figure.card("Examples", [_strip(kind) for kind in result.examples], note=note)


def _strip(kind: Examples) -> Component:
    shown = list(zip(kind.images, kind.confidence, strict=True))[:MOST_EXAMPLES]
    pictures = [
        html.Figure(
            [html.Img(src=picture(image), alt=f"{kind.label}, confidence {confidence:.2f}"), f"{confidence:.2f}"],
            className="example",
        )
        for image, confidence in shown
    ]
    return html.Div([dmc.Text(kind.label, size="sm", fw=550), html.Div(pictures, className="examples")])


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
