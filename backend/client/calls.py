"""Every call of the API as data: method, path, parameters, and how its answer is read.

Both clients send these, so that each route is spelled once.
"""

import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, TypeVar
from urllib.parse import quote

import httpx
import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter

from backend.contracts import messages as m
from backend.contracts.catalogue import DatasetEntry, Entry, JudgeEntry, MetricEntry

PREFIX = "/api/v1"
Answer = TypeVar("Answer")
CurveKind = Literal["pruning", "training"]
Metrics = str | Sequence[str] | None
Query = str | Sequence[str] | float | None
Precision = Literal["lossless", "float16"]
Reader = Callable[[httpx.Response], Answer]


@dataclass(frozen=True)
class Call(Generic[Answer]):
    """One request and the type of its answer."""

    method: str
    path: str
    read: Reader[Answer]
    query: Mapping[str, Query] = field(default_factory=dict)
    body: Mapping[str, Any] | bytes | None = None
    accept: str = "application/json"

    def build(self, client: httpx.Client | httpx.AsyncClient) -> httpx.Request:
        """The request as `client` would send it (its address, its headers, its timeouts)."""
        headers = {"Accept": f"{self.accept}, application/problem+json;q=0.9"}
        content: str | bytes | None = None
        if isinstance(self.body, bytes):
            content = self.body
            headers["Content-Type"] = "application/octet-stream"
        elif self.body is not None:
            content = json.dumps(self.body)
            headers["Content-Type"] = "application/json"
        query = {name: value for name, value in self.query.items() if value is not None}
        return client.build_request(self.method, PREFIX + self.path, params=query, content=content, headers=headers)


def _json(kind: Any) -> Reader[Any]:
    adapter = TypeAdapter(kind)
    return lambda response: adapter.validate_json(response.content)


def _nothing(response: httpx.Response) -> None:
    return None


def _samples(response: httpx.Response) -> NDArray[np.uint8]:
    array: NDArray[np.uint8] = np.load(io.BytesIO(response.content), allow_pickle=False)
    return array


def _get(path: str, answer: Any, **query: Query) -> Call[Any]:
    return Call("GET", path, _json(answer), query)


def _post(path: str, answer: Any, body: Mapping[str, Any] | None = None) -> Call[Any]:
    return Call("POST", path, _json(answer), body=body)


def _id(value: str) -> str:
    return quote(value, safe="")


def given(**fields: Any) -> dict[str, Any]:
    """The fields that were given: what is None is left to the API, which alone validates."""
    return {name: value for name, value in fields.items() if value is not None}


def create_study(study: Mapping[str, Any]) -> Call[m.Study]:
    """Submit a study."""
    return _post("/studies", m.Study, study)


def estimate_study(study: Mapping[str, Any]) -> Call[m.Estimate]:
    """What a study would cost."""
    return _post("/studies/estimate", m.Estimate, study)


def studies(cursor: str | None, limit: int, state: str | None) -> Call[m.Page[m.Study]]:
    """One page of studies."""
    return _get("/studies", m.Page[m.Study], cursor=cursor, limit=limit, state=state)


def study(study_id: str) -> Call[m.Study]:
    """One study."""
    return _get(f"/studies/{_id(study_id)}", m.Study)


def cancel_study(study_id: str) -> Call[m.Study]:
    """Cancel a study's jobs."""
    return _post(f"/studies/{_id(study_id)}/cancel", m.Study)


def retry_study(study_id: str) -> Call[m.Study]:
    """Run what is missing or failed."""
    return _post(f"/studies/{_id(study_id)}/retry", m.Study)


def delete_study(study_id: str) -> Call[None]:
    """Delete a study."""
    return Call("DELETE", f"/studies/{_id(study_id)}", _nothing)


def study_types() -> Call[list[m.StudyTypeInfo]]:
    """Study types with schemas and presets."""
    return _get("/study-types", list[m.StudyTypeInfo])


def curves(study_id: str, kind: CurveKind, metric: Metrics, max_replicas: int | None) -> Call[m.Curves]:
    """Curves over the replicas."""
    return _get(f"/studies/{_id(study_id)}/curves", m.Curves, kind=kind, metric=metric, max_replicas=max_replicas)


def curves_csv(study_id: str, kind: CurveKind) -> Call[str]:
    """The same curves as CSV."""
    path = f"/studies/{_id(study_id)}/curves.csv"
    return Call("GET", path, lambda response: response.text, {"kind": kind}, accept="text/csv")


def analyses(study_id: str) -> Call[list[m.Analysis]]:
    """What is read from a study's cells."""
    return _get(f"/studies/{_id(study_id)}/analyses", list[m.Analysis])


def result(cell_id: str) -> Call[dict[str, Any]]:
    """The result of an analysis."""
    return _get(f"/cells/{_id(cell_id)}/result", dict[str, Any])


def cells(study_id: str, cursor: str | None, limit: int, kind: str | None) -> Call[m.Page[m.CellSummary]]:
    """One page of a study's cells."""
    path = f"/studies/{_id(study_id)}/cells"
    return _get(path, m.Page[m.CellSummary], cursor=cursor, limit=limit, kind=kind)


def cell(cell_id: str) -> Call[m.Cell]:
    """One cell."""
    return _get(f"/cells/{_id(cell_id)}", m.Cell)


