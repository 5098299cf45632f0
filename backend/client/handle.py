"""A study as a script holds it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from backend.client.calls import CurveKind, Metrics
from backend.contracts.messages import Curves, Study
from backend.contracts.states import CellState

if TYPE_CHECKING:
    import pandas as pd

    from backend.client.synchronous import Client


class StudyHandle:
    """A study and what one does with it.

    Attributes:
        id: the study's id.
        last_seen: the study as it was last fetched.
    """

    def __init__(self, client: Client, study: Study) -> None:
        self._client = client
        self.id = study.id
        self.last_seen = study

    def __repr__(self) -> str:
        return f"<StudyHandle {self.id} {self.last_seen.name!r} {self.last_seen.state}>"

    def refresh(self) -> Study:
        """The study as it is now."""
        self.last_seen = self._client.study(self.id)
        return self.last_seen

    def wait(self, timeout: float | None = None, *, check: bool = True) -> Study:
        """Wait until the study is finished.

        Args:
            timeout: seconds; None waits for ever.
            check: raise when the study failed or was cancelled.

        Raises:
            WaitTimeout: not finished in time.
            StudyNotDone: failed or cancelled, and `check`.
        """
        self.last_seen = self._client.wait(self.id, timeout, check=check)
        return self.last_seen

    def curves(self, kind: CurveKind = "pruning", metric: Metrics = None) -> Curves:
        """Mean, spread and single replicas, against pruning level or training update; of some metrics, or of all."""
        return self._client.curves(self.id, kind, metric)

    def to_csv(self, kind: CurveKind = "pruning") -> str:
        """The curves as CSV."""
        return self._client.curves_csv(self.id, kind)

    def to_dataframe(self, kind: CurveKind = "pruning") -> pd.DataFrame:
        """The curves as a table: one row for each replica, metric and point."""
        return dataframe(self.curves(kind))

    def result(self, analysis: str) -> dict[str, Any]:
        """What an analysis of the study found, for instance `collapse`.

        Raises:
            LookupError: the study has no such analysis, or it is not done yet.
        """
        known = self._client.analyses(self.id)
        for one in known:
            if one.analysis == analysis and one.state == CellState.DONE:
                return self._client.result(one.cell_id)
        states = ", ".join(f"{one.analysis} ({one.state})" for one in known) or "none"
        raise LookupError(f"the study has no result of {analysis!r} now; its analyses: {states}")

    def cancel(self) -> Study:
        """Cancel what is not done yet; a second call changes nothing."""
        self.last_seen = self._client.cancel_study(self.id)
        return self.last_seen

    def retry(self) -> Study:
        """Run only what is missing or failed."""
        self.last_seen = self._client.retry_study(self.id)
        return self.last_seen

    def delete(self) -> None:
        """Delete the study; machines that it trained stay."""
        self._client.delete_study(self.id)


def dataframe(curves: Curves) -> pd.DataFrame:
    """Curves as a table: one row for each replica, metric and point.

    Raises:
        ImportError: pandas is not installed.
    """
    try:
        import pandas as pd
    except ImportError as error:
        raise ImportError("to_dataframe() needs pandas: pip install 'dilution-lab[dataframe]'") from error
    axis = "pruning" if curves.kind == "pruning" else "update"
    place = ["metric", "machine_class", "initial_dilution", "pruned_to", axis, "replica"]
    columns = [*place, "value", "low", "high", "cell_id", "machine_id"]
    rows = [
        (
            one.metric,
            one.machine_class,
            one.initial_dilution,
            one.pruned_to,
            point.x,
            each.replica,
            each.value,
            each.low,
            each.high,
            each.cell_id,
            each.machine_id,
        )
        for one in curves.series
        for point in one.points
        for each in point.replicas
    ]
    return pd.DataFrame(rows, columns=columns)
