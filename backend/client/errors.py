"""What the client raises. Every message can be shown to a person as it is."""

import httpx
from pydantic import ValidationError

from backend.contracts.messages import Problem, Study


class ApiError(Exception):
    """The API refused, or could not answer.

    Attributes:
        status: HTTP status.
        problem: the answer's `application/problem+json`.
    """

    def __init__(self, status: int, problem: Problem) -> None:
        self.status = status
        self.problem = problem
        super().__init__(readable(problem))


class ConnectionFailed(Exception):
    """No answer came: the service is not running, or not at this address."""

    def __init__(self, base_url: httpx.URL, error: httpx.TransportError) -> None:
        reason = str(error) or type(error).__name__
        super().__init__(f"no answer from {base_url}: {reason}; is the laboratory running there? (`make run`)")


class WaitTimeout(Exception):
    """The study was not finished in time; it goes on without us."""

    def __init__(self, study: Study, timeout: float) -> None:
        self.study = study
        super().__init__(
            f"study {study.id} is {study.state} ({study.progress.fraction:.0%}) after {timeout:g} s; "
            "it goes on: wait again with a longer timeout"
        )


class StudyNotDone(Exception):
    """The study ended, but failed or cancelled."""

    def __init__(self, study: Study) -> None:
        self.study = study
        super().__init__(f"study {study.id} is {study.state}: {study.message or 'see its jobs'}")


def readable(problem: Problem) -> str:
    """One line for the problem, one for each refused field."""
    lines = [f"{problem.status} {problem.title}: {problem.detail}"]
    lines += [f"  {error.pointer}: {error.detail}" for error in problem.errors]
    return "\n".join(lines)


def error_from(response: httpx.Response) -> ApiError:
    """The answer as an error; anything that is no problem+json (a proxy's page) is named by its status."""
    try:
        problem = Problem.model_validate_json(response.content)
    except ValidationError:
        title = response.reason_phrase or "Error"
        detail = f"{response.request.method} {response.request.url.path} was not answered by the API"
        problem = Problem(title=title, status=response.status_code, detail=detail)
    return ApiError(response.status_code, problem)
