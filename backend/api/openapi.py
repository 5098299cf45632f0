"""The OpenAPI document: problems as they are sent, the ways to authenticate, one text for each tag."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from backend.api.errors import MEDIA_TYPE
from backend.api.security import SESSION_COOKIE
from backend.contracts.messages import Problem

DESCRIPTION = """\
Train, prune and compare Restricted Boltzmann Machines.

Long operations answer **202** with `Location`; follow it, or listen to `/api/v1/events`. A POST may carry an
`Idempotency-Key`. Errors are `application/problem+json` (RFC 9457) with one entry in `errors` for each refused field.
Listings are paged by an opaque `cursor` and a `Link` header. Answers carry an `ETag`; send it as `If-None-Match`.
"""

TAGS = [
    {"name": "studies", "description": "A study is a question: a grid of cells, its curves and figures."},
    {"name": "cells", "description": "One point of a grid: a trained machine, or an evaluation with samples."},
    {"name": "jobs", "description": "Units of work for one worker, and their place in the queue."},
    {"name": "machines", "description": "Trained machines, as safetensors, and their samples at any pruning level."},
    {"name": "catalogue", "description": "What can be chosen: data sets, metrics, pruning rules, study types."},
    {"name": "house", "description": "Workers, health, events, sessions."},
]

PROBLEMS: dict[int | str, dict[str, Any]] = {
    "4XX": {"model": Problem, "description": "Refused: the problem says what was given and what is allowed."},
    "5XX": {"model": Problem, "description": "Not possible now (503: try again after Retry-After), or a defect."},
}


def document(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document of the application, made once."""
    if app.openapi_schema is None:
        schema = get_openapi(
            title=app.title, version=app.version, description=DESCRIPTION, tags=TAGS, routes=app.routes
        )
        for operation in _operations(schema):
            _send_problems_as_such(operation)
        schema["components"]["securitySchemes"] = {
            "bearer": {"type": "http", "scheme": "bearer", "description": "API_TOKEN, or one of API_TOKENS."},
            "session": {"type": "apiKey", "in": "cookie", "name": SESSION_COOKIE},
        }
        schema["security"] = [{}, {"bearer": []}, {"session": []}]
        app.openapi_schema = schema
    return app.openapi_schema


def _operations(schema: dict[str, Any]) -> list[dict[str, Any]]:
    return [operation for path in schema["paths"].values() for operation in path.values()]


def _send_problems_as_such(operation: dict[str, Any]) -> None:
    for status, response in operation["responses"].items():
        if status in PROBLEMS:
            response["content"] = {MEDIA_TYPE: response["content"]["application/json"]}
