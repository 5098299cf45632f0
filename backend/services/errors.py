"""What can go wrong, in the laboratory's own words. The API draws each once."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from pydantic import ValidationError

from backend.contracts.messages import FieldProblem
from backend.storage.errors import (
    ArtifactCorrupted,
    ArtifactMissing,
    DatabaseUnavailable,
    StoreUnavailable,
    ValueRefused,
)

MAX_DETAIL = 500  # a refused value of ten kilobytes is not sent back whole


class DomainError(Exception):
    """Base: the message says what was given, what is allowed and what to do."""


class NotFound(DomainError):
    """Nothing has this id."""


class InvalidRequest(DomainError):
    """Fields that cannot be accepted."""

    def __init__(self, errors: Sequence[FieldProblem]) -> None:
        super().__init__("; ".join(f"{error.pointer}: {error.detail}" for error in errors[:3]))
        self.errors = list(errors)


class Conflict(DomainError):
    """The request does not fit the present state."""


class InUse(Conflict):
    """Something else needs it: each of those is named."""

    def __init__(self, message: str, errors: Sequence[FieldProblem] = ()) -> None:
        super().__init__(message)
        self.errors = list(errors)


class ArtifactDamaged(DomainError):
    """Stored bytes are missing or do not match their digest."""


class StorageUnavailable(DomainError):
    """Database or models store do not take part now; nothing was written. Trying again may help."""


@contextmanager
def storage_in_words() -> Iterator[None]:
    """Turn what the storage raises into domain errors."""
    try:
        yield
    except (DatabaseUnavailable, StoreUnavailable) as error:
        raise StorageUnavailable(str(error)) from error
    except ValueRefused as error:
        raise InvalidRequest([FieldProblem(pointer="/", detail=str(error))]) from error
    except (ArtifactMissing, ArtifactCorrupted) as error:
        raise ArtifactDamaged(f"{error}. Restore it from a backup, or delete it and compute it again") from error


def field_problems(error: ValidationError, prefix: str = "") -> list[FieldProblem]:
    """Pydantic's complaints, one for each field, with JSON pointers below `prefix`."""
    problems = []
    errors = error.errors(include_url=False)
    inner = {one["loc"][:-1] for one in errors}
    for one in errors:
        if one["type"] == "too_short" and one["loc"] in inner:
            continue  # a list is short only because its items were refused, which is said already
        pointer = prefix + "".join(f"/{_escaped(part)}" for part in one["loc"])
        message = one["msg"].removeprefix("Value error, ")
        given = one.get("input")
        shown = "" if isinstance(given, dict | list | tuple) or given is None else f" (given: {repr(given)[:80]})"
        problems.append(FieldProblem(pointer=pointer or "/", detail=(message + shown)[:MAX_DETAIL]))
    return problems


def _escaped(part: int | str) -> str:
    # RFC 6901
    return str(part).replace("~", "~0").replace("/", "~1")[:100]
