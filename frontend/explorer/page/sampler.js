/* Gibbs chains of a pruned machine. A step costs the rows of the active units only; where most weights are gone, only
   the weights that remain. Sums are in double precision.

   Each chain has a stream of its own, so the same seed gives the same pictures however many chains there are. */

import { next, streams } from "./random.js";

const SPARSE_BELOW = 0.22; // above, whole rows cost less than places and values
const TWO_32 = 4294967296;

export class Sampler {
  constructor(machine) {
    this.machine = machine;
    this.numPruned = -1;
    this.clamp = new Int8Array(machine.numVisible).fill(-1);
    this.hiddenField = new Float64Array(machine.numHidden);
    this.visibleField = new Float64Array(machine.numVisible);
    this.activeVisible = new Uint32Array(machine.numVisible);
    this.activeHidden = new Uint32Array(machine.numHidden);
    this.restart(1, 1, null);
  }

  /* Keep the weights whose rank is numPruned or more. */
  prune(ranks, numPruned) {
    const { weights, numVisible, numHidden, numWeights } = this.machine;
    const kept = new Float32Array(numWeights);
    let count = 0;
    for (let at = 0; at < numWeights; at += 1) {
      if (ranks[at] >= numPruned && weights[at] !== 0) {
        kept[at] = weights[at];
        count += 1;
      }
    }
    const make = count < SPARSE_BELOW * numWeights ? sparseRows : denseRows;
    this.fromVisible = make(kept, numVisible, numHidden);
    this.fromHidden = make(transposed(kept, numVisible, numHidden), numHidden, numVisible);
    this.numPruned = numPruned;
  }

  /* Begin numChains chains: from the given images (Uint8 0 and 1, one row an image) in turn, or from random pixels. */
  restart(numChains, seed, images) {
    const { numVisible } = this.machine;
    this.numChains = numChains;
    this.steps = 0;
    this.state = streams(seed, numChains);
    this.visible = new Uint8Array(numChains * numVisible);
    this.chance = new Uint8Array(numChains * numVisible);
    const numImages = images ? Math.floor(images.length / numVisible) : 0;
    for (let chain = 0; chain < numChains; chain += 1) {
      for (let pixel = 0; pixel < numVisible; pixel += 1) {
        const at = chain * numVisible + pixel;
        if (this.clamp[pixel] >= 0) this.visible[at] = this.clamp[pixel];
        else if (numImages) this.visible[at] = images[(chain % numImages) * numVisible + pixel];
        else this.visible[at] = next(this.state, chain) >>> 31;
        this.chance[at] = 255 * this.visible[at];
      }
    }
  }

  /* Hold pixels: 0 or 1, or -1 where a pixel is free. */
  hold(pixels) {
    this.clamp.set(pixels);
  }

  /* One Gibbs step of every chain: hidden units given the visible ones, then visible given hidden. */
  step() {
    for (let chain = 0; chain < this.numChains; chain += 1) this.stepChain(chain);
    this.steps += 1;
  }

  stepChain(chain) {
    const { numVisible, vbias, hbias } = this.machine;
    const { visible, activeVisible } = this;
    const first = chain * numVisible;
    let numActive = 0;
    for (let pixel = 0; pixel < numVisible; pixel += 1) {
      if (visible[first + pixel]) {
        activeVisible[numActive] = pixel;
        numActive += 1;
      }
    }
    this.fromVisible(this.hiddenField, hbias, activeVisible, numActive);
    const numOn = this.drawHidden(chain);
    this.fromHidden(this.visibleField, vbias, this.activeHidden, numOn);
    this.drawVisible(chain, first);
  }

  drawHidden(chain) {
    const { hiddenField, activeHidden, state } = this;
    const at = 4 * chain;
    let a = state[at], b = state[at + 1], c = state[at + 2], d = state[at + 3];
    let numOn = 0;
    for (let unit = 0; unit < hiddenField.length; unit += 1) {
      const five = Math.imul(b, 5);
      const draw = Math.imul((five << 7) | (five >>> 25), 9) >>> 0;
      const shifted = b << 9;
      c ^= a; d ^= b; b ^= c; a ^= d; c ^= shifted; d = (d << 11) | (d >>> 21);
      if (draw * (1 + Math.exp(-hiddenField[unit])) < TWO_32) {
        activeHidden[numOn] = unit;
        numOn += 1;
      }
    }
    state[at] = a; state[at + 1] = b; state[at + 2] = c; state[at + 3] = d;
    return numOn;
  }

