"""The speed of the device, measured at a worker's start and by its jobs."""

import itertools
from pathlib import Path
from types import SimpleNamespace

import pytest

from worker import heartbeat, speed


def test_the_rate_is_chain_steps_by_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kills: chains, steps or the settling counted wrongly. A clock that moves an eighth of a second at each look."""
    ticks = itertools.count()
    monkeypatch.setattr(speed, "time", SimpleNamespace(perf_counter=lambda: next(ticks) / 8))
    monkeypatch.setattr(speed, "NUM_CHAINS", 3)
    monkeypatch.setattr(speed, "STEPS_PER_BLOCK", 5)
    monkeypatch.setattr(speed, "SETTLING_STEPS", 1)
    monkeypatch.setattr(speed, "MEASURED_SECONDS", 0.5)
    assert speed.measured_rate("cpu") == pytest.approx(3 * 5 * 3 / 0.5), "three blocks before the clock shows 4/8 s"


def test_without_the_machine_nothing_is_measured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Kills: a worker that does not start where the zoo was left out."""
    monkeypatch.setattr(speed, "MACHINE", tmp_path / "gone.safetensors")
    assert speed.measured_rate("cpu") is None


def test_a_job_changes_the_expected_speed_as_much_as_it_lasted() -> None:
    """Kills: a second of a job that counts as much as an hour, and an hour that counts for nothing."""
    assert heartbeat.remembered_rate(None, 7.0, 1.0) == 7.0
    assert heartbeat.remembered_rate(200.0, 100.0, heartbeat.MEMORY_SECONDS) == pytest.approx(150.0)
    assert heartbeat.remembered_rate(200.0, 100.0, 0.3) == pytest.approx(199.0, abs=0.05)
    assert heartbeat.remembered_rate(200.0, 100.0, 3600.0) == pytest.approx(100.8, abs=0.05)
