"""The explorer's own JavaScript, run in a browser, against the worker's science."""

import base64
import itertools
import re
from typing import Any

import httpx
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from playwright.sync_api import Page

from backend.services.machine_parameters import pack
from tests.web import ZOO, Web
from worker.experiments.starts import ranked
from worker.rbm.analysis.spectrum import spectrum
from worker.rbm.generation import generate
from worker.rbm.machine import Machine
from worker.rbm.machine_file import read_machine
from worker.rbm.pruning import prune, pruning_order

RULES = ("magnitude", "random", "hidden_unit")
LEVELS = (0.0, 0.3, 0.8, 0.8000016, 0.9005, 1.0)
NUM_CHAINS = 2000
GIBBS_STEPS = 30
STANDARD_ERRORS = 5

# What each test needs of the page's modules; `bytes` is a machine in the compact form.
PROLOGUE = """async ({base, bytes, ...given}) => {
  const load = (name) => import(base + name + '.js');
  const { readParameters } = await load('parameters');
  const { numZeroWeights, pruningOrder, ranksOf } = await load('pruning');
  const { Sampler } = await load('sampler');
  const fromText = (text) => Uint8Array.from(atob(text), (one) => one.charCodeAt(0));
  const toText = (array) => {
    const raw = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
    let text = '';
    for (let at = 0; at < raw.length; at += 4096) text += String.fromCharCode(...raw.subarray(at, at + 4096));
    return btoa(text);
  };
  const machine = readParameters(fromText(bytes).buffer);
  const sampler = (p = 0) => {
    const made = new Sampler(machine);
    made.prune(ranksOf(pruningOrder(machine, 'magnitude')), numZeroWeights(p, machine.numWeights));
    return made;
  };
"""


@pytest.fixture
def run(explorer: Page, web: Web) -> Any:
    found = re.search(r'src="(/explorer/[0-9a-f]+/)main.js"', httpx.get(web.url).text)
    assert found
    explorer.goto("/login")  # a page of the same origin that does nothing by itself

    def run(body: str, data: bytes, **given: Any) -> Any:
        given |= {"base": found[1], "bytes": base64.b64encode(data).decode()}
        return explorer.evaluate(PROLOGUE + body + "}", given)

    return run


def numbers(text: str, kind: str) -> NDArray[Any]:
    return np.frombuffer(base64.b64decode(text), dtype=kind)


def compact(machine: Machine, seed: int = 0) -> bytes:
    names = ("weight_matrix", "vbias", "hbias")
    tensors = {name: getattr(machine, name)[0].numpy() for name in names}
    return pack({**tensors, "mask": np.packbits(machine.mask[0].numpy())}, seed, "lossless")


def of_zoo(dilution: str) -> Machine:
    return read_machine((ZOO / f"paper-schedule-p0-{dilution}.safetensors").read_bytes())[0]


def with_ties(num_visible: int = 13, num_hidden: int = 7) -> Machine:
    """Few different weights, of both signs, some 0 inside the mask; a fifth is masked."""
    generator = torch.Generator().manual_seed(3)
    weights = torch.randint(-3, 4, (1, num_visible, num_hidden), generator=generator) / 4
    mask = torch.rand(weights.shape, generator=generator) > 0.2
    return Machine(torch.where(mask, weights, 0.0), torch.zeros(1, num_visible), torch.zeros(1, num_hidden), mask)


MASKS = """
  const found = {};
  for (const rule of given.rules) {
    const order = pruningOrder(machine, rule);
    const ranks = ranksOf(order);
    found[rule] = given.levels.map((p) => {
      const count = numZeroWeights(p, machine.numWeights);
      return toText(Uint8Array.from(ranks, (rank, at) => (machine.mask[at] && rank >= count ? 1 : 0)));
    });
  }
  return found;
"""


