"""Every route is in the reference, and every example of the guide is Python."""

import ast
import re
from pathlib import Path

import pytest

from backend.api.app import create_api
from backend.api.openapi import document
from backend.contracts.messages import Session
from backend.services.laboratory import open_laboratory
from backend.settings import Settings

DOCS = Path(__file__).parents[2] / "docs"
REFERENCE = (DOCS / "reference" / "http-api.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def described(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, dict[str, object]]]:
    home = tmp_path_factory.mktemp("home")
    lab = open_laboratory(Settings(dilution_lab_home=home, models_store=str(home)))
    paths: dict[str, dict[str, dict[str, object]]] = document(create_api(lab))["paths"]
    lab.close()
    return paths


def test_the_reference_has_every_route_and_no_other(described: dict[str, dict[str, object]]) -> None:
    routes = {f"{method.upper()} {path.removeprefix('/api/v1')}" for path, all_ in described.items() for method in all_}
    documented = set(re.findall(r"^\| `((?:GET|POST|DELETE|PUT|PATCH) [^`]+)` \|", REFERENCE, flags=re.MULTILINE))
    assert documented == routes


def test_every_route_explains_itself(described: dict[str, dict[str, dict[str, object]]]) -> None:
    for path, operations in described.items():
        for method, operation in operations.items():
            assert operation["summary"], (method, path)
            assert operation["description"], (method, path)
            assert operation["tags"], (method, path)
            responses = operation["responses"]
            assert isinstance(responses, dict)
            assert list(responses["4XX"]["content"]) == ["application/problem+json"], (method, path)


def test_the_reference_names_every_scope() -> None:
    scopes = Session.model_json_schema()["properties"]["scope"]["enum"]
    assert re.findall(r"^\| `(read|submit|admin)` \|", REFERENCE, flags=re.MULTILINE) == scopes


def test_the_guides_python_is_python() -> None:
    guide = (DOCS / "how-to" / "use-the-api.md").read_text(encoding="utf-8")
    examples = re.findall(r"```python\n(.*?)```", guide, flags=re.DOTALL)
    assert len(examples) == 5
    for example in examples:
        ast.parse(example)
