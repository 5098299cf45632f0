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
  if (rule === "magnitude") return ascending(magnitudeKeys(weights, mask));
  if (rule === "random") return ascending(drawnKeys(permutation(seed, weights.length), mask));
  if (rule === "hidden_unit") return ascending(unitKeys(weights, mask, numHidden));
  throw new Error(`${rule} is not a pruning rule: ${RULES.join(", ")}`);
}

/* The place of each weight in an order. */
export function ranksOf(order) {
  const ranks = new Uint32Array(order.length);
  for (let place = 0; place < order.length; place += 1) ranks[order[place]] = place;
  return ranks;
}

/* Positive floats are ordered as their bits are; 0 is left for the weights outside the mask. */
function magnitudeKeys(weights, mask) {
  const keys = new Uint32Array(weights.buffer, weights.byteOffset, weights.length).slice();
  for (let at = 0; at < keys.length; at += 1) keys[at] = mask[at] ? (keys[at] & 0x7fffffff) + 1 : 0;
  return keys;
}

function drawnKeys(draws, mask) {
  const keys = new Uint32Array(draws.length);
  for (let at = 0; at < keys.length; at += 1) keys[at] = mask[at] ? draws[at] + 1 : 0;
  return keys;
}

/* The rank of each weight within its hidden unit, masked ones first, ties by index. */
function unitKeys(weights, mask, numHidden) {
  const keys = new Uint32Array(weights.length);
  const seen = new Uint32Array(numHidden);
  const order = ascending(magnitudeKeys(weights, mask));
  for (let place = 0; place < order.length; place += 1) {
    const at = order[place];
    const unit = at % numHidden;
    if (mask[at]) keys[at] = seen[unit] + 1;
    seen[unit] += 1;
  }
  return keys;
}

/* Indices by ascending key, equal keys by index: a radix sort of three passes. */
export function ascending(keys) {
  let from = new Uint32Array(keys.length);
  for (let at = 0; at < keys.length; at += 1) from[at] = at;
  let to = new Uint32Array(keys.length);
  for (let shift = 0; shift < 32; shift += RADIX_BITS) {
    const starts = new Uint32Array((1 << RADIX_BITS) + 1);
    for (let at = 0; at < keys.length; at += 1) starts[((keys[at] >>> shift) & RADIX_MASK) + 1] += 1;
    for (let value = 1; value < starts.length; value += 1) starts[value] += starts[value - 1];
    for (let place = 0; place < from.length; place += 1) {
      const at = from[place];
      const value = (keys[at] >>> shift) & RADIX_MASK;
      to[starts[value]] = at;
      starts[value] += 1;
    }
    [from, to] = [to, from];
  }
  return from;
}
