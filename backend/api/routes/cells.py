"""Cells: what defines them, their metrics, their samples."""

import io
from typing import Annotated

import numpy as np
from fastapi import APIRouter, Query, Response
from pydantic import Field

from backend.api.deps import FOR_EVER, Filters, Id, Lab
from backend.api.pictures import sheet
from backend.contracts.messages import Cell
from backend.services import cells

router = APIRouter(prefix="/cells", tags=["cells"])

ENDINGS = {"samples": ".npy", "result": ".json", "couplings": ".safetensors", "judge": ".safetensors"}
BINARY = {"schema": {"type": "string", "format": "binary"}}


class SheetLayout(Filters):
    """How the sheet looks."""

    columns: int = Field(8, ge=1, le=64, description="Digits in a row.")
    count: int = Field(64, ge=1, le=256, description="Digits at most.")
    scale: int = Field(1, ge=1, le=8, description="Pixels for one pixel of a digit.")


@router.get("/{cell_id}", summary="Show a cell")
def show_cell(lab: Lab, cell_id: Id) -> Cell:
    """Parameters, state, metrics, and the machine that it made or judged."""
    return cells.show_cell(lab, cell_id)


@router.get(
    "/{cell_id}/samples.png",
    summary="Samples as a picture",
    response_class=Response,
    responses={200: {"content": {"image/png": BINARY}}},
)
def samples_png(lab: Lab, cell_id: Id, layout: Annotated[SheetLayout, Query()]) -> Response:
    """White digits on black, in rows; cached for ever."""
    samples = cells.cell_samples(lab, cell_id)[: layout.count]
    return Response(sheet(samples, layout.columns, layout.scale), media_type="image/png", headers=FOR_EVER)


@router.get(
    "/{cell_id}/result",
    summary="Result of an analysis",
    response_class=Response,
    responses={200: {"content": {"application/json": {"schema": {"type": "object"}}}}},
)
def result(lab: Lab, cell_id: Id) -> Response:
    """What an analysis found, as JSON; `docs/reference/results.md` has the fields of each. Cached for ever."""
    return Response(cells.cell_result(lab, cell_id), media_type="application/json", headers=FOR_EVER)


@router.get(
    "/{cell_id}/artifact",
    summary="Download what a cell holds",
    response_class=Response,
    responses={200: {"content": {"application/octet-stream": BINARY}}},
)
def artifact(lab: Lab, cell_id: Id) -> Response:
    """Its bytes as they are stored: samples (.npy), a result (.json), couplings or a judge (.safetensors)."""
    kind, data = cells.cell_artifact(lab, cell_id)
    headers = {**FOR_EVER, "Content-Disposition": f'attachment; filename="{cell_id}{ENDINGS[kind]}"'}
    return Response(data, media_type="application/octet-stream", headers=headers)


@router.get(
    "/{cell_id}/samples.npy",
    summary="Samples as an array",
    response_class=Response,
    responses={200: {"content": {"application/octet-stream": BINARY}}},
)
def samples_npy(lab: Lab, cell_id: Id) -> Response:
    """NumPy's format: uint8, 0 and 1, of shape (num_samples, num_visible); cached for ever."""
    file = io.BytesIO()
    np.save(file, cells.cell_samples(lab, cell_id), allow_pickle=False)
    headers = {**FOR_EVER, "Content-Disposition": f'attachment; filename="{cell_id}.npy"'}
    return Response(file.getvalue(), media_type="application/octet-stream", headers=headers)
