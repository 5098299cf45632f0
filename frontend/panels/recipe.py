"""Recipe: every parameter with its seed, the code version, and the commands that make the study again."""

from collections.abc import Iterator, Sequence
from typing import Any

import dash_mantine_components as dmc
from dash import Dash
from dash.development.base_component import Component

from backend.client import AsyncClient
from backend.contracts.messages import Analysis, Study, StudyCreate
from backend.contracts.study_types import study_types
from frontend.components import form
from frontend.components.code_panel import code_panel
from frontend.components.figure import card
from frontend.components.texts import facts
from frontend.panels import Opened

TAB, LABEL, PLACE = "recipe", "Recipe", 92


def fits(study: Study, analyses: Sequence[Analysis]) -> bool:
    """Every study has a recipe."""
    return True


def layout(opened: Opened) -> Component:
    """Every parameter with its seed, the code version, and the commands that make the study again."""
    study = opened.study
    origin = "/".join((opened.href or "http://127.0.0.1:8050").split("/")[:3])
    create = StudyCreate(name=study.name, type=study.type, parameters=study.parameters)
    house = [("Study", study.id), ("Type", study.type), ("Code version", study.code_version)]
    left = [facts([*house, *_parameters(study)])]
    return dmc.SimpleGrid(
        [card("Parameters", left), card("Make it again", code_panel(create, origin))],
        cols={"base": 1, "md": 2},
        spacing="md",
    )


def _parameters(study: Study) -> Iterator[tuple[str, Any]]:
    """Every parameter under the title that its form gives it; those that this version does not know by their names."""
    kind = study_types().get(study.type)
    known = form.fields(kind.parameters.model_json_schema()) if kind else []
    for field in known:
        group = f"{field.path[0]}: ".capitalize() if len(field.path) > 1 else ""
        yield f"{group}{field.label}", form.value_at(study.parameters, field.path)
    grouped = {field.path[0] for field in known}
    yield from ((name, value) for name, value in study.parameters.items() if name not in grouped)


def register(app: Dash, client: AsyncClient) -> None:
    """A recipe never changes."""