  drawVisible(chain, first) {
    const { visibleField, visible, chance, clamp, state } = this;
    const at = 4 * chain;
    let a = state[at], b = state[at + 1], c = state[at + 2], d = state[at + 3];
    for (let pixel = 0; pixel < visibleField.length; pixel += 1) {
      const five = Math.imul(b, 5);
      const draw = Math.imul((five << 7) | (five >>> 25), 9) >>> 0;
      const shifted = b << 9;
      c ^= a; d ^= b; b ^= c; a ^= d; c ^= shifted; d = (d << 11) | (d >>> 21);
      const held = clamp[pixel];
      const inverse = 1 + Math.exp(-visibleField[pixel]);
      visible[first + pixel] = held >= 0 ? held : draw * inverse < TWO_32 ? 1 : 0;
      chance[first + pixel] = held >= 0 ? 255 * held : 255 / inverse;
    }
    state[at] = a; state[at + 1] = b; state[at + 2] = c; state[at + 3] = d;
  }

  /* The mean share of pixels that are on, and the mean number of pixels in which two chains differ. */
  summary() {
    const { numVisible } = this.machine;
    const { numChains, visible } = this;
    let on = 0;
    let apart = 0;
    for (let pixel = 0; pixel < numVisible; pixel += 1) {
      let count = 0;
      for (let chain = 0; chain < numChains; chain += 1) count += visible[chain * numVisible + pixel];
      on += count;
      apart += count * (numChains - count);
    }
    const pairs = (numChains * (numChains - 1)) / 2;
    return { ink: on / (numChains * numVisible), distance: pairs ? apart / pairs : null };
  }
}

function transposed(matrix, numRows, numColumns) {
  const turned = new Float32Array(matrix.length);
  for (let row = 0; row < numRows; row += 1) {
    for (let column = 0; column < numColumns; column += 1) {
      turned[column * numRows + row] = matrix[row * numColumns + column];
    }
  }
  return turned;
}

/* field = bias + the sum of the active rows of a matrix, four rows at a time: one load and store of the field for four. */
function denseRows(matrix, numRows, numColumns) {
  return (field, bias, active, numActive) => {
    field.set(bias);
    let done = 0;
    for (; done + 4 <= numActive; done += 4) {
      let a = active[done] * numColumns;
      let b = active[done + 1] * numColumns;
      let c = active[done + 2] * numColumns;
      let d = active[done + 3] * numColumns;
      for (let at = 0; at < numColumns; at += 1) {
        field[at] += matrix[a] + matrix[b] + (matrix[c] + matrix[d]);
        a += 1; b += 1; c += 1; d += 1;
      }
    }
    for (; done < numActive; done += 1) {
      let a = active[done] * numColumns;
      for (let at = 0; at < numColumns; at += 1) {
        field[at] += matrix[a];
        a += 1;
      }
    }
  };
}

/* The same from the weights that are there, row by row. */
function sparseRows(matrix, numRows, numColumns) {
  const starts = new Uint32Array(numRows + 1);
  for (let row = 0; row < numRows; row += 1) {
    let count = 0;
    for (let at = row * numColumns; at < (row + 1) * numColumns; at += 1) count += matrix[at] !== 0 ? 1 : 0;
    starts[row + 1] = starts[row] + count;
  }
  const columns = new Uint16Array(starts[numRows]);
  const values = new Float32Array(starts[numRows]);
  let used = 0;
  for (let at = 0; at < matrix.length; at += 1) {
    if (matrix[at] !== 0) {
      columns[used] = at % numColumns;
      values[used] = matrix[at];
      used += 1;
    }
  }
  return (field, bias, active, numActive) => {
    field.set(bias);
    for (let done = 0; done < numActive; done += 1) addRow(field, columns, values, starts[active[done]], starts[active[done] + 1]);
  };
}

/* The columns of a row differ, so four can be added before any is written. */
function addRow(field, columns, values, start, end) {
  let at = start;
  for (; at + 4 <= end; at += 4) {
    const a = columns[at], b = columns[at + 1], c = columns[at + 2], d = columns[at + 3];
    const first = field[a] + values[at];
    const second = field[b] + values[at + 1];
    const third = field[c] + values[at + 2];
    const fourth = field[d] + values[at + 3];
    field[a] = first; field[b] = second; field[c] = third; field[d] = fourth;
  }
  for (; at < end; at += 1) field[columns[at]] += values[at];
}
