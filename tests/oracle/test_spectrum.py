"""Spectra by another decomposition, the Marchenko-Pastur law by integration and simulation, crossings by hand."""

import itertools
import math
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.oracle import exact
from worker.rbm.analysis import plain
from worker.rbm.analysis.marchenko_pastur import marchenko_pastur_cdf, marchenko_pastur_quantiles
from worker.rbm.analysis.spectrum import crossing_index, eigenvalues, entry_variance, spectrum
from worker.rbm.machine_file import read_machine

ZOO = sorted(Path("models_store/zoo").glob("*.safetensors"))
MODES = 101
CROSSES_AT = 23


@pytest.mark.parametrize(("num_visible", "num_hidden"), [(7, 5), (5, 7)])
def test_eigenvalues_by_another_decomposition(num_visible, num_hidden):
    """Kills: singular values that are not squared, float32, ascending order, zeros counted in, another replica."""
    machine = exact.tiny_machine(3, num_visible, num_hidden)
    got = eigenvalues(machine)
    assert got.dtype == torch.float64
    for replica in range(3):
        weights = machine.weight_matrix[replica].double().numpy()
        expected = np.linalg.eigvalsh(weights.T @ weights)[::-1][:5]
        assert got[replica].numpy() == pytest.approx(expected, rel=1e-11, abs=1e-13)


def test_band_and_variance_are_over_replicas_and_all_entries():
    """Kills: a variance of the unmasked weights alone or about 0, a std with n, a band over modes."""
    machine = exact.tiny_machine(3)
    got = spectrum(machine)
    values = got.eigenvalues.numpy()
    assert got.mean.numpy() == pytest.approx(values.mean(axis=0))
    assert got.std.numpy() == pytest.approx(values.std(axis=0, ddof=1))
    assert (got.lowest.tolist(), got.highest.tolist()) == (values.min(axis=0).tolist(), values.max(axis=0).tolist())
    variances = [float(np.var(weights.double().numpy())) for weights in machine.weight_matrix]
    assert entry_variance(machine).tolist() == pytest.approx(variances)
    expected = marchenko_pastur_quantiles(7, 5, float(np.mean(variances)))
    assert got.marchenko_pastur.tolist() == pytest.approx(expected.tolist())
    assert all(math.isnan(value) for value in plain(spectrum(machine.replica(0)))["std"])


@pytest.mark.parametrize("ratio", [0.05, 0.51, 0.97, 1.0])
def test_distribution_function_is_the_integral_of_the_density(ratio):
    """Kills: any wrong term of the closed form. Integrated over the angle, where the density has no edges."""
    low, high = (1 - math.sqrt(ratio)) ** 2, (1 + math.sqrt(ratio)) ** 2
    angle = (np.arange(100_000) + 0.5) * math.pi / 100_000
    x = (low + high) / 2 - (high - low) / 2 * np.cos(angle)
    mass = np.sqrt((high - x) * (x - low)) / (2 * math.pi * ratio * x) * (high - low) / 2 * np.sin(angle)
    below = np.cumsum(mass) * math.pi / 100_000
    picked = np.arange(499, 100_000, 7919)
    middles = torch.from_numpy((x[picked] + x[picked + 1]) / 2)
    assert below[-1] == pytest.approx(1, abs=1e-8)
    assert marchenko_pastur_cdf(middles, ratio).numpy() == pytest.approx(below[picked], abs=1e-6)
    outside = torch.tensor([-1.0, low, high, 9.0], dtype=torch.float64)
    assert marchenko_pastur_cdf(outside, ratio).tolist() == pytest.approx([0, 0, 1, 1], abs=1e-7)


@pytest.mark.parametrize(("num_visible", "num_hidden"), [(787, 397), (397, 787), (397, 397)])
def test_random_matrices_have_the_quantiles(num_visible, num_hidden):
    """Kills: the ratio upside down, the shorter side as scale, quantiles at k / n, a standard deviation as variance.

    Inside, an eigenvalue strays by less than a spacing; the largest by the Tracy-Widom scale, of which 5 are allowed.
    """
    generator = torch.Generator().manual_seed(3)
    weights = 0.3 * torch.randn(num_visible, num_hidden, generator=generator, dtype=torch.float64)
    simulated = torch.linalg.svdvals(weights).square()
    expected = marchenko_pastur_quantiles(num_visible, num_hidden, 0.09)
    away = (simulated - expected).abs()
    assert float(away[20:].max()) < 0.01 * float(expected[0])
    roots = math.sqrt(num_visible), math.sqrt(num_hidden)
    assert float(away.max()) < 5 * 0.09 * sum(roots) * (1 / roots[0] + 1 / roots[1]) ** (1 / 3)
    assert abs(float((simulated - expected).mean())) < 0.002 * float(expected[0])


@pytest.mark.parametrize(("num_visible", "num_hidden"), [(787, 397), (397, 787)])
def test_quantiles_have_the_moments(num_visible, num_hidden):
    """Kills: what random matrices are too noisy for. E tr = s^2 v h, E tr of the square = s^4 v h (v + h)."""
    quantiles = marchenko_pastur_quantiles(num_visible, num_hidden, 0.09)
    product, total = num_visible * num_hidden, num_visible + num_hidden
    assert float(quantiles.sum()) == pytest.approx(0.09 * product, rel=1e-4)
    assert float(quantiles.square().sum()) == pytest.approx(0.09**2 * product * total, rel=1e-3)


