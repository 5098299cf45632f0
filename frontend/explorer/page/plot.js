/* A small plot: lines and dots on two axes, each linear or logarithmic, and a marker. */

import { sharp } from "./painting.js";

const MARGIN = { left: 52, right: 12, top: 10, bottom: 34 };
const LEGEND_ROW = 15;
const KEY = 22;
const FONT = "11px system-ui, sans-serif";

/* lines: [{points: [[x, y]], colour, dashed, dots, width, label, band: [[x, low, high]]}]; x, y: {label, log, low, high}
   (a missing limit follows the points); marker: {x, y (or null)}. */
export function drawPlot(canvas, { lines, x, y, marker, palette }) {
  const { context, width, height } = sharp(canvas);
  context.font = FONT;
  const legend = layLegend(context, lines.filter((line) => line.label), width);
  const top = MARGIN.top + legend.height;
  const box = { left: MARGIN.left, right: width - MARGIN.right, top, bottom: height - MARGIN.bottom };
  const across = scaleOf(x, lines.flatMap((line) => line.points.map((point) => point[0])), box.left, box.right);
  const up = scaleOf(y, lines.flatMap((line) => line.points.map((point) => point[1])), box.bottom, box.top);
  drawGrid(context, box, across, up, { x, y, palette });
  context.save();
  context.beginPath();
  context.rect(box.left, box.top - 4, box.right - box.left, box.bottom - box.top + 8);
  context.clip();
  for (const line of lines) drawLine(context, line, across, up);
  if (marker) drawMarker(context, marker, across, up, box, palette);
  context.restore();
  drawLegend(context, legend.entries, palette);
}

function scaleOf({ log, low, high }, values, from, to) {
  const usable = values.filter((value) => Number.isFinite(value) && (!log || value > 0));
  let least = low ?? Math.min(...usable);
  let most = high ?? Math.max(...usable);
  if (!usable.length && (low === undefined || high === undefined)) [least, most] = log ? [0.1, 1] : [0, 1];
  if (log) [least, most] = [Math.log10(least), Math.log10(most)];
  const room = low === undefined ? 0.06 * (most - least || 1) : 0;
  [least, most] = [least - room, most + (high === undefined ? 0.06 * (most - least || 1) : 0)];
  const place = (value) => from + ((value - least) / (most - least)) * (to - from);
  const scale = (value) => place(log ? Math.log10(Math.max(value, 1e-300)) : value);
  scale.ticks = log ? powers(least, most) : rounds(least, most);
  return scale;
}

function rounds(least, most) {
  const rough = (most - least) / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((one) => one >= rough);
  const ticks = [];
  for (let at = Math.ceil(least / step - 1e-9); at * step <= most + 1e-9 * step; at += 1) ticks.push(at * step);
  return ticks;
}

function powers(least, most) {
  const ticks = [];
  const factors = most - least > 2.2 ? [1] : most - least > 0.9 ? [1, 3] : [1, 2, 3, 5, 7];
  for (let power = Math.floor(least); power <= most; power += 1) {
    for (const factor of factors) {
      const at = power + Math.log10(factor);
      if (at >= least && at <= most) ticks.push(factor * 10 ** power);
    }
  }
  return ticks.length > 7 ? ticks.filter((_, at) => at % Math.ceil(ticks.length / 6) === 0) : ticks;
}

/* A number as short as it can be said. */
export function short(value) {
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 1e4 || size < 1e-3) return value.toExponential(1).replace(".0e", "e").replace("e+", "e").replace("-", "\u2212");
  return String(Number(value.toPrecision(3)));
}

function drawGrid(context, box, across, up, { x, y, palette }) {
  context.strokeStyle = palette.line;
  context.fillStyle = palette.muted;
  context.lineWidth = 1;
  context.textBaseline = "middle";
  context.textAlign = "right";
  for (const tick of up.ticks) {
    const at = Math.round(up(tick)) + 0.5;
    stroke(context, [[box.left, at], [box.right, at]]);
    context.fillText(short(tick), box.left - 6, at);
  }
  context.textBaseline = "top";
  context.textAlign = "center";
  for (const tick of across.ticks) {
    const at = Math.round(across(tick)) + 0.5;
    stroke(context, [[at, box.bottom], [at, box.bottom + 4]]);
    context.fillText(short(tick), at, box.bottom + 6);
  }
  context.textBaseline = "alphabetic";
  context.fillText(x.label, (box.left + box.right) / 2, box.bottom + 31);
  context.strokeStyle = palette.muted;
  stroke(context, [[box.left + 0.5, box.top], [box.left + 0.5, box.bottom + 0.5], [box.right, box.bottom + 0.5]]);
  context.save();
  context.translate(10, (box.top + box.bottom) / 2);
  context.rotate(-Math.PI / 2);
  context.fillText(y.label, 0, 0);
  context.restore();
}

function drawLine(context, line, across, up) {
  const places = line.points.map((point) => [across(point[0]), up(point[1])]);
  if (line.band?.length) {
    const back = [...line.band].reverse();
    context.globalAlpha = 0.18;
    context.fillStyle = line.colour;
    trace(context, [...line.band.map(([at, , high]) => [across(at), up(high)]), ...back.map(([at, low]) => [across(at), up(low)])]);
    context.fill();
    context.globalAlpha = 1;
  }
  context.strokeStyle = line.colour;
  context.lineWidth = line.width ?? 1.8;
  context.setLineDash(line.dashed ? [5, 4] : []);
  stroke(context, places);
  context.setLineDash([]);
  if (!line.dots) return;
  context.fillStyle = line.colour;
  for (const [left, top] of places) disc(context, left, top, 2.6);
}

function drawMarker(context, { x, y }, across, up, box, palette) {
  context.strokeStyle = palette.ink;
  context.lineWidth = 1.2;
  stroke(context, [[across(x), box.top], [across(x), box.bottom]]);
  if (y === null || y === undefined) return;
  context.fillStyle = palette.ink;
  disc(context, across(x), up(y), 5);
  context.fillStyle = palette.card;
  disc(context, across(x), up(y), 2.4);
}

/* Places of the names above the plot, from left to right, in as many rows as they need. */
function layLegend(context, named, width) {
  let [left, row] = [MARGIN.left, 0];
  const entries = named.map((line) => {
    const needed = KEY + context.measureText(line.label).width + 14;
    if (left > MARGIN.left && left + needed > width) [left, row] = [MARGIN.left, row + 1];
    const entry = { line, left, top: 8 + LEGEND_ROW * row };
    left += needed;
    return entry;
  });
  return { entries, height: named.length ? LEGEND_ROW * (row + 1) : 0 };
}

function drawLegend(context, entries, palette) {
  context.textBaseline = "middle";
  context.textAlign = "left";
  for (const { line, left, top } of entries) {
    context.strokeStyle = line.colour;
    context.lineWidth = 2;
    context.setLineDash(line.dashed ? [5, 4] : []);
    stroke(context, [[left, top], [left + KEY - 6, top]]);
    context.setLineDash([]);
    context.fillStyle = palette.muted;
    context.fillText(line.label, left + KEY, top);
  }
}

function trace(context, places) {
  context.beginPath();
  places.forEach(([left, top], at) => (at ? context.lineTo(left, top) : context.moveTo(left, top)));
}

function stroke(context, places) {
  trace(context, places);
  context.stroke();
}

function disc(context, left, top, radius) {
  context.beginPath();
  context.arc(left, top, radius, 0, 2 * Math.PI);
  context.fill();
}