@pytest.mark.parametrize("dilution", ["00", "80"])
def test_masks_are_the_workers_for_every_rule(run: Any, web: Web, dilution: str) -> None:
    """Kills: ties by another index, the random order of another generator or seed, p counted without the mask."""
    machine = of_zoo(dilution)
    machine_id = web.machines()[int(dilution) / 100]
    data = httpx.get(f"{web.url}/api/v1/machines/{machine_id}/parameters").content
    digest = httpx.get(f"{web.url}/api/v1/machines/{machine_id}").json()["digest"]
    found = run(MASKS, data, rules=RULES, levels=LEVELS)
    for rule in RULES:
        order = ranked(machine, digest, rule)
        for level, text in zip(LEVELS, found[rule], strict=True):
            expected = order.prune(level).mask[0].numpy().reshape(-1)
            assert np.array_equal(numbers(text, "u1").astype(bool), expected), (rule, level)


def test_masks_with_many_ties_are_the_workers(run: Any) -> None:
    """Kills: a sort that is not stable, halves rounded up, -0 or masked weights ordered among the others."""
    machine, seed = with_ties(), 2**40 + 17
    levels = [count / 182 for count in range(0, 183, 3)]  # every third is a half of one of the 91 weights
    found = run(MASKS, compact(machine, seed), rules=RULES, levels=levels)
    for rule in RULES:
        order = pruning_order(machine, rule, [torch.Generator().manual_seed(seed)])
        for level, text in zip(levels, found[rule], strict=True):
            expected = order.prune(level).mask[0].numpy().reshape(-1)
            assert np.array_equal(numbers(text, "u1").astype(bool), expected), (rule, level)


SAMPLES = """
  const made = sampler(given.p);
  made.restart(given.chains, given.seed, null);
  for (let step = 0; step < given.steps; step += 1) made.step();
  return toText(made.visible);
"""


def apart(ours: NDArray[Any], theirs: NDArray[Any]) -> NDArray[Any]:
    """Differences of the means of 0 and 1 in standard errors; 0 where all values are the same."""
    both = (ours.mean(axis=0) + theirs.mean(axis=0)) / 2
    error = np.sqrt(both * (1 - both) * (1 / len(ours) + 1 / len(theirs)))
    difference = ours.mean(axis=0) - theirs.mean(axis=0)
    return np.divide(difference, error, out=np.zeros_like(error), where=error > 0)


@pytest.mark.parametrize(("dilution", "p"), [("00", 0.0), ("00", 0.7), ("80", 0.93)])
def test_chains_have_the_workers_means(run: Any, dilution: str, p: float) -> None:
    """From the same start both give the same distribution after any number of steps.

    Every pixel's mean, and the mean of its product with the pixel below, is within 5 standard errors. Kills: W
    transposed, a bias forgotten or halved, probabilities instead of states, a visible unit drawn before the hidden
    ones, streams that two chains share, active rows that the unrolled or the sparse loop leaves out.
    """
    machine = of_zoo(dilution)
    text = run(SAMPLES, compact(machine), p=p, chains=NUM_CHAINS, steps=GIBBS_STEPS, seed=11)
    ours = numbers(text, "u1").reshape(NUM_CHAINS, 784).astype(float)
    pruned = prune(machine, p)
    theirs = generate(pruned, NUM_CHAINS, GIBBS_STEPS, [torch.Generator().manual_seed(5)])[0].numpy().astype(float)
    assert np.abs(apart(ours, theirs)).max() < STANDARD_ERRORS
    products = [chains[:, :-28] * chains[:, 28:] for chains in (ours, theirs)]
    assert np.abs(apart(products[0], products[1])).max() < STANDARD_ERRORS
    assert 0.05 < ours.mean() < 0.35, "the chains left their random start"


