"""The client for services and pages: the same methods, awaited."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any, Self, TypeVar

import httpx
import numpy as np
from numpy.typing import NDArray

from backend.client import calls, retrying
from backend.client.calls import Call, CurveKind, Precision
from backend.client.errors import StudyNotDone, WaitTimeout
from backend.client.events import PATH, RECONNECT_SECONDS, ReceivedEvent, StreamParser
from backend.client.settings import DEFAULT_URL, TIMEOUT, headers, poll_seconds, stream_options
from backend.contracts import messages as m
from backend.contracts.catalogue import DatasetEntry, Entry, JudgeEntry, MetricEntry
from backend.contracts.parameters import GenerationParameters
from backend.contracts.states import FINAL_STUDY_STATES, StudyState

Answer = TypeVar("Answer")


class AsyncClient:
    """Talks to a laboratory. Use it with `async with`, or await `close()`.

    Args:
        base_url: where the laboratory answers.
        token: bearer token, if it asks for one.
        retries: how often a request is sent again after a broken connection or 429, 502, 503, 504.
        transport: another way to send requests, such as into an application in this process.

    Every method raises `ApiError` when the API refuses and `ConnectionFailed` when nothing answers.
    """

    def __init__(
        self,
        base_url: str = DEFAULT_URL,
        token: str | None = None,
        *,
        retries: int = 3,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._retries = retries
        self._http = httpx.AsyncClient(base_url=base_url, headers=headers(token), timeout=TIMEOUT, transport=transport)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def _send(self, call: Call[Answer]) -> Answer:
        request = retrying.keyed(call.build(self._http))
        attempt = 0
        while True:
            try:
                response = await self._http.send(request)
                delay = retrying.delay_after_answer(response, attempt, self._retries)
                if delay is None:
                    return call.read(retrying.accepted(response))
            except httpx.TransportError as error:
                delay = retrying.delay_after_failure(request, error, attempt, self._retries)
            await asyncio.sleep(delay)
            attempt += 1

    async def create_study(
        self,
        name: str,
        type: str = "dilution-sweep",
        preset: str | None = None,
        parameters: dict[str, Any] | None = None,
    ) -> m.Study:
        """Submit a study: `parameters` are laid over `preset` (see `study_types()`)."""
        study = calls.given(name=name, type=type, preset=preset, parameters=parameters)
        return await self._send(calls.create_study(study))

    async def estimate_study(
        self,
        name: str,
        type: str = "dilution-sweep",
        preset: str | None = None,
        parameters: dict[str, Any] | None = None,
    ) -> m.Estimate:
        """What the study would cost, without submitting it."""
        study = calls.given(name=name, type=type, preset=preset, parameters=parameters)
        return await self._send(calls.estimate_study(study))

    async def studies(
        self, cursor: str | None = None, limit: int = 50, state: StudyState | str | None = None
    ) -> m.Page[m.Study]:
        """One page of studies, newest first."""
        return await self._send(calls.studies(cursor, limit, state))

    async def study(self, study_id: str) -> m.Study:
        """One study."""
        return await self._send(calls.study(study_id))

    async def wait(self, study_id: str, timeout: float | None = None, *, check: bool = True) -> m.Study:
        """Wait until the study is finished; see `StudyHandle.wait`."""
        started = time.monotonic()
        while True:
            study = await self.study(study_id)
            if study.state in FINAL_STUDY_STATES:
                if check and study.state is not StudyState.DONE:
                    raise StudyNotDone(study)
                return study
            elapsed = time.monotonic() - started
            if timeout is not None and elapsed >= timeout:
                raise WaitTimeout(study, timeout)
            await asyncio.sleep(poll_seconds(elapsed, timeout))

    async def cancel_study(self, study_id: str) -> m.Study:
        """Cancel what is not done yet and no other study needs."""
        return await self._send(calls.cancel_study(study_id))

    async def retry_study(self, study_id: str) -> m.Study:
        """Run only what is missing or failed."""
        return await self._send(calls.retry_study(study_id))

    async def delete_study(self, study_id: str) -> None:
        """Delete a study, with the machines that nothing else uses."""
        await self._send(calls.delete_study(study_id))

    async def study_types(self) -> list[m.StudyTypeInfo]:
        """Study types: JSON Schema of their parameters, and presets."""
        return await self._send(calls.study_types())

    async def curves(
        self,
        study_id: str,
        kind: CurveKind = "pruning",
        metric: calls.Metrics = None,
        max_replicas: int | None = None,
    ) -> m.Curves:
        """Curves over the replicas; of one metric or of some, and with at most so many replicas listed at a point."""
        return await self._send(calls.curves(study_id, kind, metric, max_replicas))

    async def curves_csv(self, study_id: str, kind: CurveKind = "pruning") -> str:
        """The same curves as CSV."""
        return await self._send(calls.curves_csv(study_id, kind))

    async def analyses(self, study_id: str) -> list[m.Analysis]:
        """What is read from a study's cells: spectra, collapse, comparisons and the like."""
        return await self._send(calls.analyses(study_id))

    async def result(self, cell_id: str) -> dict[str, Any]:
        """The result of an analysis that is done; see `backend.contracts.results` for its model."""
        return await self._send(calls.result(cell_id))

    async def cells(
        self, study_id: str, cursor: str | None = None, limit: int = 50, kind: str | None = None
    ) -> m.Page[m.CellSummary]:
        """One page of a study's cells, in the order of its grid."""
        return await self._send(calls.cells(study_id, cursor, limit, kind))

    async def cell(self, cell_id: str) -> m.Cell:
        """One cell."""
        return await self._send(calls.cell(cell_id))

    async def samples(self, cell_id: str) -> NDArray[np.uint8]:
        """A cell's samples: 0 and 1, of shape (num_samples, num_visible)."""
        return await self._send(calls.samples(cell_id))

    async def jobs(
        self,
        cursor: str | None = None,
        limit: int = 50,
        state: str | None = None,
        study_id: str | None = None,
    ) -> m.Page[m.Job]:
        """One page of jobs, newest first."""
        return await self._send(calls.jobs(cursor, limit, state, study_id))

    async def job(self, job_id: str) -> m.Job:
        """One job."""
        return await self._send(calls.job(job_id))

    async def cancel_job(self, job_id: str) -> m.Job:
        """Cancel one job; a worker that runs it stops within seconds."""
        return await self._send(calls.cancel_job(job_id))

    async def retry_job(self, job_id: str) -> m.Job:
        """Run a failed or cancelled job's missing cells in a new job."""
        return await self._send(calls.retry_job(job_id))

    async def retry_jobs(self, state: str = "failed", study_id: str | None = None) -> m.JobsRetried:
        """Run what all failed (or cancelled) jobs left open, in all studies or in one."""
        return await self._send(calls.retry_jobs(state, study_id))

    async def job_log(self, job_id: str) -> list[m.LogLine]:
        """What a job said, oldest first."""
        return await self._send(calls.job_log(job_id))

    async def machines(
        self,
        cursor: str | None = None,
        limit: int = 50,
        origin: str | None = None,
        study_id: str | None = None,
        name: str | None = None,
        **which: Any,
    ) -> m.MachinePage:
        """One page of machines, newest first; `name`: a part of it, in any case.

        `which`: any other parameter of the route, such as `sort`, `order`, `search` or `dilution_min`.
        """
        return await self._send(
            calls.machines(cursor, limit, calls.given(origin=origin, study_id=study_id, name=name, **which))
        )

    async def import_machine(self, file: bytes | Path, name: str | None = None) -> m.Machine:
        """Put a machine from a safetensors file on the shelf; a file that is there gives the machine that has it."""
        data = file if isinstance(file, bytes) else file.read_bytes()
        return await self._send(calls.import_machine(data, name))

    async def delete_machine(self, machine_id: str, *, with_dependants: bool = False) -> None:
        """Delete a machine. Without `with_dependants` it is refused while studies or other machines use it."""
        await self._send(calls.delete_machine(machine_id, with_dependants))

    async def machine_dependants(self, machine_id: str) -> m.Dependants:
        """What uses a machine: jobs, studies, machines that descend from it."""
        return await self._send(calls.machine_dependants(machine_id))

    async def machine_lineage(self, machine_id: str) -> m.Lineage:
        """The machines from which it descends, and those that began from it."""
        return await self._send(calls.machine_lineage(machine_id))

    async def machine_training(self, machine_id: str) -> m.MachineTraining:
        """What was recorded at the updates of its training."""
        return await self._send(calls.machine_training(machine_id))

    async def machine_filters(self, machine_id: str, **layout: Any) -> bytes:
        """A PNG of its receptive fields; `layout`: parameters of the route, such as `order`, `first`, `count`."""
        return await self._send(calls.machine_filters(machine_id, layout))

    async def machine(self, machine_id: str) -> m.Machine:
        """One machine."""
        return await self._send(calls.machine(machine_id))

    async def download_machine(self, machine_id: str) -> bytes:
        """A machine's safetensors file."""
        return await self._send(calls.download_machine(machine_id))

    async def machine_parameters(self, machine_id: str, precision: Precision = "lossless") -> bytes:
        """Weights inside the mask, biases and mask in the compact form of the HTTP reference."""
        return await self._send(calls.machine_parameters(machine_id, precision))

    async def machine_curves(self, machine_id: str) -> m.MachineCurves:
        """Every metric that was measured of a machine, against the pruning level."""
        return await self._send(calls.machine_curves(machine_id))

    async def request_samples(
        self,
        machine_id: str,
        pruning: float | None = None,
        pruning_rule: str = "magnitude",
        generation: GenerationParameters | None = None,
    ) -> m.CellAnswer:
        """Ask for samples of a machine at a pruning level.

        Poll `cell()` until it is done, then fetch `samples()`.
        """
        request = calls.given(
            pruning=pruning,
            pruning_rule=pruning_rule,
            generation=generation and generation.model_dump(),
        )
        return await self._send(calls.request_samples(machine_id, request))

    async def request_couplings(
        self,
        machine_id: str,
        pruning: float | None = None,
        pruning_rule: str = "magnitude",
        triples: Sequence[Sequence[int]] = (),
    ) -> m.CellAnswer:
        """Ask for the effective fields and couplings of a machine.

        Poll `cell()` until it is done, then fetch `artifact()`: a safetensors file.
        """
        request = calls.given(pruning=pruning, pruning_rule=pruning_rule, triples=[list(one) for one in triples])
        return await self._send(calls.request_couplings(machine_id, request))

    async def artifact(self, cell_id: str) -> bytes:
        """What a cell holds, as it is stored: samples, a result, couplings or a judge."""
        return await self._send(calls.artifact(cell_id))

    async def workers(self) -> list[m.Worker]:
        """Worker processes, dead ones for a while too."""
        return await self._send(calls.workers())

    async def datasets(self) -> list[DatasetEntry]:
        """Data sets that machines can learn."""
        return await self._send(calls.datasets())

    async def metrics(self) -> list[MetricEntry]:
        """Metrics with units, formulas and sources."""
        return await self._send(calls.metrics())

    async def pruning_rules(self) -> list[Entry]:
        """Pruning rules."""
        return await self._send(calls.pruning_rules())

    async def judges(self) -> list[JudgeEntry]:
        """Judges that come with the laboratory."""
        return await self._send(calls.judges())

    async def health(self) -> m.Health:
        """Whether each part answers."""
        return await self._send(calls.health())

    async def events(self, last_event_id: str = "") -> AsyncIterator[ReceivedEvent]:
        """What changes, as it changes; connects again by itself and continues where it was."""
        parser = StreamParser(last_event_id)
        while True:
            try:
                asked, timeout = stream_options(parser.last_id)
                async with self._http.stream("GET", PATH, headers=asked, timeout=timeout) as response:
                    if not response.is_success:
                        await response.aread()
                    async for line in retrying.accepted(response).aiter_lines():
                        for event in parser.feed(line):
                            yield event
            except httpx.TransportError:
                parser = StreamParser(parser.last_id)
            await asyncio.sleep(RECONNECT_SECONDS)
