/* Which weights go at a total pruning p: the rules of worker/rbm/pruning, with the same counts and the same ties. */

import { permutation } from "./random.js";

export const RULES = ["magnitude", "random", "hidden_unit"];
const RADIX_BITS = 11;
const RADIX_MASK = (1 << RADIX_BITS) - 1;

/* How many of numWeights weights are zero: round(p numWeights), halves to even. */
export function numZeroWeights(p, numWeights) {
  const exact = p * numWeights;
  const below = Math.floor(exact);
  if (exact - below !== 0.5) return Math.round(exact);
  return below % 2 === 0 ? below : below + 1;
}

/* The flat indices of the weights in the order in which a rule prunes them: those outside the mask first. */
export function pruningOrder(machine, rule) {
  const { weights, mask, numHidden, seed } = machine;
  if (rule === "magnitude") return bySize(weights, mask);
  if (rule === "random") return maskedFirst(mask, permutation(seed, weights.length));
  if (rule === "hidden_unit") return byUnit(weights, mask, numHidden);
  throw new Error(`${rule} is not a pruning rule: ${RULES.join(", ")}`);
}

/* The place of each weight in an order. */
export function ranksOf(order) {
  const ranks = new Uint32Array(order.length);
  for (let place = 0; place < order.length; place += 1) ranks[order[place]] = place;
  return ranks;
}

/* Floats without their sign are ordered as their bits are. */
function bySize(weights, mask) {
  const keys = new Uint32Array(weights.buffer, weights.byteOffset, weights.length).slice();
  for (let at = 0; at < keys.length; at += 1) keys[at] &= 0x7fffffff;
  return maskedFirst(mask, keys);
}

/* By the rank of each weight within its hidden unit, masked ones counted, ties by index. */
function byUnit(weights, mask, numHidden) {
  const keys = new Uint32Array(weights.length);
  const seen = new Uint32Array(numHidden);
  const order = bySize(weights, mask);
  for (let place = 0; place < order.length; place += 1) {
    const at = order[place];
    const unit = at % numHidden;
    keys[at] = seen[unit];
    seen[unit] += 1;
  }
  return maskedFirst(mask, keys);
}

/* Indices outside the mask as they come, then those inside by ascending key, equal keys by index: a radix sort. */
function maskedFirst(mask, keys) {
  const order = new Uint32Array(keys.length);
  let numMasked = 0;
  for (let at = 0; at < keys.length; at += 1) {
    order[numMasked] = at; // overwritten by the next one if this one is inside
    numMasked += mask[at] ? 0 : 1;
  }
  let from = order.subarray(numMasked);
  for (let at = 0, used = 0; at < keys.length; at += 1) {
    if (mask[at]) {
      from[used] = at;
      used += 1;
    }
  }
  let to = new Uint32Array(from.length);
  for (let shift = 0; shift < 32; shift += RADIX_BITS) {
    pass(keys, shift, from, to);
    [from, to] = [to, from];
  }
  order.set(from, numMasked);
  return order;
}

function pass(keys, shift, from, to) {
  const starts = new Uint32Array(RADIX_MASK + 2);
  for (let place = 0; place < from.length; place += 1) starts[((keys[from[place]] >>> shift) & RADIX_MASK) + 1] += 1;
  for (let value = 1; value < starts.length; value += 1) starts[value] += starts[value - 1];
  for (let place = 0; place < from.length; place += 1) {
    const at = from[place];
    const value = (keys[at] >>> shift) & RADIX_MASK;
    to[starts[value]] = at;
    starts[value] += 1;
  }
}
