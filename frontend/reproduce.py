"""The same study, and each of its figures, without the page: as curl commands and as Python."""

import json
import pprint
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from backend.contracts.messages import StudyCreate


@dataclass(frozen=True)
class FigureCode:
    """What makes a figure of a study that is done.

    Attributes:
        imports: what `lines` need.
        lines: Python that makes `figure` of `study`, a handle of the client.
        curves: the query of its curves, or None.
        analysis: the analysis whose result it shows, or None.
    """

    imports: tuple[str, ...]
    lines: tuple[str, ...]
    curves: str | None = None
    analysis: str | None = None

    def path(self, study_id: str, cell_id: str | None) -> str:
        """Where the API has the figure's numbers; `cell_id`: the cell of the analysis."""
        if self.analysis is not None:
            return f"/api/v1/cells/{cell_id or '<cell>'}/result"
        return f"/api/v1/studies/{study_id}/curves{self.curves or ''}"


@dataclass(frozen=True)
class MachineCode:
    """What makes a figure of a machine.

    Attributes:
        imports: what `lines` need.
        lines: Python that makes `figure` of `lab`, a client, and `machine`, the machine's id.
        path: what the API has its numbers under, below the machine's own address.
    """

    imports: tuple[str, ...]
    lines: tuple[str, ...]
    path: str


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


def figure_as_curl(study: StudyCreate, origin: str, path: str) -> str:
    """The study, and then the numbers of one of its figures."""
    return f"{as_curl(study, origin)}\n\ncurl '{origin}{path}'"


def figure_as_python(study: StudyCreate, origin: str, code: FigureCode) -> str:
    """A script that submits the study, waits, and draws one of its figures. What is computed already is shared."""
    return _script(origin, _submission(study), code)


def machine_as_python(machine_id: str, origin: str, code: MachineCode) -> str:
    """A script that draws a figure of a machine."""
    return _script(origin, f'machine = "{machine_id}"\n', code)


def _script(origin: str, subject: str, code: FigureCode | MachineCode) -> str:
    imports = "\n".join(sorted(("from backend.client import Client", *code.imports)))
    lines = "\n".join(code.lines)
    return f'{imports}\n\nlab = Client("{origin}")\n{subject}{lines}\n'


def as_python(study: StudyCreate, origin: str) -> str:
    """A script that submits the study, waits, and has its curves as a table."""
    return (
        "from backend.client import Client\n\n"
        f'lab = Client("{origin}")\n'
        f"{_submission(study)}"
        "table = study.to_dataframe()\n"
    )


def _submission(study: StudyCreate) -> str:
    arguments = [repr(study.name)]
    if study.type != "dilution-sweep":
        arguments.append(f"type={study.type!r}")
    if study.preset:
        arguments.append(f"preset={study.preset!r}")
    if study.parameters:
        text = pprint.pformat(study.parameters, width=88, sort_dicts=False).replace("\n", "\n    ")
        arguments.append(f"parameters={text}")
    call = ",\n    ".join(arguments)
    return f"study = lab.create_study(\n    {call},\n)\nstudy.wait()\n"


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
