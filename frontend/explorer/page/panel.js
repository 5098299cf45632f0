/* One machine on the page: its pictures, its chains in a thread of their own, its curves and its spectrum. */

import * as api from "./api.js";
import { choices, drawCurve, sourceOf, valueAt } from "./curves.js";
import { MaskPicture, paintChains, paintDegrees, paintFilters, paintHistogram } from "./painting.js";
import { readParameters } from "./parameters.js";
import { drawPlot, short } from "./plot.js";
import { numZeroWeights } from "./pruning.js";
import { Survivors } from "./survivors.js";
import { describe } from "./words.js";

const UNITS_SHOWN = 48;
const FILTER_COLUMNS = 16;
const WORDS_EVERY = 500;
const MEASURE_LEVELS = 11;
const MEASURE = { num_samples: 1000, gibbs_steps: 200 };
const CURVES_EVERY = 3000;

export class Panel {
  constructor(place, app) {
    this.app = app;
    this.root = document.getElementById("panel").content.firstElementChild.cloneNode(true);
    this.root.classList.add("loading");
    place.append(this.root);
    this.filterPage = 0;
    this.find = (selector) => this.root.querySelector(selector);
    this.find(".later").addEventListener("click", () => this.turnFilters(1));
    this.find(".earlier").addEventListener("click", () => this.turnFilters(-1));
    this.find(".metric").addEventListener("change", (event) => {
      this.metric = event.target.value;
      this.drawCurves();
    });
    this.resized = new ResizeObserver(() => this.machine && this.paintPlots());
    this.resized.observe(this.root);
    this.sampler = thread("./sampler-worker.js", (frame) => this.receive(frame));
  }

  /* Fetch a machine and show it; an older request that comes late is dropped. */
  async load(info) {
    const wanted = (this.wanted = Symbol(info.id));
    this.root.classList.add("loading");
    const buffer = await api.parameters(info.id);
    if (this.wanted !== wanted) return;
    this.frame = null;
    this.generation = (this.generation ?? 0) + 1;
    clearTimeout(this.curvesTimer);
    this.info = info;
    this.machine = readParameters(buffer);
    this.measured = null;
    this.spectrum = null;
    this.find(".machine-name").textContent = info.name;
    this.find(".machine-page").href = `/machines/${info.id}`;
    this.strongest = strongestUnits(this.machine);
    this.start();
    this.root.classList.remove("loading");
    this.loadCurves();
  }

  start() {
    const { state, palette } = this.app;
    this.rank(state.rule);
    this.mask = new MaskPicture(this.find(".mask"), this.machine, this.survivors.scale);
    this.survivors.moveTo(this.numPruned(), () => {});
    this.mask.paintAll(this.survivors, palette);
    this.paintSmall();
    this.sampler.postMessage({ kind: "settings", settings: this.settings() });
    this.sampler.postMessage({
      kind: "machine", generation: this.generation, machine: this.machine, rule: state.rule, numPruned: this.survivors.numPruned,
      pixels: this.held(), ...this.beginning(),
    });
    this.untold = true;
  }

  /* The spectrum of the present weights, in its own thread, which begins when the first picture is there. */
  askForSpectrum() {
    if (!this.frame) return;
    this.analyst = this.analyst ?? thread("./spectrum-worker.js", (spectrum) => this.receiveSpectrum(spectrum));
    const machine = this.untold ? this.machine : null;
    this.untold = false;
    this.analyst.postMessage({ machine, rule: this.rule, numPruned: this.survivors.numPruned });
  }

  remove() {
    this.wanted = null;
    this.machine = null;
    this.sampler.terminate();
    this.analyst?.terminate();
    clearTimeout(this.curvesTimer);
    this.resized.disconnect();
    this.root.remove();
  }

  rank(rule) {
    this.rule = rule;
    this.survivors = new Survivors(this.machine, rule);
  }

  numPruned() {
    return numZeroWeights(this.app.state.p, this.machine.numWeights);
  }

  /* Follow p and the rule: the mask is painted before this returns, the rest before the screen shows it. */
  prune() {
    if (!this.machine) return;
    const { state, palette } = this.app;
    const { mask } = this;
    if (this.rule !== state.rule) {
      this.rank(state.rule);
      this.survivors.moveTo(this.numPruned(), () => {});
      mask.paintAll(this.survivors, palette);
      this.showChoices();
    } else {
      this.survivors.moveTo(this.numPruned(), (at, alive) => mask.change(at, alive));
      mask.show();
    }
    this.sampler.postMessage({ kind: "prune", rule: state.rule, numPruned: this.survivors.numPruned });
    this.askForSpectrum();
    if (this.followed) return;
    this.followed = requestAnimationFrame(() => {
      this.followed = 0;
      if (!this.machine) return;
      this.paintSmall();
      this.drawCurves();
      this.say();
    });
  }

