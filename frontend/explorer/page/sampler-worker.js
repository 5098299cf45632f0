/* The thread of the chains: steps, and sends a frame whenever the page has drawn an earlier one. */

import { pruningOrder, ranksOf } from "./pruning.js";
import { Sampler } from "./sampler.js";

const FRAMES_PER_SECOND = 60;
const MOST_IN_FLIGHT = 2;
const MOST_MILLISECONDS = 30;

let sampler = null;
let ranks = null;
let rule = null;
let wanted = null;
let settings = { paused: false, stepsPerSecond: 60, show: "chance" };
let inFlight = 0;
let generation = 0;
let timer = 0;
let due = 0;
let stepMilliseconds = 0;

const actions = {
  machine(message) {
    sampler = new Sampler(message.machine);
    rule = null;
    wanted = message;
    generation = message.generation;
    actions.hold(message);
    actions.restart(message);
  },
  prune(message) {
    wanted = message; // of many moves of the slider within a frame only the last is done
  },
  hold(message) {
    sampler.hold(message.pixels);
  },
  restart(message) {
    sampler.restart(message.numChains, message.seed, message.images);
    send();
  },
  settings(message) {
    settings = { ...settings, ...message.settings };
    due = performance.now();
    if (settings.paused && sampler) send();
  },
  step() {
    advance(1);
    send();
  },
  drawn({ count }) {
    inFlight -= count;
  },
};

self.onmessage = ({ data }) => {
  actions[data.kind](data);
  schedule();
};

function schedule() {
  if (timer || !sampler || settings.paused || inFlight >= MOST_IN_FLIGHT) return;
  timer = setTimeout(run, Math.max(0, due - performance.now()));
}

function run() {
  timer = 0;
  if (settings.paused || inFlight >= MOST_IN_FLIGHT) return;
  const frames = Math.min(settings.stepsPerSecond, FRAMES_PER_SECOND);
  due = Math.max(due + 1000 / frames, performance.now());
  advance(Math.max(1, Math.round(settings.stepsPerSecond / frames)));
  send();
  schedule();
}

function prune() {
  if (!wanted) return;
  if (rule !== wanted.rule) {
    rule = wanted.rule;
    ranks = ranksOf(pruningOrder(sampler.machine, rule));
  }
  sampler.prune(ranks, wanted.numPruned);
  wanted = null;
}

function advance(count) {
  prune();
  const began = performance.now();
  let done = 0;
  while (done < count && (done === 0 || performance.now() - began < MOST_MILLISECONDS)) {
    sampler.step();
    done += 1;
  }
  stepMilliseconds = (performance.now() - began) / done;
}

function send() {
  const shown = settings.show === "chance" ? sampler.chance.slice() : sampler.visible.map((bit) => 255 * bit);
  const { numChains, steps } = sampler;
  inFlight += 1;
  self.postMessage({ generation, pixels: shown, numChains, steps, stepMilliseconds, ...sampler.summary() }, [
    shown.buffer,
  ]);
}
