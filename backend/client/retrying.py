"""When a request is sent again, and after how long. A repeated POST carries the same Idempotency-Key."""

import random
import secrets

import httpx

from backend.client.errors import ConnectionFailed, error_from

RETRIED_STATUSES = frozenset({429, 502, 503, 504})
FIRST_DELAY_SECONDS = 0.25
LONGEST_DELAY_SECONDS = 30.0


def keyed(request: httpx.Request) -> httpx.Request:
    """Give a POST the key under which the API does its work once, however often it is sent."""
    if request.method == "POST":
        request.headers.setdefault("Idempotency-Key", secrets.token_hex(16))
    return request


def delay_after_answer(response: httpx.Response, attempt: int, retries: int) -> float | None:
    """Seconds until the next attempt, or None when this answer stands.

    A 409 with Retry-After is our own first attempt, still in flight.
    """
    retried = response.status_code in RETRIED_STATUSES or (
        response.status_code == httpx.codes.CONFLICT and "retry-after" in response.headers
    )
    if not retried or attempt >= retries:
        return None
    asked = response.headers.get("retry-after", "")
    if asked.isdigit():
        return min(float(asked), LONGEST_DELAY_SECONDS)
    return backoff(attempt)


def delay_after_failure(request: httpx.Request, error: httpx.TransportError, attempt: int, retries: int) -> float:
    """Seconds until the next attempt after a broken connection.

    Raises:
        ConnectionFailed: when there is no attempt left.
    """
    if attempt >= retries:
        raise ConnectionFailed(request.url.copy_with(raw_path=b"/"), error) from error
    return backoff(attempt)


def backoff(attempt: int) -> float:
    """Doubling delays with jitter, so that many clients do not come back at once."""
    return min(FIRST_DELAY_SECONDS * 2.0**attempt, LONGEST_DELAY_SECONDS) * random.uniform(0.75, 1.25)


def accepted(response: httpx.Response) -> httpx.Response:
    """The answer, if it is a success.

    Raises:
        ApiError: otherwise.
    """
    if response.is_success:
        return response
    raise error_from(response)
