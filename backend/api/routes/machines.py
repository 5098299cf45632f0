"""Machines: list, show, download; samples and couplings at any pruning level."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import Field

from backend.api.deps import (
    Filters,
    Id,
    Lab,
    OptionalId,
    Paging,
    accepted,
    accepted_responses,
    idempotency_key,
    link_next,
)
from backend.contracts.messages import CellAnswer, CouplingsRequest, Machine, MachineCurves, Page, SamplesRequest
from backend.services import machines, order
from backend.services.machine_curves import machine_curves
from backend.services.machine_parameters import Precision, compact_parameters

router = APIRouter(prefix="/machines", tags=["machines"])

BINARY = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
COUPLINGS_EXAMPLE = {"pruning": 0.9, "triples": [[100, 101, 102]]}
SAMPLES_EXAMPLE = {"pruning": 0.7, "generation": {"num_samples": 64, "gibbs_steps": 200}}


class MachineFilters(Paging):
    """Which machines."""

    origin: Literal["zoo", "trained", "imported"] | None = None
    study_id: OptionalId = None
    name: str | None = Field(None, max_length=200, description="Part of the name, in any case.")


class ParametersForm(Filters):
    """How exact the weights are."""

    precision: Precision = "lossless"


@router.get("", summary="List machines")
def list_machines(
    lab: Lab, filters: Annotated[MachineFilters, Query()], request: Request, response: Response
) -> Page[Machine]:
    """Machines, newest first."""
    page = machines.list_machines(
        lab, filters.cursor, filters.limit, filters.origin, filters.study_id, name=filters.name
    )
    link_next(request, response, page)
    return page


@router.get("/{machine_id}", summary="Show a machine")
def show_machine(lab: Lab, machine_id: Id) -> Machine:
    """Sizes, dilution, parameters, provenance and the digest of its file."""
    return machines.show_machine(lab, machine_id)


@router.get(
    "/{machine_id}/download",
    summary="Download a machine",
    response_class=Response,
    responses={200: {"content": BINARY}},
)
def download_machine(lab: Lab, machine_id: Id) -> Response:
    """Its safetensors file, checked against its digest."""
    headers = {
        "Content-Disposition": f'attachment; filename="{machine_id}.safetensors"',
        "Cache-Control": "private, max-age=31536000, immutable",
    }
    data = machines.machine_bytes(lab, machine_id)
    return Response(data, media_type="application/octet-stream", headers=headers)


@router.get(
    "/{machine_id}/parameters",
    summary="Parameters in a compact form",
    response_class=Response,
    responses={200: {"content": BINARY}},
)
def machine_parameters(lab: Lab, machine_id: Id, form: Annotated[ParametersForm, Query()]) -> Response:
    """Weights inside the mask, biases and mask, to be read by a page; the layout is in the reference."""
    compact = compact_parameters(lab, machine_id, form.precision)
    headers = {
        "ETag": f'"{compact.digest}-{form.precision}"',
        "Cache-Control": "private, max-age=31536000, immutable",
    }
    return Response(compact.data, media_type="application/octet-stream", headers=headers)


@router.get("/{machine_id}/curves", summary="Curves of a machine")
def curves_of_machine(lab: Lab, machine_id: Id) -> MachineCurves:
    """Every metric that was measured of this machine, against the pruning level."""
    return machine_curves(lab, machine_id)


@router.post(
    "/{machine_id}/samples",
    status_code=202,
    summary="Ask for samples",
    dependencies=[Depends(idempotency_key)],
    responses=accepted_responses("Follow Location until the cell is done, then fetch its `samples.png` or `.npy`."),
    openapi_extra={"requestBody": {"content": {"application/json": {"example": SAMPLES_EXAMPLE}}}},
)
def request_samples(lab: Lab, machine_id: Id, wanted: SamplesRequest, response: Response) -> CellAnswer:
    """Samples of the machine pruned to any level. Asking again gives the same samples, at once."""
    answer = order.order_samples(lab, machine_id, wanted)
    accepted(response, f"/cells/{answer.cell_id}")
    return answer


@router.post(
    "/{machine_id}/couplings",
    status_code=202,
    summary="Ask for effective couplings",
    dependencies=[Depends(idempotency_key)],
    responses=accepted_responses("Follow Location until the cell is done, then fetch its `artifact`."),
    openapi_extra={"requestBody": {"content": {"application/json": {"example": COUPLINGS_EXAMPLE}}}},
)
def request_couplings(lab: Lab, machine_id: Id, wanted: CouplingsRequest, response: Response) -> CellAnswer:
    """Fields and two-body couplings of the machine as an Ising model, and three-body ones of chosen triples."""
    answer = order.order_couplings(lab, machine_id, wanted)
    accepted(response, f"/cells/{answer.cell_id}")
    return answer