  settings() {
    const { paused, speed, show } = this.app.state;
    return { paused, stepsPerSecond: speed, show };
  }

  changeSettings() {
    this.sampler.postMessage({ kind: "settings", settings: this.settings() });
  }

  step() {
    if (!this.machine) return;
    this.sampler.postMessage({ kind: "step" });
  }

  held() {
    const { held } = this.app.state;
    const pixels = new Int8Array(this.machine.numVisible).fill(-1);
    if (held && held.length <= pixels.length) pixels.set(held);
    return pixels;
  }

  hold() {
    if (!this.machine) return;
    this.sampler.postMessage({ kind: "hold", pixels: this.held() });
  }

  beginning() {
    const { chains, seed, start } = this.app.state;
    const { digits } = this.app;
    const images = start === "data" && digits && this.machine.numVisible === 784 ? digits : null;
    return { numChains: chains, seed, images };
  }

  restart() {
    if (!this.machine) return;
    this.sampler.postMessage({ kind: "restart", ...this.beginning() });
  }

  /* Frames are drawn with the screen's own beat; only then the thread makes more, so a hidden page rests. */
  receive(frame) {
    if (frame.generation === this.generation) this.frame = frame;
    this.owed = (this.owed ?? 0) + 1;
    if (this.owed > 1) return;
    requestAnimationFrame(() => {
      this.sampler.postMessage({ kind: "drawn", count: this.owed });
      this.owed = 0;
      if (this.frame && this.machine) this.showFrame();
    });
  }

  showFrame() {
    this.paintChains();
    if (this.shown === this.generation) return;
    this.shown = this.generation;
    this.askForSpectrum();
    this.app.firstFrame();
  }

  paintChains() {
    const { pixels, numChains, steps, ink, distance, stepMilliseconds } = this.frame;
    const canvas = this.find(".chains");
    paintChains(canvas, pixels, numChains, this.app.state.held, this.app.palette);
    canvas.dataset.steps = steps;
    const now = performance.now();
    if (now - (this.said ?? -WORDS_EVERY) < WORDS_EVERY && !this.app.state.paused) return;
    this.said = now;
    const apart = distance === null ? "" : `, two chains differ in ${Math.round(distance)} pixels`;
    const cost = stepMilliseconds ? ` A step takes ${stepMilliseconds.toFixed(1)} ms.` : "";
    this.find(".chains-note").textContent =
      `${numChains} chains, step ${steps.toLocaleString("en")}: ${(100 * ink).toFixed(1)} % ink${apart}.${cost}`;
    this.say();
  }

  paintSmall() {
    const { palette } = this.app;
    paintHistogram(this.find(".histogram"), this.survivors, palette);
    paintDegrees(this.find(".degree"), this.survivors, palette);
    this.paintFilters();
  }

  paintFilters() {
    const first = this.filterPage * UNITS_SHOWN;
    const units = this.strongest.slice(first, first + UNITS_SHOWN);
    const columns = this.find(".filters-frame").clientWidth < 480 ? FILTER_COLUMNS / 2 : FILTER_COLUMNS;
    paintFilters(this.find(".filters"), units, this.survivors, this.mask.levels, this.app.palette, columns);
    this.find(".filters-range").textContent = `${first + 1} to ${first + units.length} of ${this.machine.numHidden}`;
  }

  turnFilters(change) {
    if (!this.machine) return;
    const pages = Math.ceil(this.machine.numHidden / UNITS_SHOWN);
    this.filterPage = (this.filterPage + change + pages) % pages;
    this.paintFilters();
  }

  paintPlots() {
    this.paintSmall();
    this.drawCurves();
    this.drawSpectrum();
  }

  repaint() {
    if (!this.machine) return;
    this.mask.paintAll(this.survivors, this.app.palette);
    this.paintPlots();
    if (this.frame) this.paintChains();
  }

  receiveSpectrum(spectrum) {
    this.spectrum = spectrum;
    this.drawSpectrum();
    this.say();
  }

  drawSpectrum() {
    if (!this.spectrum) return;
    const { palette } = this.app;
    const { values, random, edge } = this.spectrum;
    const points = (list) => Array.from(list, (value, at) => [at + 1, value]).filter((point) => point[1] > list[0] * 1e-9);
    const lines = [
      { points: points(values), colour: palette.accent, label: "this machine" },
      { points: points(random), colour: palette.muted, dashed: true, label: "random entries" },
    ];
    drawPlot(this.find(".spectrum"), { lines, x: { label: "eigenvalue, by size", log: true, low: 1, high: values.length }, y: { label: "eigenvalue", log: true }, palette });
    const above = values.filter((value) => value > edge).length;
    this.find(".spectrum-note").textContent =
      `Largest ${short(values[0])}; ${above} above the edge ${short(edge)} of the Marchenko-Pastur law.`;
    this.find(".spectrum").dataset.pruned = this.spectrum.numPruned;
  }

