"""Which metric a figure shows, and in which order they are offered."""

from collections.abc import Sequence

from backend.contracts.messages import Curves, MetricInfo

_FIRST = ("quality", "second_moment_error", "adversarial_accuracy_error", "digit_imbalance")


def offered(curves: Curves) -> list[MetricInfo]:
    """The metrics that have values: those of the paper first, then their parts, then others by name."""
    measured = {series.metric for series in curves.series if series.points}
    return sorted((info for info in curves.metrics if info.name in measured), key=_place)


def chosen(asked: str | None, metrics: Sequence[MetricInfo]) -> MetricInfo | None:
    """The metric that is asked for if it has values, else the first that has."""
    return next((info for info in metrics if info.name == asked), metrics[0] if metrics else None)


def _place(info: MetricInfo) -> tuple[int, str]:
    return (_FIRST.index(info.name) if info.name in _FIRST else len(_FIRST), info.name)
