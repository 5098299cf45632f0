"""docker-compose.yml runs the commands that the launcher runs, on the same settings."""

from pathlib import Path

import yaml

from backend.settings import Settings

ROOT = Path(__file__).parents[2]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
OURS = ("first-start", "api", "dashboard", "worker", "worker-gpu")


def test_every_variable_of_our_services_is_a_setting() -> None:
    """Kills: a misspelt variable, which pydantic-settings would ignore in silence."""
    known = {name.upper() for name in Settings.model_fields}
    for name in OURS:
        assert set(COMPOSE["services"][name]["environment"]) <= known, name


def test_commands_are_modules_that_exist() -> None:
    for name in OURS:
        python, flag, module, *_ = COMPOSE["services"][name]["command"]
        assert (python, flag) == ("python", "-m")
        path = ROOT / module.replace(".", "/")
        assert path.with_suffix(".py").exists() or (path / "__main__.py").exists(), module


def test_only_the_proxy_is_published_and_on_loopback_by_default() -> None:
    published = {name: service["ports"] for name, service in COMPOSE["services"].items() if "ports" in service}
    assert published == {"proxy": ["${PUBLISH:-127.0.0.1:8050}:8050"]}


def test_workers_can_be_multiplied_and_one_reserves_a_gpu() -> None:
    assert "container_name" not in COMPOSE["services"]["worker"]
    (device,) = COMPOSE["services"]["worker-gpu"]["deploy"]["resources"]["reservations"]["devices"]
    assert device["capabilities"] == ["gpu"]
