"""A study as commands to copy."""

import dash_mantine_components as dmc
from dash.development.base_component import Component

from backend.contracts.messages import StudyCreate
from frontend.reproduce import as_curl, as_python


def code_panel(study: StudyCreate, origin: str) -> Component:
    """Python and curl behind two tabs."""
    snippets = [
        {"fileName": "Python", "code": as_python(study, origin), "language": "python"},
        {"fileName": "curl", "code": as_curl(study, origin), "language": "bash"},
    ]
    return dmc.CodeHighlightTabs(code=snippets, copyLabel="Copy", copiedLabel="Copied")
