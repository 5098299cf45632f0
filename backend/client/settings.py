"""What both clients agree on: address, timeouts, headers, pace of polling."""

import httpx

DEFAULT_URL = "http://127.0.0.1:8050"
TIMEOUT = httpx.Timeout(30.0, connect=5.0)
SHORTEST_POLL_SECONDS = 0.1
LONGEST_POLL_SECONDS = 2.0
EVENT_READ_SECONDS = 60.0  # a stream without even a heartbeat for so long is dead


def headers(token: str | None) -> dict[str, str]:
    """Headers of every request."""
    return {"User-Agent": "dilution-lab-client", **({"Authorization": f"Bearer {token}"} if token else {})}


def stream_options(last_event_id: str) -> tuple[dict[str, str], httpx.Timeout]:
    """Headers and timeouts of the event stream."""
    asked = {"Accept": "text/event-stream"}
    if last_event_id:
        asked["Last-Event-ID"] = last_event_id
    return asked, httpx.Timeout(TIMEOUT.connect, read=EVENT_READ_SECONDS)


def poll_seconds(elapsed: float, timeout: float | None) -> float:
    """Poll often at first, then every two seconds, and never past the timeout."""
    pace = min(max(elapsed / 10, SHORTEST_POLL_SECONDS), LONGEST_POLL_SECONDS)
    return pace if timeout is None else max(min(pace, timeout - elapsed), 0.01)