def test_quantiles_of_the_semicircle():
    """Kills: a formula that fails for square matrices. There sqrt(x / (s^2 n)) is a quarter circle on [0, 2]."""
    quantiles = marchenko_pastur_quantiles(1009, 1009, 1.0).numpy() / 1009
    root = np.sqrt(quantiles) / 2
    above = 1 - (2 / math.pi) * (np.arcsin(root) + root * np.sqrt(1 - root**2))
    assert above == pytest.approx((np.arange(1009) + 0.5) / 1009, abs=1e-9)


def test_marchenko_pastur_refuses_what_has_no_law():
    """Kills: a NaN curve."""
    assert not bool(marchenko_pastur_quantiles(7, 5, 0.0).any())
    for arguments in [(0, 5, 1.0), (7, 5, -1.0), (7, 5, float("nan"))]:
        with pytest.raises(ValueError, match="variance"):
            marchenko_pastur_quantiles(*arguments)
    with pytest.raises(ValueError, match="ratio"):
        marchenko_pastur_cdf(torch.ones(1).double(), 1.5)


def crossing_spectra(shifts=(0.0,)):
    """Spectra that cross at mode 23, and that agree once more at the first and at the last mode; one of each shift."""
    mode = torch.arange(1, MODES + 1, dtype=torch.float64)
    spectra = {}
    for p0 in (0.8, 0.0, 0.3):
        logs = -0.05 * mode + p0 * (mode - CROSSES_AT) / 20
        logs[0], logs[-1] = 3.0, -9.0
        spectra[p0] = (logs + torch.tensor(shifts, dtype=torch.float64)[:, None]).exp()
    return spectra


def test_crossing_is_the_mode_of_least_spread():
    """Kills: an index from 0, the extremes taken for a crossing, the spread of eigenvalues instead of logarithms."""
    got = crossing_index(crossing_spectra(), torch.Generator())
    assert (got.index, got.first, got.last) == (CROSSES_AT, 2, 50)
    assert math.isnan(got.interval.low)
    assert "one replica" in got.reason
    logs = np.stack([values.log().numpy().mean(axis=0) for values in crossing_spectra().values()])
    assert got.spread.numpy() == pytest.approx(logs.std(axis=0), abs=1e-12)


def test_crossing_has_a_bootstrap_interval_over_replicas():
    """Kills: one resample for all p0, resampled modes. 2 replicas: each resample is one replica of each p0."""
    spectra = crossing_spectra(shifts=(0.1, -0.12))
    got = crossing_index(spectra, torch.Generator().manual_seed(1), num_resamples=4000)
    assert got.reason is None
    logs = [spectra[p0].log().numpy() for p0 in sorted(spectra)]
    index = {}
    for picks in itertools.product(range(2), repeat=3):
        spread = np.std([values[pick] for values, pick in zip(logs, picks, strict=True)], axis=0)
        index[picks] = int(spread[1:50].argmin()) + 2
    ends = min(index.values()), max(index.values())
    assert not {index[0, 0, 0], index[1, 1, 1]} & set(ends)
    assert (got.interval.low, got.interval.high) == ends
    means = np.stack([one.mean(axis=0) for one in logs])
    assert got.index == int(means.std(axis=0)[1:50].argmin()) + 2


def test_the_zoo_crosses_near_mode_47():
    """Kills: what only shows in trained machines; the reference value is 47, 42 to 52 are allowed."""
    spectra = {}
    for path in ZOO:
        machine, _ = read_machine(path.read_bytes())
        spectra[int(path.stem[-2:]) / 100] = eigenvalues(machine)
    assert sorted(spectra) == [0.0, 0.2, 0.4, 0.6, 0.8]
    assert [float(spectra[p0][0, 0]) for p0 in sorted(spectra)] == pytest.approx([487, 387, 304, 233, 180], rel=0.05)
    index = crossing_index(spectra, torch.Generator()).index
    assert 42 <= index <= 52


def test_no_crossing_has_a_reason(unchecked_shapes):
    """Kills: an index for spectra that never cross, whose logarithm is undefined or that are alone."""
    generator = torch.Generator()
    parallel = {p0: (1 - p0) * torch.linspace(9, 1, MODES, dtype=torch.float64)[None] for p0 in (0.0, 0.2, 0.4)}
    assert crossing_index(parallel, generator).index is None
    assert "same order" in crossing_index(parallel, generator).reason
    flat = crossing_spectra()
    flat[0.3] = torch.where(torch.arange(MODES) < 40, flat[0.3], 1e-40)
    assert "0" in crossing_index(flat, generator).reason
    assert math.isnan(float(crossing_index(flat, generator).spread[45]))
    alone = crossing_index({0.0: parallel[0.0]}, generator)
    assert (alone.index, len(alone.spread)) == (None, MODES)
    assert "at least 2" in alone.reason
    assert crossing_index({}, generator).index is None
    with pytest.raises(ValueError, match="one shape"):
        crossing_index({0.0: parallel[0.0], 0.2: parallel[0.2][:, :50]}, generator)
