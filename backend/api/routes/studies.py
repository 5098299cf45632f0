"""Studies: create, list, show, cancel, retry, delete, curves, cells."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import Field

from backend.api.conditional import has_already
from backend.api.deps import Filters, Id, Lab, Paging, accepted, accepted_responses, idempotency_key, link_next
from backend.api.negotiation import prefers_csv
from backend.api.shared_answers import SharedRoute
from backend.contracts.messages import Analysis, CellSummary, Curves, Estimate, Page, Study, StudyCreate
from backend.contracts.states import StudyState
from backend.services import cells, change_study, curves, studies, submit

router = APIRouter(prefix="/studies", tags=["studies"], route_class=SharedRoute)

CSV = "text/csv; charset=utf-8"
CSV_EXAMPLE = ",".join(curves.COLUMNS) + "\n"
STUDY_EXAMPLE = {
    "name": "First sweep",
    "type": "dilution-sweep",
    "preset": "Two cores",
    "parameters": {"initial_dilutions": [0.0, 0.4, 0.8], "num_replicas": 2},
}


class StudyFilters(Paging):
    """Which studies."""

    state: StudyState | None = None


class CellFilters(Paging):
    """Which cells."""

    kind: Literal["machine", "evaluation", "analysis"] | None = None


class CurveFilters(Filters):
    """Which curves."""

    kind: Literal["pruning", "training"] = Field(
        "pruning", description="Against the pruning level p, or the training update."
    )
    metric: list[Annotated[str, Field(max_length=64)]] | None = Field(
        None, max_length=50, description="Only the curves of this metric; can be given several times."
    )


class FewerReplicas(CurveFilters):
    """Which curves, and how many replicas."""

    max_replicas: int | None = Field(
        None, ge=1, le=1_000_000, description="List at most so many replicas at each point; statistics are of all."
    )


_CSV_RESPONSE: dict[str, Any] = {"text/csv": {"schema": {"type": "string"}, "example": CSV_EXAMPLE}}


@router.post(
    "",
    status_code=202,
    summary="Submit a study",
    dependencies=[Depends(idempotency_key)],
    responses=accepted_responses("The study is stored and its first jobs are on their way."),
    openapi_extra={"requestBody": {"content": {"application/json": {"example": STUDY_EXAMPLE}}}},
)
def create_study(lab: Lab, study: StudyCreate, request: Request, response: Response) -> Study:
    """Validate everything, write study, cells and jobs at once. What was computed before is shared, not repeated."""
    keyed = request.scope.get("keyed_request")
    created = submit.submit_study(lab, study, study_id=keyed.new_id if keyed else None)
    accepted(response, f"/studies/{created.id}")
    return created


@router.post(
    "/estimate",
    summary="Estimate a study",
    openapi_extra={"requestBody": {"content": {"application/json": {"example": STUDY_EXAMPLE}}}},
)
def estimate_study(lab: Lab, study: StudyCreate) -> Estimate:
    """What a study would cost, without submitting it."""
    return submit.estimate_study(lab, study)


@router.get("", summary="List studies")
def list_studies(
    lab: Lab, filters: Annotated[StudyFilters, Query()], request: Request, response: Response
) -> Page[Study]:
    """Studies, newest first."""
    page = studies.list_studies(lab, filters.cursor, filters.limit, filters.state)
    link_next(request, response, page)
    return page


@router.get("/{study_id}", summary="Show a study")
def show_study(lab: Lab, study_id: Id) -> Study:
    """State, progress, ETA as a range, and a plain sentence when there is something to know."""
    return studies.show_study(lab, study_id)


@router.post(
    "/{study_id}/cancel",
    status_code=202,
    summary="Cancel a study",
    dependencies=[Depends(idempotency_key)],
    responses=accepted_responses("Its jobs stop within seconds. A study that has ended stays as it is."),
)
def cancel_study(lab: Lab, study_id: Id, response: Response) -> Study:
    """Cancel the jobs that no other live study needs."""
    accepted(response, f"/studies/{study_id}")
    return change_study.cancel_study(lab, study_id)


@router.post(
    "/{study_id}/retry",
    status_code=202,
    summary="Retry a study",
    dependencies=[Depends(idempotency_key)],
    responses=accepted_responses("What is missing or failed is queued again; what is done stays."),
)
def retry_study(lab: Lab, study_id: Id, response: Response) -> Study:
    """Run only what is missing or failed."""
    accepted(response, f"/studies/{study_id}")
    return change_study.retry_study(lab, study_id)


@router.delete("/{study_id}", status_code=204, summary="Delete a study")
def delete_study(lab: Lab, study_id: Id) -> None:
    """Remove the study and what nothing else uses. Deleting it again, or what never was, answers 204 too."""
    change_study.delete_study(lab, study_id)


@router.get(
    "/{study_id}/curves.csv",
    summary="Curves as CSV",
    responses={200: {"content": _CSV_RESPONSE}},
    response_class=Response,
)
def curves_csv(lab: Lab, study_id: Id, filters: Annotated[CurveFilters, Query()]) -> Response:
    """One row for each replica at each point."""
    text = curves.curves_csv(curves.study_curves(lab, study_id, filters.kind, filters.metric))
    headers = {"Content-Disposition": f'attachment; filename="{study_id}-{filters.kind}.csv"'}
    return Response(text, media_type=CSV, headers=headers)


@router.get("/{study_id}/curves", summary="Curves", response_model=Curves, responses={200: {"content": _CSV_RESPONSE}})
def study_curves(
    lab: Lab,
    study_id: Id,
    request: Request,
    response: Response,
    filters: Annotated[FewerReplicas, Query()],
) -> Curves | Response:
    """Mean, standard deviation, confidence interval, n and every replica; CSV with `Accept: text/csv`.

    The answer's `metrics` are all that have values, whichever curves are asked for.
    """
    asked = (lab, study_id, filters.kind, filters.metric, filters.max_replicas)
    as_csv = prefers_csv(request.headers.get("accept", ""))
    # Read before the curves: what is written in between makes the next tag another one.
    tag = curves.curves_tag(*asked)
    headers = {"Vary": "Accept", "ETag": f'"{tag}{"-csv" if as_csv else ""}"'}
    if has_already(request.headers.get("if-none-match", ""), headers["ETag"]):
        return Response(status_code=304, headers={**headers, "Cache-Control": "private, no-cache"})
    found = curves.study_curves(*asked, tag=tag)
    if as_csv:
        return Response(curves.curves_csv(found), media_type=CSV, headers=headers)
    response.headers.update(headers)
    return found


@router.get("/{study_id}/analyses", summary="List a study's analyses")
def list_analyses(lab: Lab, study_id: Id) -> list[Analysis]:
    """Spectra, collapse, comparisons and the like: state, and where the result is."""
    return cells.list_analyses(lab, study_id)


@router.get("/{study_id}/cells", summary="List a study's cells")
def list_cells(
    lab: Lab, study_id: Id, filters: Annotated[CellFilters, Query()], request: Request, response: Response
) -> Page[CellSummary]:
    """Cells with coordinates, state and metrics, in the order of the grid."""
    page = cells.list_cells(lab, study_id, filters.cursor, filters.limit, filters.kind)
    link_next(request, response, page)
    return page
