"""The same study without the page: as a curl command and as Python."""

import json
import pprint
from collections.abc import Mapping
from typing import Any

from backend.contracts.messages import StudyCreate


def differences(parameters: Mapping[str, Any], base: Mapping[str, Any]) -> dict[str, Any]:
    """The part of `parameters` that is not already in `base`, groups compared inside."""
    changed: dict[str, Any] = {}
    for name, value in parameters.items():
        old = base.get(name)
        if isinstance(value, Mapping) and isinstance(old, Mapping):
            inner = differences(value, old)
            if inner:
                changed[name] = inner
        elif _plain(value) != _plain(old):
            changed[name] = value
    return changed


def request_of(study: StudyCreate) -> dict[str, Any]:
    """The request's body, without what is absent."""
    return study.model_dump(mode="json", exclude_none=True)


def as_curl(study: StudyCreate, origin: str) -> str:
    """A shell command that submits the study."""
    body = json.dumps(request_of(study), ensure_ascii=False).replace("'", "'\\''")
    return f"curl -X POST {origin}/api/v1/studies \\\n  -H 'Content-Type: application/json' \\\n  -d '{body}'"


def as_python(study: StudyCreate, origin: str) -> str:
    """A script that submits the study, waits, and has its curves as a table."""
    arguments = [repr(study.name)]
    if study.type != "dilution-sweep":
        arguments.append(f"type={study.type!r}")
    if study.preset:
        arguments.append(f"preset={study.preset!r}")
    if study.parameters:
        text = pprint.pformat(study.parameters, width=88, sort_dicts=False).replace("\n", "\n    ")
        arguments.append(f"parameters={text}")
    call = ",\n    ".join(arguments)
    return (
        "from backend.client import Client\n\n"
        f'lab = Client("{origin}")\n'
        f"study = lab.create_study(\n    {call},\n)\n"
        "study.wait()\n"
        "table = study.to_dataframe()\n"
    )


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
