"""Report: each claim of the paper beside what was found here."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import dash_mantine_components as dmc
from dash import Dash, Input, Output, html, no_update
from dash.development.base_component import Component

from backend.client import AsyncClient
from backend.contracts.messages import Analysis, Study
from backend.contracts.results import Claim, ReportResult
from frontend.components import analysis, figure
from frontend.panels import Opened
from frontend.plots.collapse import interval_words
from frontend.wording import scientific

TAB, LABEL, PLACE = "report", "Report", 2
TABLE = "report-claims"
# The mark is there for readers who see no colours.
_VERDICTS = {"holds": ("✓", "teal"), "does not hold": ("✗", "pink"), "cannot tell": ("?", "gray")}
_COUNTED = {
    "holds": ("holds", "hold"),
    "does not hold": ("does not hold", "do not hold"),
    "cannot tell": ("cannot be told", "cannot be told"),
}
_NOTE = "Every verdict follows from the criterion that stands beside it, which was fixed before the study ran."


def fits(study: Study, analyses: Sequence[Analysis]) -> bool:
    """A study with a report among its analyses."""
    return analysis.find(list(analyses), "report") is not None


def layout(opened: Opened) -> Component:
    """The claims, when they are judged."""
    return analysis.frame(TAB, html.Div(id="report-content"))


def register(app: Dash, client: AsyncClient) -> None:
    """The report follows its result."""
    analysis.register(app, client, TAB, "report")

    @app.callback(Output("report-content", "children"), Input("report-cell", "data"))
    async def draw(cell: str | None) -> Any:
        return report(ReportResult.model_validate(await client.result(cell)), cell) if cell else no_update


def report(result: ReportResult, cell: str) -> Component:
    """The count of verdicts, the cautions and the table of claims."""
    exports = figure.exports(TABLE, f"report-{cell[:8]}", data=f"/api/v1/cells/{cell}/result", pictures=False)
    head = html.Thead(html.Tr([html.Th(name) for name in ("Verdict", "Claim", "Found here", "Value", "Replicas")]))
    table = html.Table([head, html.Tbody([_row(claim) for claim in result.claims])], className="values claims")
    body = [
        dmc.Text(summary(result.claims), fw=600, mb="xs"),
        html.Div(table, className="scroll", id=TABLE),
        *(
            [html.Ul([html.Li(caution) for caution in result.cautions], className="cautions")]
            if result.cautions
            else []
        ),
    ]
    return figure.card("The paper's claims", body, exports, note=_NOTE)


def summary(claims: Sequence[Claim]) -> str:
    """How many claims got which verdict."""
    counts = Counter(claim.verdict for claim in claims)
    found = [(count, *_COUNTED[verdict]) for verdict in _VERDICTS if (count := counts[verdict])]
    words = [f"{count} {one if count == 1 else several}" for count, one, several in found]
    return f"{len(claims)} claims: {', '.join(words)}"


def verdict_badge(verdict: str) -> Component:
    """A verdict with its mark and its colour."""
    mark, colour = _VERDICTS[verdict]
    return dmc.Badge(f"{mark} {verdict}", color=colour, variant="light", size="lg", tt="none", miw="max-content")


def _row(claim: Claim) -> Component:
    value = "" if claim.value is None else scientific(claim.value)
    interval = [] if claim.interval is None else [html.Br(), interval_words(claim.interval)]
    return html.Tr(
        [
            html.Td(verdict_badge(claim.verdict)),
            html.Td([html.B(claim.claim), html.Small(claim.source)]),
            html.Td([claim.found, html.Small(f"Criterion: {claim.criterion}")]),
            html.Td([value, *interval], className="numbers"),
            html.Td(str(claim.num_replicas), className="numbers"),
        ]
    )
