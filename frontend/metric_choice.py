"""Which metric a figure shows, and in which order they are offered."""

from collections.abc import Sequence

from backend.client import AsyncClient
from backend.contracts.catalogue import NO_JUDGE
from backend.contracts.messages import Curves, MetricInfo, Study

FEW_REPLICAS = 12
"""Replicas that are listed where single ones are not drawn: for the samples, and for a way to a machine."""
_FIRST = ("quality", "second_moment_error", "adversarial_accuracy_error", "digit_imbalance")


def offered(curves: Curves) -> list[MetricInfo]:
    """The metrics that have values: those of the paper first, then their parts, then others by name."""
    return sorted(curves.metrics, key=_place)


def likely(asked: str | None, study: Study) -> str:
    """The metric that a study's figures show, told without its values: a study without a judge has no quality."""
    judged = study.parameters.get("judge", NO_JUDGE) != NO_JUDGE
    return asked or (_FIRST[0] if judged else _FIRST[1])


def chosen(asked: str | None, metrics: Sequence[MetricInfo]) -> MetricInfo | None:
    """The metric that is asked for if it has values, else the first that has."""
    return next((info for info in metrics if info.name == asked), metrics[0] if metrics else None)


async def curves_of(client: AsyncClient, study_id: str, asked: str | None, *, replicas: bool = False) -> Curves:
    """The curves of the metric that is asked for if it has values, else of the first that has; of no other.

    `replicas`: every replica at each point, not only the first ones.
    """
    most = None if replicas else FEW_REPLICAS
    curves = await client.curves(study_id, metric=asked or _FIRST[0], max_replicas=most)
    metric = chosen(asked, offered(curves))
    if metric is not None and metric.name != (asked or _FIRST[0]):
        curves = await client.curves(study_id, metric=metric.name, max_replicas=most)
    return curves


def _place(info: MetricInfo) -> tuple[int, str]:
    return (_FIRST.index(info.name) if info.name in _FIRST else len(_FIRST), info.name)
