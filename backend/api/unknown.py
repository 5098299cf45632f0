"""The last route under /api: it answers what no other route does, before the dashboard's catch-all can."""

from fastapi import FastAPI
from starlette.routing import compile_path
from starlette.types import Receive, Scope, Send

from backend.api.errors import problem_response
from backend.api.openapi import document


class UnknownPath:
    """405 with `Allow` for a path that has other methods, else 404."""

    def __init__(self, app: FastAPI) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer."""
        path = str(scope["path"])
        allowed = ", ".join(allowed_methods(self.app, path))
        if allowed:
            detail = f"{scope['method']} is not allowed here, only {allowed}"
            response = problem_response(405, detail, headers={"Allow": allowed}, instance=path)
        else:
            detail = f"nothing is at {path[:200]}: see /api/docs"
            response = problem_response(404, detail, instance=path)
        await response(scope, receive, send)


def allowed_methods(app: FastAPI, path: str) -> list[str]:
    """The methods that the path has, as documented."""
    templates = document(app)["paths"].items()
    matching = (operations for template, operations in templates if compile_path(template)[0].match(path))
    return sorted({method.upper() for operations in matching for method in operations})
