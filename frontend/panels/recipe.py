"""Recipe: every parameter with its seed, the code version, and the commands that make the study again."""

from collections.abc import Sequence

import dash_mantine_components as dmc
from dash import Dash
from dash.development.base_component import Component

from backend.client import AsyncClient
from backend.contracts.messages import Analysis, Study, StudyCreate
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
    create = StudyCreate(name=study.name, type=study.type, parameters=study.parameters)
    house = [("Study", study.id), ("Type", study.type), ("Code version", study.code_version)]
    left = [facts([*house, *form.titled(study.type, study.parameters)])]
    return dmc.SimpleGrid(
        [card("Parameters", left), card("Make it again", code_panel(create, opened.origin))],
        cols={"base": 1, "md": 2},
        spacing="md",
    )


def register(app: Dash, client: AsyncClient) -> None:
    """A recipe never changes."""
