/* The measured curves of a machine: which one is shown, its value at the present p, and its plot. */

import { drawPlot } from "./plot.js";

const FIRST = ["quality", "second_moment_error", "digit_imbalance", "adversarial_accuracy_error"];

/* The curves of one pruning rule, best measured first for each metric: [{key, label, curve, info}]. */
export function choices(measured, rule) {
  const place = (name) => (FIRST.includes(name) ? FIRST.indexOf(name) : FIRST.length);
  const found = measured.curves
    .filter((curve) => curve.pruning_rule === rule)
    .map((curve) => ({ curve, info: measured.metrics.find((one) => one.name === curve.metric) }));
  found.sort((a, b) => place(a.curve.metric) - place(b.curve.metric) || best(b.curve) - best(a.curve));
  return found.map(({ curve, info }) => ({ curve, info, key: keyOf(curve), label: labelOf(curve, info, found) }));
}

function best(curve) {
  return curve.points.length * 1e9 + (curve.num_samples ?? 0);
}

function keyOf({ metric, num_samples: samples, gibbs_steps: steps, judge }) {
  return [metric, samples, steps, judge ?? ""].join(" ");
}

function labelOf(curve, info, found) {
  const alone = found.filter((one) => one.curve.metric === curve.metric).length === 1;
  return alone ? info.label : `${info.label}, ${curve.num_samples} samples, ${curve.gibbs_steps} steps`;
}

/* The value between the measured points, or null outside them. */
export function valueAt({ points }, p) {
  const next = points.findIndex((point) => point.x >= p - 1e-9);
  if (next < 0) return null;
  const right = points[next];
  if (next === 0) return right.x - p < 1e-9 ? right.value : null;
  const left = points[next - 1];
  const share = (p - left.x) / (right.x - left.x || 1);
  return left.value + share * (right.value - left.value);
}

export function drawCurve(canvas, { curve, info }, p, palette) {
  const points = curve.points.map((point) => [point.x, point.value]);
  const values = points.map((point) => point[1]);
  const positive = values.every((value) => value > 0);
  const log = positive && info.better === "lower" && Math.max(...values) > 5 * Math.min(...values);
  const band = curve.points.filter((point) => point.low !== null && point.high !== null);
  const lines = [
    {
      points, colour: palette.accent, dots: true, label: "this machine",
      band: band.map((point) => [point.x, log ? Math.max(point.low, Math.min(...values) / 10) : point.low, point.high]),
    },
  ];
  if (curve.reference && (!log || curve.reference.value > 0)) {
    const height = curve.reference.value;
    lines.push({ points: [[0, height], [1, height]], colour: palette.muted, dashed: true, label: "held-out test images" });
  }
  const y = { label: info.label, log };
  drawPlot(canvas, { lines, x: { label: "total pruning p", low: 0, high: 1 }, y, marker: { x: p, y: valueAt(curve, p) }, palette });
}

/* What is known of how a curve was measured. */
export function sourceOf({ curve }) {
  const { num_samples: samples, gibbs_steps: steps } = curve;
  return `${curve.points.length} levels, ${(samples ?? 0).toLocaleString("en")} samples after ${(steps ?? 0).toLocaleString("en")} Gibbs steps from noise.`;
}


