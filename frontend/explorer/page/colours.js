/* The colours of the theme, as the canvases need them. */

const NAMES = { ink: "--mantine-color-text", muted: "--mantine-color-dimmed", line: "--line", card: "--card",
  accent: "--accent", positive: "--positive", negative: "--negative", pruned: "--pruned", missing: "--missing" };
const FAINTEST = 0.22; // the smallest weight that is there must not look like one that is gone

/* What the stylesheet says now: texts for lines, packed words for pixels. */
export function colours() {
  const style = getComputedStyle(document.documentElement);
  const text = Object.fromEntries(Object.entries(NAMES).map(([name, property]) => [name, style.getPropertyValue(property).trim()]));
  const parts = Object.fromEntries(Object.entries(text).map(([name, value]) => [name, channels(value)]));
  return {
    ...text,
    prunedWord: word(parts.pruned),
    missingWord: word(parts.missing),
    weights: weightTable(parts),
    ink: text.ink,
    greys: table(256, (share) => blend(parts.pruned, parts.ink, share)),
    held: table(256, (share) => blend(blend(parts.pruned, parts.accent, 0.16), parts.accent, share)),
    amounts: table(256, (share) => blend(parts.pruned, parts.accent, share)),
  };
}

/* 256 colours: 0 the most negative weight, 255 the most positive. */
function weightTable({ pruned, positive, negative }) {
  return table(256, (share) => {
    const size = Math.min(1, Math.abs(2 * share - 1) * 1.6);
    return blend(pruned, share >= 0.5 ? positive : negative, FAINTEST + (1 - FAINTEST) * size);
  });
}

function table(count, colour) {
  return Uint32Array.from({ length: count }, (_, at) => word(colour(at / (count - 1))));
}

function channels(value) {
  const digits = value.replace("#", "");
  return [0, 2, 4].map((at) => parseInt(digits.slice(at, at + 2), 16));
}

function blend(from, to, share) {
  return from.map((channel, at) => channel + (to[at] - channel) * share);
}

/* Red, green, blue as one word of an ImageData on a little-endian machine. */
function word([red, green, blue]) {
  return ((255 << 24) | (Math.round(blue) << 16) | (Math.round(green) << 8) | Math.round(red)) >>> 0;
}
