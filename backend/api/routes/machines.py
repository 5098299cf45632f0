"""Machines: list, import, show, download, delete; samples and couplings at any pruning level."""

from typing import Annotated, Literal

from anyio.to_thread import run_sync
from fastapi import APIRouter, Depends, HTTPException, Query, Request, Response
from pydantic import Field

from backend.api.deps import (
    FOR_EVER,
    PREFIX,
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
from backend.api.pictures import fields_sheet
from backend.api.shared_answers import SharedRoute
from backend.contracts.messages import (
    CellAnswer,
    CouplingsRequest,
    Dependants,
    Lineage,
    Machine,
    MachineCurves,
    MachinePage,
    MachineTraining,
    SamplesRequest,
)
from backend.contracts.parameters import Fraction
from backend.services import delete_machine as deletion
from backend.services import machine_lineage, machines, order
from backend.services.import_machine import LONGEST_NAME, import_machine
from backend.services.machine_curves import machine_curves
from backend.services.machine_filters import FilterOrder, hidden_filters
from backend.services.machine_parameters import Precision, compact_parameters
from backend.storage.repositories.machines import MachineFilter, MachineOrder, SortKey

router = APIRouter(prefix="/machines", tags=["machines"], route_class=SharedRoute)

BINARY = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
COUPLINGS_EXAMPLE = {"pruning": 0.9, "triples": [[100, 101, 102]]}
SAMPLES_EXAMPLE = {"pruning": 0.7, "generation": {"num_samples": 64, "gibbs_steps": 200}}


IMPORT_BODY = {
    "required": True,
    "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
}
_NO_FILES = ("multipart/form-data", "application/x-www-form-urlencoded", "application/json")


class MachineFilters(Paging):
    """Which machines, and in which order."""

    origin: Literal["zoo", "trained", "imported"] | None = None
    study_id: OptionalId = None
    name: str | None = Field(None, max_length=200, description="Part of the name, in any case.")
    search: str | None = Field(
        None, max_length=200, description="Words that all are in the machine's or its study's name, in any case."
    )
    machine_class: str | None = Field(None, max_length=50, pattern=r"^[a-z_]+$", description="How it was made.")
    first_dilution_min: Fraction | None = Field(None, description="Least p0 of the first machine of its line.")
    first_dilution_max: Fraction | None = Field(None, description="Greatest p0 of the first machine of its line.")
    dilution_min: Fraction | None = Field(None, description="Least fraction of its weights outside the mask.")
    dilution_max: Fraction | None = Field(None, description="Greatest fraction of its weights outside the mask.")
    sort: SortKey = "created"
    order: Literal["asc", "desc"] = "desc"
    skip: int = Field(0, ge=0, le=10_000_000, description="Machines to leave out first, instead of a cursor.")

    def which(self) -> MachineFilter:
        """The filter in the words of the storage."""
        return MachineFilter(
            origin=self.origin,
            study_id=self.study_id,
            name=self.name,
            search=self.search,
            machine_class=self.machine_class,
            first_dilution=(self.first_dilution_min, self.first_dilution_max),
            dilution=(self.dilution_min, self.dilution_max),
        )


class ParametersForm(Filters):
    """How exact the weights are."""

    precision: Precision = "lossless"


class ImportName(Filters):
    """What to call an imported machine."""

    name: str | None = Field(None, max_length=LONGEST_NAME, description="Else the `name` in the file's metadata.")


class FiltersLayout(Filters):
    """Which hidden units, and how the sheet looks."""

    order: FilterOrder = Field("norm", description="Largest norm of the weights first, or as in the file.")
    first: int = Field(0, ge=0, le=10_000_000, description="Place of the first unit in that order.")
    count: int = Field(100, ge=1, le=1000, description="Units at most.")
    columns: int = Field(20, ge=1, le=100, description="Units in a row.")
    scale: int = Field(1, ge=1, le=8, description="Pixels for one weight.")


class Deletion(Filters):
    """What else may go."""

    with_dependants: bool = Field(
        False, description="Delete the machines that descend from it too, and empty its places in studies."
    )


@router.get("", summary="List machines")
def list_machines(
    lab: Lab, filters: Annotated[MachineFilters, Query()], request: Request, response: Response
) -> MachinePage:
    """Machines, newest first unless asked otherwise, and how many there are in all."""
    by = MachineOrder(filters.sort, filters.order == "desc")
    page = machines.list_machines(lab, filters.cursor, filters.limit, filters.which(), by, skip=filters.skip)
    link_next(request, response, page)
    return page


@router.post(
    "",
    status_code=201,
    summary="Import a machine",
    dependencies=[Depends(idempotency_key)],
    responses={
        200: {"model": Machine, "description": "The file is here already: the machine that has it."},
        201: {"headers": {"Location": {"description": "Where it is.", "schema": {"type": "string"}}}},
    },
    openapi_extra={"requestBody": IMPORT_BODY},
)
async def import_file(
    lab: Lab, called: Annotated[ImportName, Query()], request: Request, response: Response
) -> Machine:
    """A safetensors file as the body; every fault of it is named. Sent again, it gives the same machine."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind in _NO_FILES:
        detail = f"the body is {kind}: send the safetensors file itself, as application/octet-stream"
        raise HTTPException(415, detail)
    data = await request.body()
    machine, is_new = await run_sync(import_machine, lab, data, called.name)
    response.status_code = 201 if is_new else 200
    response.headers["Location"] = f"{PREFIX}/machines/{machine.id}"
    return machine


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
        **FOR_EVER,
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
    headers = {"ETag": f'"{compact.digest}-{form.precision}"', **FOR_EVER}
    return Response(compact.data, media_type="application/octet-stream", headers=headers)


@router.get("/{machine_id}/curves", summary="Curves of a machine")
def curves_of_machine(lab: Lab, machine_id: Id) -> MachineCurves:
    """Every metric that was measured of this machine, against the pruning level."""
    return machine_curves(lab, machine_id)


@router.get("/{machine_id}/lineage", summary="Line of a machine")
def lineage(lab: Lab, machine_id: Id) -> Lineage:
    """The machines from which it descends, and those that began from it, pruned."""
    return machine_lineage.lineage(lab, machine_id)


@router.get("/{machine_id}/training", summary="Training of a machine")
def training(lab: Lab, machine_id: Id) -> MachineTraining:
    """What was recorded at the updates of its training; nothing for a machine from the zoo or from a file."""
    return machine_lineage.training(lab, machine_id)


@router.get(
    "/{machine_id}/filters.png",
    summary="Receptive fields as a picture",
    response_class=Response,
    responses={200: {"content": {"image/png": {"schema": {"type": "string", "format": "binary"}}}}},
)
def filters_png(lab: Lab, machine_id: Id, layout: Annotated[FiltersLayout, Query()]) -> Response:
    """The weights of hidden units: positive orange, negative blue, 0 transparent, each by its own largest."""
    found = hidden_filters(lab, machine_id, layout.order, layout.first, layout.count)
    return Response(fields_sheet(found.weights, layout.columns, layout.scale), media_type="image/png", headers=FOR_EVER)


@router.get("/{machine_id}/dependants", summary="What uses a machine")
def dependants(lab: Lab, machine_id: Id) -> Dependants:
    """Live jobs, studies and machines that need it: what a deletion would touch."""
    return deletion.dependants(lab, machine_id)


@router.delete("/{machine_id}", status_code=204, summary="Delete a machine")
def delete_machine(lab: Lab, machine_id: Id, how: Annotated[Deletion, Query()]) -> None:
    """Remove it with its samples and values. 409 names what uses it; deleting it again changes nothing."""
    deletion.delete_machine(lab, machine_id, with_dependants=how.with_dependants)


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
