"""The speed of the device, measured at a worker's start."""

import itertools
from pathlib import Path
from types import SimpleNamespace

import pytest

from worker import speed


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
