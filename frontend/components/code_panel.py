"""A study, or a figure of one, as commands to copy."""

import dash_mantine_components as dmc
from dash.development.base_component import Component

from backend.contracts.messages import StudyCreate
from frontend.reproduce import as_curl, as_python


def code_panel(study: StudyCreate, origin: str) -> Component:
    """Python and curl behind two tabs."""
    return snippets_panel(as_python(study, origin), as_curl(study, origin))


def snippets_panel(python: str, curl: str) -> Component:
    """A script and a command, to be copied."""
    snippets = [
        {"fileName": "Python", "code": python, "language": "python"},
        {"fileName": "curl", "code": curl, "language": "bash"},
    ]
    return dmc.CodeHighlightTabs(code=snippets, copyLabel="Copy", copiedLabel="Copied")
