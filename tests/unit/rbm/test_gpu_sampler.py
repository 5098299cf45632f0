"""The GPU sampler where there is neither a GPU nor Triton's interpreter: choice, tiles, and what its kernels become."""

import importlib.util
import json
import os
import subprocess
import sys

import pytest
import torch

from tests.oracle import exact
from worker.rbm import sampling
from worker.rbm.sampling import fused
from worker.rbm.sampling.gpu.tiles import Tiles, padded, replica_bytes, replica_groups

CUDA = torch.device("cuda", 0)


def python(*arguments, **variables):
    """Run Python without the interpreter of this test run's kernels."""
    environment = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"} | variables
    command = [sys.executable, *arguments]
    return subprocess.run(command, env=environment, check=True, capture_output=True, text=True, timeout=900).stdout


@pytest.fixture
def without_triton(monkeypatch):
    """A host with a GPU whose torch came without Triton."""
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *rest: None if name == "triton" else found(name, *rest)
    )
    sampling.default_sampler.cache_clear()
    yield
    sampling.default_sampler.cache_clear()


@pytest.mark.usefixtures("without_triton")
def test_without_triton_a_gpu_samples_with_plain_torch_and_the_log_says_why(caplog):
    """Kills: a fallback that is silent, logged at every update, or missing."""
    assert [sampling.default_sampler(CUDA) for _ in range(3)] == ["float"] * 3
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "Triton is not installed" in caplog.text
    assert sampling.default_sampler(torch.device("cpu")) == "fixed_point"
    with pytest.raises(ValueError, match="Triton is not installed"):
        sampling.prepare(exact.tiny_machine(), "fused")


@pytest.mark.parametrize(
    ("cuda", "capability", "reason"),
    [
        ("13.0", (9, 0), None),
        ("13.0", (8, 0), None),
        ("13.0", (7, 5), "compute capability (7, 5) is below (8, 0)"),
        (None, (9, 4), "this torch was not built for CUDA"),
    ],
)
def test_what_a_gpu_must_be(cuda, capability, reason, monkeypatch):
    """Kills: a device for which the kernels do not compile taken, one for which they do refused."""
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    monkeypatch.setattr(torch.version, "cuda", cuda)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 0)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    assert fused.why_not(CUDA) == reason
    assert fused.why_not(torch.device("cuda", 1)) is not None


def test_on_the_cpu_the_sampler_is_only_for_the_interpreter(monkeypatch):
    """Kills: kernels for CUDA started on tensors in main memory."""
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    with pytest.raises(ValueError, match="it needs CUDA"):
        sampling.prepare(exact.tiny_machine(), "fused")


def test_nothing_of_the_worker_loads_triton_by_itself():
    """Kills: an import at the top of a module, which breaks every host with torch for CPU."""
    script = (
        "import sys; sys.modules['triton'] = None\n"
        "from worker.rbm import registry\n"
        "from worker.rbm.training import train\n"
        "from worker import catalogue\n"
        "print(sorted(registry.family('samplers')))"
    )
    assert python("-c", script).strip() == "['fixed_point', 'float', 'fused', 'reference']"


@pytest.mark.parametrize(
    ("num_replicas", "fit", "expected"),
    [
        (15, 15, [15]),
        (16, 15, [8, 8]),
        (30, 15, [15, 15]),
        (31, 15, [10, 10, 11]),
        (3, 0, [1, 1, 1]),
        (1, 99, [1]),
    ],
)
def test_groups_fit_into_the_cache_and_are_equal(num_replicas, fit, expected):
    """Kills: a group too large, a small rest that leaves the device empty, a replica left out or twice."""
    groups = replica_groups(num_replicas, 1000, int(fit * 1000 / 0.6) + 1)
    assert [len(group) for group in groups] == expected
    assert [replica for group in groups for replica in group] == list(range(num_replicas))


def test_thirty_machines_of_the_paper_are_three_groups_in_the_cache_of_an_h100():
    """Kills: bytes of a replica that leave out its states or its padding."""
    size = replica_bytes(Tiles(), 784, 400, 500)
    assert size == 2 * 896 * 512 + 2 * 512 * (896 + 512)
    assert [len(group) for group in replica_groups(30, size, 50 * 2**20)] == [10, 10, 10]


def test_padded_sizes_are_whole_tiles():
    """Kills: a tile that reaches beyond its buffer."""
    tiles = Tiles(chains=128, units=32, inputs=64)
    assert [padded(size, 64) for size in (1, 64, 65)] == [64, 64, 128]
    assert [tiles.padded_units(size) for size in (1, 64, 65)] == [64, 64, 128]
    assert [tiles.padded_chains(size) for size in (0, 128, 129)] == [128, 128, 256]


@pytest.mark.parametrize("capability", [80, 90])
def test_kernels_compile_and_two_programs_fit_into_a_multiprocessor(capability, tmp_path):
    """Kills: what only the compiler refuses, since the interpreter checks no types; numbers that change threads.

    Triton compiles for a device that is not there. On Hopper only the store of the new states may redistribute a
    tensor, no register may be spilled, and every kernel but those that copy must use the tensor cores.
    """
    text = python("-m", "tests.gpu.compiled", "--capability", str(capability), TRITON_CACHE_DIR=str(tmp_path))
    report = json.loads(text)
    assert len(report) == 6
    for name, found in report.items():
        assert found["local"] == 0, name
        assert (found["tensor_core"] > 0) == (name not in {"load_parameters", "split_probabilities"}), name
    for name in ("half_step, hidden", "half_step, visible"):
        assert report[name]["registers"] <= 128
        assert report[name]["shared"] <= 227 * 1024 // 2
        if capability == 90:
            assert report[name]["stack"] == 0
            assert report[name]["conversions"] == 1
