"""The panels of a study's page, one file for each tab. The folder is scanned: a new file is a new tab.

A panel declares `TAB` (its word in the address), `LABEL`, `PLACE` (its place among the tabs), `fits(study, analyses)`
(whether the study has what it shows), `layout(opened)` and `register(app, client)`; one with figures also
`figure_code(part, opened)`, the code that makes a figure as it is seen. One whose figures are there with its layout has
`fill(client, opened, content)`, which puts them in.
"""

import importlib
import pkgutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from types import ModuleType

from backend.contracts.messages import Analysis, Study
from frontend.routing import origin_of
from frontend.theme import Scheme


@dataclass(frozen=True)
class Opened:
    """What a panel is laid out for: the study, the query of the page's address, the whole address, and the colours."""

    study: Study
    query: Mapping[str, str]
    href: str | None = None
    scheme: Scheme = "light"

    @property
    def origin(self) -> str:
        """Scheme, host and port of the laboratory."""
        return origin_of(self.href)


@cache
def panels() -> tuple[ModuleType, ...]:
    """All panels in the order of their tabs."""
    modules = [importlib.import_module(f"{__name__}.{one.name}") for one in pkgutil.iter_modules(__path__)]
    return tuple(sorted((one for one in modules if hasattr(one, "TAB")), key=lambda one: one.PLACE))


def fitting(study: Study, analyses: Sequence[Analysis]) -> list[ModuleType]:
    """The panels for which the study has something to show."""
    return [one for one in panels() if one.fits(study, analyses)]


def panel(tab: str | None) -> ModuleType:
    """The panel of a tab; the first one if there is none of that name."""
    return next((one for one in panels() if tab == one.TAB), panels()[0])
