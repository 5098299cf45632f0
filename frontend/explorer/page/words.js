/* What one sees, and why, in a few sentences made of the numbers on the page. */

import { short } from "./plot.js";

const RULES = {
  magnitude: "The smallest weights went first. What remains are the strong ones, so many weights can go before the drawings change; then the weak ties that held the strokes together are gone, and drawing breaks at once.",
  random: "Weights went in random order, strong and weak alike. Each hidden unit's picture becomes grainy, and the drawings suffer much sooner than when the smallest go first.",
  hidden_unit: "Each hidden unit lost its own smallest weights, the same number everywhere, so no unit falls silent before the others.",
};
const SAME_PICTURE = 0.35;

const percent = (share) => `${(100 * share).toFixed(share < 0.1 ? 1 : 0)} %`;
const whole = (number) => Math.round(number).toLocaleString("en");

/* Sentences about a panel's state: {p, rule, info, survivors, frame, spectrum, measured, digitDistance, held}. */
export function describe(state) {
  return [weights(state), units(state), chains(state), spectrum(state), measured(state)].filter(Boolean);
}

function weights({ p, rule, info, survivors }) {
  const { numWeights } = survivors.machine;
  const left = `${whole(survivors.numLeft)} of ${whole(numWeights)} weights remain`;
  const birth = info.initial_dilution;
  if (birth > 0 && p <= birth + 1e-9) {
    return `${left}: this machine was trained with ${percent(birth)} of them missing, so nothing is pruned up to p = ${birth}.`;
  }
  if (survivors.numPruned === survivors.numMissing) return `${left}: nothing is pruned yet. Drag the slider to the right.`;
  return `${left} (${percent(survivors.numLeft / numWeights)}); they hold ${percent(survivors.shareOfSquares)} of the squared weight. ${RULES[rule]}`;
}

function units({ survivors }) {
  const { numDeadUnits } = survivors;
  if (!numDeadUnits) return null;
  const { numHidden } = survivors.machine;
  if (numDeadUnits === numHidden) {
    return "No weight is left: every pixel is drawn by its own bias, independent of all others, and the mean digit shines through the noise.";
  }
  const many = numDeadUnits === 1 ? "1 hidden unit has" : `${numDeadUnits} of ${numHidden} hidden units have`;
  return `${many} no weight left and can say nothing about any pixel.`;
}

function chains({ frame, digitDistance, held }) {
  if (!frame || frame.distance === null) return null;
  const apart = `Two chains differ in ${whole(frame.distance)} pixels on average`;
  if (held) return `${apart}; they all keep the pixels that you drew and fill in the rest.`;
  if (!digitDistance) return `${apart}.`;
  if (frame.distance < SAME_PICTURE * digitDistance) {
    return `${apart}, two test digits in ${whole(digitDistance)}: all chains draw nearly the same picture, the digits have merged.`;
  }
  return `${apart}, two test digits in ${whole(digitDistance)}.`;
}

function spectrum({ spectrum: known }) {
  if (!known) return null;
  const above = known.values.filter((value) => value > known.edge).length;
  return `${above} eigenvalues of W\u1d40W stand above the edge of a random matrix of the same size and variance: those are the patterns that were learnt.`;
}

function measured({ measured: known, p }) {
  if (!known || known.value === null) return null;
  const first = known.choice.curve.points[0];
  const ratio = known.value / first.value;
  const change = first.value > 0 && known.choice.info.better === "lower" && p > first.x
    ? `, ${short(ratio)} times its value at p = ${short(first.x)}` : "";
  return `Measured on samples, ${known.choice.info.label} at this p is ${short(known.value)}${change}.`;
}
