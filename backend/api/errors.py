"""Errors as RFC 9457 `application/problem+json`: the one place where they are drawn."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from backend.contracts.messages import FieldProblem, Problem
from backend.services import errors as domain

MEDIA_TYPE = "application/problem+json"
RETRY_SECONDS = 2
_MAX_SHOWN = 80  # characters of a refused value: enough to recognise it

_STATUSES: Mapping[type, int] = {
    domain.NotFound: HTTPStatus.NOT_FOUND,
    domain.InvalidRequest: HTTPStatus.UNPROCESSABLE_ENTITY,
    domain.Conflict: HTTPStatus.CONFLICT,
    domain.ArtifactDamaged: HTTPStatus.INTERNAL_SERVER_ERROR,
    domain.StorageUnavailable: HTTPStatus.SERVICE_UNAVAILABLE,
}

log = structlog.get_logger(__name__)


def problem_response(
    status: int,
    detail: str,
    errors: Sequence[FieldProblem] = (),
    headers: Mapping[str, str] | None = None,
    instance: str | None = None,
) -> Response:
    """An error as the API gives it. `type` is about:blank: the status says what kind it is."""
    title = HTTPStatus(status).phrase
    problem = Problem(title=title, status=status, detail=detail, instance=instance, errors=list(errors))
    return Response(problem.model_dump_json(exclude_none=True), status, dict(headers or {}), media_type=MEDIA_TYPE)


def register_error_handlers(app: FastAPI) -> None:
    """Draw every error of the application as a problem."""
    app.exception_handler(RequestValidationError)(_refused_fields)
    app.exception_handler(HTTPException)(_http_error)
    app.exception_handler(domain.DomainError)(_domain_error)


async def _refused_fields(request: Request, error: RequestValidationError) -> Response:
    problems = [_field_problem(one) for one in error.errors()]
    malformed = any(one["type"] == "json_invalid" for one in error.errors())
    status = HTTPStatus.BAD_REQUEST if malformed else HTTPStatus.UNPROCESSABLE_ENTITY
    detail = "the body is not JSON" if malformed else "; ".join(f"{p.pointer}: {p.detail}" for p in problems[:3])
    return problem_response(status, detail, problems, instance=request.url.path)


def _field_problem(error: Mapping[str, Any]) -> FieldProblem:
    place, *path = error["loc"]
    body = place == "body"
    pointer = "".join(f"/{_escaped(part)}" for part in path) if body else ".".join(map(str, path))
    detail = f"{error['msg']}{_given(error.get('input'))}"
    return FieldProblem(pointer=pointer if body else pointer or str(place), detail=detail)


def _escaped(part: object) -> str:
    return str(part).replace("~", "~0").replace("/", "~1")


def _given(value: object) -> str:
    if value is None or isinstance(value, dict | list | tuple):
        return ""
    text = repr(value)
    return f" (given: {text if len(text) <= _MAX_SHOWN else text[:_MAX_SHOWN] + '...'})"


async def _http_error(request: Request, error: HTTPException) -> Response:
    return problem_response(error.status_code, error.detail, headers=error.headers, instance=request.url.path)


async def _domain_error(request: Request, error: domain.DomainError) -> Response:
    return domain_problem(error, request.url.path)


def domain_problem(error: domain.DomainError, path: str) -> Response:
    """What the services raise, as a problem."""
    status = next((_STATUSES[kind] for kind in type(error).__mro__ if kind in _STATUSES), 500)
    errors = error.errors if isinstance(error, domain.InvalidRequest | domain.InUse) else ()
    headers = {"Retry-After": str(RETRY_SECONDS)} if status == HTTPStatus.SERVICE_UNAVAILABLE else None
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        log.error("request refused", path=path, status=int(status), reason=str(error))
    return problem_response(status, str(error), errors, headers, instance=path)


def unexpected_problem(path: str) -> Response:
    """A defect of ours: logged where it is caught, without its internals in the answer."""
    detail = "something went wrong inside the laboratory; its log has the details"
    return problem_response(HTTPStatus.INTERNAL_SERVER_ERROR, detail, instance=path)
