import httpx
import pytest

from backend.client import ConnectionFailed, retrying
from backend.client.settings import poll_seconds


def answer(status: int, **headers: str) -> httpx.Response:
    return httpx.Response(status, headers={name.replace("_", "-"): value for name, value in headers.items()})


def test_a_post_gets_one_key_and_keeps_it() -> None:
    post = retrying.keyed(httpx.Request("POST", "http://lab/x"))
    key = post.headers["Idempotency-Key"]
    assert retrying.keyed(post).headers["Idempotency-Key"] == key
    assert retrying.keyed(httpx.Request("POST", "http://lab/x")).headers["Idempotency-Key"] != key
    assert "Idempotency-Key" not in retrying.keyed(httpx.Request("GET", "http://lab/x")).headers


@pytest.mark.parametrize(
    ("response", "retried"),
    [
        (answer(200), False),
        (answer(400), False),
        (answer(409), False),
        (answer(409, retry_after="1"), True),  # our own first attempt, still in flight
        (answer(422, retry_after="1"), False),
        (answer(429), True),
        (answer(500), False),
        (answer(502), True),
        (answer(503), True),
    ],
)
def test_what_is_asked_again(response: httpx.Response, retried: bool) -> None:
    assert (retrying.delay_after_answer(response, 0, 3) is not None) is retried
    assert retrying.delay_after_answer(response, 3, 3) is None, "not for ever"


def test_the_service_says_when() -> None:
    assert retrying.delay_after_answer(answer(503, retry_after="7"), 0, 3) == 7.0
    assert retrying.delay_after_answer(answer(503, retry_after="86400"), 0, 3) == retrying.LONGEST_DELAY_SECONDS
    date = retrying.delay_after_answer(answer(503, retry_after="Wed, 21 Oct 2026 07:28:00 GMT"), 0, 3)
    assert date is not None
    assert date < 1.0


def test_delays_double() -> None:
    for attempt in range(5):
        assert 0.75 <= retrying.backoff(attempt) / (retrying.FIRST_DELAY_SECONDS * 2**attempt) <= 1.25


def test_a_broken_connection_is_tried_again_and_then_named() -> None:
    request = httpx.Request("GET", "http://lab:8050/api/v1/health")
    error = httpx.ConnectError("refused")
    assert retrying.delay_after_failure(request, error, 0, 1) < 1.0
    with pytest.raises(ConnectionFailed, match=r"http://lab:8050/.*refused"):
        retrying.delay_after_failure(request, error, 1, 1)


def test_polling_slows_down_and_ends_in_time() -> None:
    assert poll_seconds(0.0, None) == 0.1
    assert poll_seconds(5.0, None) == 0.5
    assert poll_seconds(1000.0, None) == 2.0
    assert poll_seconds(9.9, 10.0) == pytest.approx(0.1)