def samples(cell_id: str) -> Call[NDArray[np.uint8]]:
    """A cell's samples, of shape (num_samples, num_visible)."""
    return Call("GET", f"/cells/{_id(cell_id)}/samples.npy", _samples, accept="application/octet-stream")


def jobs(cursor: str | None, limit: int, state: str | None, study_id: str | None) -> Call[m.Page[m.Job]]:
    """One page of jobs."""
    return _get("/jobs", m.Page[m.Job], cursor=cursor, limit=limit, state=state, study_id=study_id)


def job(job_id: str) -> Call[m.Job]:
    """One job."""
    return _get(f"/jobs/{_id(job_id)}", m.Job)


def cancel_job(job_id: str) -> Call[m.Job]:
    """Cancel one job."""
    return _post(f"/jobs/{_id(job_id)}/cancel", m.Job)


def retry_job(job_id: str) -> Call[m.Job]:
    """Run the missing cells of a failed or cancelled job in a new one."""
    return _post(f"/jobs/{_id(job_id)}/retry", m.Job)


def retry_jobs(state: str, study_id: str | None) -> Call[m.JobsRetried]:
    """Run what failed or cancelled jobs left open."""
    return _post("/jobs/retry", m.JobsRetried, given(state=state, study_id=study_id))


def job_log(job_id: str) -> Call[list[m.LogLine]]:
    """What a job said."""
    return _get(f"/jobs/{_id(job_id)}/log", list[m.LogLine])


def machines(cursor: str | None, limit: int, which: Mapping[str, Any]) -> Call[m.MachinePage]:
    """One page of machines."""
    return _get("/machines", m.MachinePage, cursor=cursor, limit=limit, **which)


def import_machine(data: bytes, name: str | None) -> Call[m.Machine]:
    """Put a machine from a safetensors file on the shelf."""
    return Call("POST", "/machines", _json(m.Machine), {"name": name}, body=data)


def delete_machine(machine_id: str, with_dependants: bool) -> Call[None]:
    """Delete a machine."""
    query = {"with_dependants": "true" if with_dependants else None}
    return Call("DELETE", f"/machines/{_id(machine_id)}", _nothing, query)


def machine_dependants(machine_id: str) -> Call[m.Dependants]:
    """What uses a machine."""
    return _get(f"/machines/{_id(machine_id)}/dependants", m.Dependants)


def machine_lineage(machine_id: str) -> Call[m.Lineage]:
    """A machine's ancestors and children."""
    return _get(f"/machines/{_id(machine_id)}/lineage", m.Lineage)


def machine_training(machine_id: str) -> Call[m.MachineTraining]:
    """What was recorded while a machine was trained."""
    return _get(f"/machines/{_id(machine_id)}/training", m.MachineTraining)


def machine_filters(machine_id: str, layout: Mapping[str, Any]) -> Call[bytes]:
    """A picture of the receptive fields."""
    path = f"/machines/{_id(machine_id)}/filters.png"
    return Call("GET", path, lambda response: response.content, layout, accept="image/png")


def machine(machine_id: str) -> Call[m.Machine]:
    """One machine."""
    return _get(f"/machines/{_id(machine_id)}", m.Machine)


def download_machine(machine_id: str) -> Call[bytes]:
    """A machine's safetensors file."""
    path = f"/machines/{_id(machine_id)}/download"
    return Call("GET", path, lambda response: response.content, accept="application/octet-stream")


def machine_parameters(machine_id: str, precision: Precision) -> Call[bytes]:
    """A machine's parameters in the compact form."""
    path = f"/machines/{_id(machine_id)}/parameters"
    query = {"precision": precision}
    return Call("GET", path, lambda response: response.content, query, accept="application/octet-stream")


def machine_curves(machine_id: str) -> Call[m.MachineCurves]:
    """All that was measured of a machine."""
    return _get(f"/machines/{_id(machine_id)}/curves", m.MachineCurves)


def request_samples(machine_id: str, request: Mapping[str, Any]) -> Call[m.CellAnswer]:
    """Ask for samples at a pruning level."""
    return _post(f"/machines/{_id(machine_id)}/samples", m.CellAnswer, request)


def request_couplings(machine_id: str, request: Mapping[str, Any]) -> Call[m.CellAnswer]:
    """Ask for the effective couplings of a machine."""
    return _post(f"/machines/{_id(machine_id)}/couplings", m.CellAnswer, request)


def artifact(cell_id: str) -> Call[bytes]:
    """What a cell holds, as it is stored."""
    return Call("GET", f"/cells/{_id(cell_id)}/artifact", lambda response: response.content)


def workers() -> Call[list[m.Worker]]:
    """Worker processes."""
    return _get("/workers", list[m.Worker])


def datasets() -> Call[list[DatasetEntry]]:
    """Data sets."""
    return _get("/datasets", list[DatasetEntry])


def metrics() -> Call[list[MetricEntry]]:
    """Metrics with units, formulas and sources."""
    return _get("/metrics", list[MetricEntry])


def judges() -> Call[list[JudgeEntry]]:
    """Judges that come with the laboratory."""
    return _get("/judges", list[JudgeEntry])


def pruning_rules() -> Call[list[Entry]]:
    """Pruning rules."""
    return _get("/pruning-rules", list[Entry])


def health() -> Call[m.Health]:
    """Whether each part answers."""
    return _get("/health", m.Health)
