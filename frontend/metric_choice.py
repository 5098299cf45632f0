"""Which metric a figure shows, and in which order they are offered."""

from collections.abc import Sequence

from backend.client import AsyncClient
from backend.contracts.catalogue import NO_JUDGE
from backend.contracts.messages import Curves, MachineCurves, MetricInfo, Study

PAPER = "paper"
"""Asked for instead of a metric: the four of the paper, each in a panel of its own."""
FEW_REPLICAS = 12
"""Replicas that are listed where single ones are not drawn: for the samples, and for a way to a machine."""
_FIRST = ("quality", "second_moment_error", "adversarial_accuracy_error", "digit_imbalance")


def offered(curves: Curves | MachineCurves) -> list[MetricInfo]:
    """The metrics that have values: those of the paper first, then their parts, then others by name."""
    return sorted(curves.metrics, key=lambda info: place(info.name))


def shown(asked: str | None, metrics: Sequence[MetricInfo]) -> list[MetricInfo]:
    """The metrics that a figure shows: `chosen`, or for `PAPER` those of the paper that have values."""
    paper = of_paper(metrics) if asked == PAPER else []
    one = chosen(asked, metrics)
    return paper or ([one] if one else [])


def of_paper(metrics: Sequence[MetricInfo]) -> list[MetricInfo]:
    """The metrics of the paper among those that have values."""
    return [info for info in metrics if info.name in _FIRST]


def likely(asked: str | None, study: Study) -> str:
    """The metric that a study's figures show, told without its values: a study without a judge has no quality."""
    judged = study.parameters.get("judge", NO_JUDGE) != NO_JUDGE
    return asked or (_FIRST[0] if judged else _FIRST[1])


def chosen(asked: str | None, metrics: Sequence[MetricInfo]) -> MetricInfo | None:
    """The metric that is asked for if it has values, else the first that has."""
    return next((info for info in metrics if info.name == asked), metrics[0] if metrics else None)


async def curves_of(client: AsyncClient, study_id: str, asked: str | None, *, replicas: bool = False) -> Curves:
    """The curves of the metrics that are asked for if they have values, else of the first that has; of no other.

    `replicas`: every replica at each point, not only the first ones.
    """
    most = None if replicas else FEW_REPLICAS
    wanted = named(asked or _FIRST[0])
    curves = await client.curves(study_id, metric=wanted, max_replicas=most)
    found = [info.name for info in shown(asked, offered(curves))]
    if found and not set(found) <= set(wanted):
        curves = await client.curves(study_id, metric=found, max_replicas=most)
    return curves


def named(asked: str) -> tuple[str, ...]:
    """The names of the metrics that are meant."""
    return _FIRST if asked == PAPER else (asked,)


def place(name: str) -> tuple[int, str]:
    """What metrics are sorted by."""
    return (_FIRST.index(name) if name in _FIRST else len(_FIRST), name)
