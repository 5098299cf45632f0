"""What routes ask for: the laboratory, a page of a listing, the documentation of a key."""

from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import Depends, Header, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from backend.api.idempotency import HEADER
from backend.contracts.messages import Page
from backend.services.laboratory import Laboratory

PREFIX = "/api/v1"
FOR_EVER = {"Cache-Control": "private, max-age=31536000, immutable"}
"""Of what never changes: a cell that is done, a machine. Its id or digest is that of what it holds."""


def laboratory(request: Request) -> Laboratory:
    """The laboratory that this application serves."""
    lab: Laboratory = request.app.state.lab
    return lab


Lab = Annotated[Laboratory, Depends(laboratory)]
Id = Annotated[str, Path(min_length=1, max_length=64, pattern=r"^[0-9a-f]+$", description="Hexadecimal id.")]
OptionalId = Annotated[str | None, Field(max_length=64, pattern=r"^[0-9a-f]+$")]


class Filters(BaseModel):
    """Base of query parameters: unknown ones are refused."""

    model_config = ConfigDict(extra="forbid")


class Paging(Filters):
    """Which page of a listing."""

    cursor: str | None = Field(None, max_length=1500, description="`next_cursor` of the page before; opaque.")
    limit: int = Field(50, ge=1, le=500, description="Items on a page.")


def link_next(request: Request, response: Response, page: Page[Any]) -> None:
    """Add `Link: <...>; rel="next"` (RFC 8288) when there is a next page."""
    if page.next_cursor is None:
        return
    query = {**request.query_params, "cursor": page.next_cursor}
    response.headers["Link"] = f'<{request.url.path}?{urlencode(query)}>; rel="next"'


def accepted(response: Response, path: str) -> None:
    """Say where the result of a long operation is, and when to look."""
    response.headers["Location"] = PREFIX + path
    response.headers["Retry-After"] = "1"


def idempotency_key(
    key: Annotated[
        str | None,
        Header(
            alias=HEADER,
            max_length=255,
            description="Any text of yours: the request is done once, and its first answer is repeated for 24 hours.",
        ),
    ] = None,
) -> None:
    """Document the header; `idempotency.py` does the work before a route is reached."""


ACCEPTED_HEADERS: Mapping[str, Any] = {
    "Location": {"description": "Where the result is.", "schema": {"type": "string"}},
    "Retry-After": {"description": "Seconds until it is worth looking.", "schema": {"type": "string"}},
}


def accepted_responses(description: str) -> dict[int | str, dict[str, Any]]:
    """The documentation of a 202."""
    return {202: {"description": description, "headers": dict(ACCEPTED_HEADERS)}}


Paged = Annotated[Paging, Query()]
