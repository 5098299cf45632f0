/* What is left of a machine at a pruning level, kept up to date weight by weight: moving costs what changes. */

import { pruningOrder, ranksOf } from "./pruning.js";

export const NUM_BINS = 81;

export class Survivors {
  constructor(machine, rule) {
    this.machine = machine;
    this.order = pruningOrder(machine, rule);
    this.ranks = ranksOf(this.order);
    this.numMissing = machine.numWeights - machine.numKept;
    this.numPruned = this.numMissing;
    this.perPixel = new Uint32Array(machine.numVisible);
    this.perUnit = new Uint32Array(machine.numHidden);
    this.scale = scaleOf(machine);
    this.largest = largestOf(machine.weights);
    this.bins = new Uint32Array(NUM_BINS);
    this.squaresGone = squaresGone(machine, this.order);
    this.binOf = binsOf(machine.weights, this.largest);
    for (let place = this.numMissing; place < this.order.length; place += 1) this.count(this.order[place], 1);
    this.allBins = this.bins.slice();
    this.mostPerPixel = this.perPixel.reduce((high, count) => Math.max(high, count), 1);
  }

  /* Go to a number of pruned weights; `changed(index, alive)` is told every weight that comes or goes. */
  moveTo(numPruned, changed) {
    const wanted = Math.max(numPruned, this.numMissing);
    const alive = wanted < this.numPruned;
    const [from, to] = alive ? [wanted, this.numPruned] : [this.numPruned, wanted];
    for (let place = from; place < to; place += 1) {
      this.count(this.order[place], alive ? 1 : -1);
      changed(this.order[place], alive);
    }
    this.numPruned = wanted;
  }

  count(at, change) {
    const { numHidden } = this.machine;
    const unit = at % numHidden;
    this.perUnit[unit] += change;
    this.perPixel[(at - unit) / numHidden] += change;
    this.bins[this.binOf[at]] += change;
  }

  get numLeft() {
    return this.machine.numWeights - this.numPruned;
  }

  get numDeadUnits() {
    return this.perUnit.reduce((count, left) => count + (left === 0 ? 1 : 0), 0);
  }

  /* The share of the sum of the squared weights that is left. */
  get shareOfSquares() {
    const { squaresGone: gone } = this;
    return 1 - gone[this.numPruned] / gone[gone.length - 1];
  }
}

/* Four standard deviations of the weights inside the mask: the end of the colours. */
function scaleOf({ weights, numKept }) {
  let square = 0;
  for (let at = 0; at < weights.length; at += 1) square += weights[at] * weights[at];
  return 4 * Math.sqrt(square / Math.max(1, numKept)) || 1;
}

function largestOf(weights) {
  let largest = 0;
  for (let at = 0; at < weights.length; at += 1) if (Math.abs(weights[at]) > largest) largest = Math.abs(weights[at]);
  return largest || 1;
}

/* The place of each weight in the histogram, from -largest to largest. */
function binsOf(weights, largest) {
  const bins = new Uint8ClampedArray(weights.length); // it rounds, too
  for (let at = 0; at < bins.length; at += 1) bins[at] = ((weights[at] / largest + 1) / 2) * (NUM_BINS - 1);
  return bins;
}

function squaresGone({ weights }, order) {
  const gone = new Float64Array(order.length + 1);
  for (let place = 0; place < order.length; place += 1) {
    const weight = weights[order[place]];
    gone[place + 1] = gone[place] + weight * weight;
  }
  return gone;
}
