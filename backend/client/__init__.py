"""The Python client of the HTTP API: `Client` for scripts, `AsyncClient` for services and pages.

Example:
    >>> from backend.client import Client
    >>> with Client("http://127.0.0.1:8050") as lab:  # doctest: +SKIP
    ...     study = lab.create_study("First sweep", preset="Two cores")
    ...     study.wait(timeout=600)
    ...     frame = study.to_dataframe()
"""

from backend.client.asynchronous import AsyncClient
from backend.client.errors import ApiError, ConnectionFailed, StudyNotDone, WaitTimeout
from backend.client.events import ReceivedEvent
from backend.client.handle import StudyHandle
from backend.client.synchronous import Client

__all__ = [
    "ApiError",
    "AsyncClient",
    "Client",
    "ConnectionFailed",
    "ReceivedEvent",
    "StudyHandle",
    "StudyNotDone",
    "WaitTimeout",
]
