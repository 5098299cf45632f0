"""The whole laboratory as `make run` starts it: it answers, survives what dies, stops without leaving anything."""

import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from backend.client import Client
from tests.laboratory import DEADLINE_SECONDS, Laboratory, wait_until


@pytest.fixture
def laboratory(tmp_path: Path) -> Laboratory:
    return Laboratory(tmp_path)


def test_first_start_shows_zoo_and_demo_and_the_second_finds_them_again(laboratory: Laboratory) -> None:
    with laboratory.up() as launcher, Client(laboratory.url) as client:
        assert {machine.name for machine in client.machines(origin="zoo").items} == {
            f"Paper's schedule, p0 = {p0}" for p0 in ("0", "0.2", "0.4", "0.6", "0.8")
        }
        (demo,) = client.studies().items
        assert httpx.get(laboratory.url).text.count("Dilution Lab") >= 1
        client.delete_study(demo.id)
    assert launcher.returncode == 0
    assert laboratory.processes() == []

    with laboratory.up(), Client(laboratory.url) as client:
        assert len(client.machines(origin="zoo").items) == 5
        assert client.studies().items == [], "the demo study comes on the first start only"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Laboratory, subprocess.Popen[str]]]:
    """One laboratory for the tests after which it is still there, and at last for the one after which it is not."""
    laboratory = Laboratory(tmp_path_factory.mktemp("laboratory"))
    with laboratory.up() as launcher:
        yield laboratory, launcher


@pytest.mark.parametrize("module", ["worker", "lab.web"])
def test_what_is_killed_is_started_again(running: tuple[Laboratory, subprocess.Popen[str]], module: str) -> None:
    laboratory, launcher = running
    victims = {process.pid for process in laboratory.children(module)}
    assert victims
    for pid in victims:
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: {process.pid for process in laboratory.children(module)} - victims, launcher)
    wait_until(laboratory.healthy, launcher)


def test_a_second_laboratory_in_the_same_home_is_one_clear_line(
    running: tuple[Laboratory, subprocess.Popen[str]],
) -> None:
    second = Laboratory(running[0].folder).command()
    output, _ = second.communicate(timeout=DEADLINE_SECONDS)
    assert second.returncode == 1
    assert output.count("\n") == 1
    assert "a laboratory already runs in" in output


def test_a_killed_launcher_leaves_no_process(running: tuple[Laboratory, subprocess.Popen[str]]) -> None:
    laboratory, launcher = running
    assert len(laboratory.processes()) >= 4
    launcher.kill()
    launcher.wait()
    wait_until(lambda: laboratory.processes() == [])


def test_a_taken_port_is_one_clear_line(laboratory: Laboratory) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", laboratory.port))
        taken.listen()
        launcher = laboratory.command()
        output, _ = launcher.communicate(timeout=DEADLINE_SECONDS)
    assert launcher.returncode == 1
    assert output.count("\n") == 1
    assert f"port {laboratory.port} on 127.0.0.1 cannot be used (Address already in use)" in output


@pytest.mark.parametrize(
    ("variable", "value", "says"),
    [
        ("PORT", "eighty", "PORT"),
        ("HOST", "0.0.0.0", "token"),
        ("DATABASE_URL", "postgresql+psycopg://nobody@127.0.0.1:1/nothing", "database"),
        ("LEASE_SECONDS", "-1", "LEASE_SECONDS"),
    ],
)
def test_a_wrong_setting_is_one_clear_line(laboratory: Laboratory, variable: str, value: str, says: str) -> None:
    laboratory.environment[variable] = value
    launcher = laboratory.command()
    output, _ = launcher.communicate(timeout=DEADLINE_SECONDS)
    assert launcher.returncode == 1
    assert output.strip().count("\n") == 0, output
    assert output.startswith("dilution-lab: ")
    assert says in output