  async loadCurves() {
    const { id } = this.info;
    try {
      const measured = await api.curves(id);
      if (this.info.id !== id || !this.machine) return;
      this.measured = measured;
    } catch (error) {
      this.find(".curves-note").textContent = error.message;
      return;
    }
    this.showChoices();
    this.drawCurves();
    this.say();
  }

  showChoices() {
    if (!this.measured) return;
    const select = this.find(".metric");
    this.choices = choices(this.measured, this.rule);
    select.replaceChildren(...this.choices.map(({ key, label }) => new Option(label, key)));
    select.hidden = this.choices.length < 2;
    if (!this.choices.some(({ key }) => key === this.metric)) this.metric = this.choices[0]?.key;
    select.value = this.metric ?? "";
    this.find(".plot-frame").hidden = !this.choices.length;
    this.find(".empty-curve").hidden = Boolean(this.choices.length);
    if (!this.choices.length) this.offerToMeasure();
  }

  get choice() {
    return this.choices?.find(({ key }) => key === this.metric) ?? null;
  }

  drawCurves() {
    const { choice } = this;
    const note = this.find(".curves-note");
    if (!this.measured || !choice) {
      note.textContent = "";
      return;
    }
    const p = Math.max(this.app.state.p, this.info.initial_dilution);
    drawCurve(this.find(".curves"), choice, p, this.app.palette);
    const value = valueAt(choice.curve, p);
    note.textContent = `${value === null ? "" : `${choice.info.label} = ${short(value)} here. `}${sourceOf(choice)}`;
  }

  offerToMeasure() {
    const box = this.find(".empty-curve");
    const button = document.createElement("button");
    button.className = "button";
    button.textContent = "Measure it";
    button.addEventListener("click", () => this.measure(box));
    const text = document.createElement("span");
    text.textContent = `Nothing was measured of this machine for this rule yet. Measuring takes ${MEASURE_LEVELS} levels of ${MEASURE.num_samples.toLocaleString("en")} samples, on the laboratory's worker.`;
    box.replaceChildren(text, button);
  }

  /* Order the levels from the laboratory, then look every few seconds until they are there. */
  async measure(box) {
    const { id, initial_dilution: lowest } = this.info;
    const rule = this.rule;
    box.replaceChildren("Ordered; the curve appears as the worker measures.");
    try {
      for (let level = 0; level < MEASURE_LEVELS; level += 1) {
        const p = lowest + ((1 - lowest) * level) / (MEASURE_LEVELS - 1);
        await api.measure(id, Math.round(p * 1000) / 1000, rule, MEASURE);
      }
    } catch (error) {
      box.replaceChildren(error.message);
      return;
    }
    this.watchCurves(id, rule);
  }

  watchCurves(id, rule) {
    this.curvesTimer = setTimeout(async () => {
      if (this.info?.id !== id || this.rule !== rule) return;
      const measured = await api.curves(id).catch(() => null);
      if (measured && this.info.id === id && this.machine) {
        this.measured = measured;
        const found = choices(measured, rule);
        if (found.length) {
          this.showChoices();
          this.drawCurves();
        }
        if (found.some(({ curve }) => curve.num_samples === MEASURE.num_samples && curve.points.length >= MEASURE_LEVELS)) return;
      }
      this.watchCurves(id, rule);
    }, CURVES_EVERY);
  }

  say() {
    if (!this.machine) return;
    const { state, digitDistance } = this.app;
    const { choice } = this;
    const p = Math.max(state.p, this.info.initial_dilution);
    const fresh = this.spectrum?.numPruned === this.survivors.numPruned ? this.spectrum : null;
    const sentences = describe({
      p: state.p, rule: this.rule, info: this.info, survivors: this.survivors, frame: this.frame, spectrum: fresh,
      measured: choice && { choice, value: valueAt(choice.curve, p) }, digitDistance, held: state.held,
    });
    const box = this.find(".words");
    while (box.children.length > sentences.length) box.lastChild.remove();
    sentences.forEach((sentence, at) => {
      const line = box.children[at] ?? box.appendChild(document.createElement("p"));
      if (line.textContent !== sentence) line.textContent = sentence;
    });
  }
}

function thread(file, receive) {
  const worker = new Worker(new URL(file, import.meta.url), { type: "module" });
  worker.onmessage = ({ data }) => receive(data);
  return worker;
}

/* Hidden units by the length of their weight vectors, longest first; ties by index. */
function strongestUnits({ weights, numHidden }) {
  const squares = new Float64Array(numHidden);
  for (let at = 0; at < weights.length; at += 1) squares[at % numHidden] += weights[at] * weights[at];
  return Array.from({ length: numHidden }, (_, unit) => unit).sort((a, b) => squares[b] - squares[a] || a - b);
}