def test_held_pixels_give_the_conditional_distribution(run: Any) -> None:
    """Against enumeration. Kills: held pixels that the hidden units do not see, or that are drawn all the same."""
    generator = torch.Generator().manual_seed(8)
    weights = torch.randn(1, 7, 5, generator=generator)
    vbias, hbias = (torch.randn(1, size, generator=generator) / 2 for size in (7, 5))
    machine = Machine(weights, vbias, hbias, torch.ones_like(weights, dtype=torch.bool))
    held = np.array([1, 0, -1, -1, 1, -1, -1])
    states = np.array(list(itertools.product((0, 1), repeat=7)))
    states = states[(states[:, held >= 0] == held[held >= 0]).all(axis=1)]
    field = states @ weights[0].numpy() + hbias[0].numpy()
    energy = states @ vbias[0].numpy() + np.logaddexp(0, field).sum(axis=1)
    chance = np.exp(energy - np.logaddexp.reduce(energy))
    body = """
      const made = sampler();
      made.hold(given.held);
      made.restart(given.chains, 1, null);
      for (let step = 0; step < 60; step += 1) made.step();
      return toText(made.visible);
    """
    count = 20_000
    ours = numbers(run(body, compact(machine), held=held.tolist(), chains=count), "u1").reshape(count, 7)
    assert (ours[:, held >= 0] == held[held >= 0]).all()
    expected = chance @ states
    error = np.sqrt(expected * (1 - expected) / count)
    free = held < 0
    assert (np.abs(ours.mean(axis=0) - expected)[free] < STANDARD_ERRORS * error[free]).all()
    pairs = (states[:, free].T * chance) @ states[:, free]
    found = ours[:, free].astype(float).T @ ours[:, free] / count
    assert (np.abs(found - pairs) < STANDARD_ERRORS * np.sqrt(pairs * (1 - pairs) / count)).all()


def test_the_same_seed_gives_the_same_pictures_however_many_chains(run: Any) -> None:
    """Kills: streams that follow the number of chains, Math.random, a seed that is not used."""
    data = compact(of_zoo("80"))
    first = run(SAMPLES, data, p=0.8, chains=9, steps=5, seed=4)
    assert run(SAMPLES, data, p=0.8, chains=9, steps=5, seed=4) == first
    more = numbers(run(SAMPLES, data, p=0.8, chains=16, steps=5, seed=4), "u1")
    assert np.array_equal(more[: 9 * 784], numbers(first, "u1"))
    assert run(SAMPLES, data, p=0.8, chains=9, steps=5, seed=5) != first
    rows = numbers(first, "u1").reshape(9, 784)
    assert len({row.tobytes() for row in rows}) == 9


def test_chains_begin_at_the_given_images(run: Any) -> None:
    body = """
      const made = sampler();
      const images = Uint8Array.from({ length: 2 * 13 }, (_, at) => (at % 3 === 0 ? 1 : 0));
      made.restart(3, 1, images);
      return toText(made.visible);
    """
    found = numbers(run(body, compact(with_ties())), "u1")
    images = np.array([at % 3 == 0 for at in range(26)], dtype=np.uint8)
    assert np.array_equal(found, np.concatenate([images, images[:13]]))


def test_the_summary_counts_ink_and_distance(run: Any) -> None:
    body = """
      const made = sampler();
      made.restart(4, 2, null);
      return { text: toText(made.visible), ...made.summary() };
    """
    found = run(body, compact(with_ties()))
    chains = numbers(found["text"], "u1").reshape(4, 13).astype(int)
    assert found["ink"] == pytest.approx(chains.mean())
    distances = [np.abs(one - other).sum() for one, other in itertools.combinations(chains, 2)]
    assert found["distance"] == pytest.approx(np.mean(distances))


@pytest.mark.parametrize("shape", [None, (13, 7), (7, 13)])
def test_the_spectrum_is_the_workers(run: Any, shape: tuple[int, int] | None) -> None:
    """Kills: the Gram matrix of the wrong side, an eigenvalue lost by the reduction, the variance without its mean."""
    machine = of_zoo("40") if shape is None else with_ties(*shape)
    body = """
      const { eigenvalues, entryVariance, marchenkoPastur } = await load('spectrum');
      const { numVisible, numHidden } = machine;
      const ranks = ranksOf(pruningOrder(machine, 'magnitude'));
      const count = numZeroWeights(0.9, machine.numWeights);
      const kept = machine.weights.map((weight, at) => (ranks[at] >= count ? weight : 0));
      const random = marchenkoPastur(numVisible, numHidden, entryVariance(kept));
      return { values: toText(eigenvalues(kept, numVisible, numHidden)), random: toText(random) };
    """
    found = run(body, compact(machine))
    expected = spectrum(prune(machine, 0.9))
    values = expected.mean.numpy()
    assert np.abs(numbers(found["values"], "f8") - values).max() < 1e-10 * values[0]
    assert np.abs(numbers(found["random"], "f8") - expected.marchenko_pastur.numpy()).max() < 1e-8 * values[0]
