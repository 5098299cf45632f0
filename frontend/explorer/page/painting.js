/* Pictures of a machine on canvases: its mask, its hidden units, its pixels, its histogram, and what its chains draw. */

import { NUM_BINS } from "./survivors.js";

const GAP = 2;

/* Rows and columns of the picture that a machine's visible units make. */
export function pictureOf(numVisible) {
  const side = Math.ceil(Math.sqrt(numVisible));
  return { width: side, height: Math.ceil(numVisible / side) };
}

/* The mask: hidden units down, pixels across. Painted once, then weight by weight. */
export class MaskPicture {
  constructor(canvas, machine, scale) {
    this.canvas = canvas;
    this.machine = machine;
    canvas.width = machine.numVisible;
    canvas.height = machine.numHidden;
    this.context = canvas.getContext("2d");
    this.image = this.context.createImageData(canvas.width, canvas.height);
    this.words = new Uint32Array(this.image.data.buffer);
    this.levels = levelsOf(machine.weights, scale);
  }

  paintAll(survivors, palette) {
    const { numVisible, numHidden, mask } = this.machine;
    this.palette = palette;
    const { words, levels } = this;
    const { ranks, numPruned } = survivors;
    const { weights, prunedWord, missingWord } = palette;
    for (let unit = 0, place = 0; unit < numHidden; unit += 1) {
      for (let pixel = 0, at = unit; pixel < numVisible; pixel += 1, at += numHidden, place += 1) {
        if (ranks[at] >= numPruned) words[place] = weights[levels[at]];
        else words[place] = mask[at] ? prunedWord : missingWord;
      }
    }
    this.show();
  }

  change(at, alive) {
    const { numVisible, numHidden } = this.machine;
    const unit = at % numHidden;
    const place = unit * numVisible + (at - unit) / numHidden;
    this.words[place] = alive ? this.palette.weights[this.levels[at]] : this.palette.prunedWord;
  }

  show() {
    this.context.putImageData(this.image, 0, 0);
  }
}

/* Weights as places in the table of colours. */
function levelsOf(weights, scale) {
  const levels = new Uint8ClampedArray(weights.length);
  for (let at = 0; at < levels.length; at += 1) levels[at] = 127.5 + (127.5 * weights[at]) / scale;
  return levels;
}

/* Chances of 0 to 255, one row a chain, as a square of pictures; held pixels in the accent's colour. */
export function paintChains(canvas, pixels, numChains, held, palette) {
  const numVisible = pixels.length / numChains;
  const { width, height } = pictureOf(numVisible);
  const columns = Math.ceil(Math.sqrt(numChains));
  const sheet = sheetOf(canvas, columns, Math.ceil(numChains / columns), width, height, palette.missingWord);
  for (let chain = 0; chain < numChains; chain += 1) {
    const corner = sheet.corner(chain);
    for (let pixel = 0; pixel < numVisible; pixel += 1) {
      const table = held && held[pixel] >= 0 ? palette.held : palette.greys;
      const row = (pixel / width) | 0;
      sheet.words[corner + row * sheet.width + pixel - row * width] = table[pixels[chain * numVisible + pixel]];
    }
  }
  sheet.show();
}

/* The weights of some hidden units as pictures. */
export function paintFilters(canvas, units, survivors, levels, palette, columns) {
  const { numVisible, numHidden } = survivors.machine;
  const { ranks, numPruned } = survivors;
  const { width, height } = pictureOf(numVisible);
  const sheet = sheetOf(canvas, columns, Math.ceil(units.length / columns), width, height, palette.missingWord);
  units.forEach((unit, place) => {
    const corner = sheet.corner(place);
    for (let pixel = 0; pixel < numVisible; pixel += 1) {
      const at = pixel * numHidden + unit;
      const row = (pixel / width) | 0;
      const here = corner + row * sheet.width + pixel - row * width;
      sheet.words[here] = ranks[at] >= numPruned ? palette.weights[levels[at]] : palette.prunedWord;
    }
  });
  sheet.show();
}

/* How many weights each pixel has left, of all hidden units. */
export function paintDegrees(canvas, survivors, palette) {
  const { numVisible } = survivors.machine;
  const { width, height } = pictureOf(numVisible);
  const sheet = sheetOf(canvas, 1, 1, width, height, palette.prunedWord, 0);
  for (let pixel = 0; pixel < numVisible; pixel += 1) {
    sheet.words[pixel] = palette.amounts[Math.round((255 * survivors.perPixel[pixel]) / survivors.mostPerPixel)];
  }
  sheet.show();
}

/* How many weights have which size: all that were there as an outline, those that are left filled. */
export function paintHistogram(canvas, survivors, palette) {
  const { context, width, height } = sharp(canvas);
  const base = height - 16;
  // The square root keeps the few large weights in sight beside the many small ones.
  const most = Math.sqrt(survivors.allBins.reduce((high, count) => Math.max(high, count), 1));
  const bar = width / NUM_BINS;
  for (const [bins, colour] of [[survivors.allBins, palette.line], [survivors.bins, palette.accent]]) {
    context.fillStyle = colour;
    bins.forEach((count, bin) => {
      const tall = ((base - 2) * Math.sqrt(count)) / most;
      context.fillRect(bin * bar, base - tall, Math.max(1, bar - 0.5), tall);
    });
  }
  context.fillStyle = palette.muted;
  context.font = "11px system-ui, sans-serif";
  context.textBaseline = "bottom";
  for (const [at, align] of [[0, "left"], [0.5, "center"], [1, "right"]]) {
    context.textAlign = align;
    const value = (2 * at - 1) * survivors.largest;
    context.fillText(at === 0.5 ? "0" : value.toFixed(2), at * width, height);
  }
}

/* A context in units of the page's pixels, cleared, with as many dots as the screen has. */
export function sharp(canvas) {
  const width = canvas.clientWidth;
  const height = canvas.clientHeight;
  const density = window.devicePixelRatio || 1;
  if (canvas.width !== Math.round(width * density) || canvas.height !== Math.round(height * density)) {
    canvas.width = Math.round(width * density);
    canvas.height = Math.round(height * density);
  }
  const context = canvas.getContext("2d");
  context.setTransform(density, 0, 0, density, 0, 0);
  context.clearRect(0, 0, width, height);
  return { context, width, height };
}

const sheets = new WeakMap();

/* A sheet of equal pictures with gaps, kept between frames. */
function sheetOf(canvas, columns, rows, width, height, gapWord, gap = GAP) {
  const wide = columns * (width + gap) - gap;
  const tall = rows * (height + gap) - gap;
  let sheet = sheets.get(canvas);
  if (!sheet || sheet.width !== wide || sheet.height !== tall || sheet.gapWord !== gapWord) {
    canvas.width = wide;
    canvas.height = tall;
    const context = canvas.getContext("2d");
    const image = context.createImageData(wide, tall);
    const words = new Uint32Array(image.data.buffer).fill(gapWord);
    sheet = {
      words, width: wide, height: tall, gapWord,
      corner: (place) => Math.floor(place / columns) * (height + gap) * wide + (place % columns) * (width + gap),
      show: () => context.putImageData(image, 0, 0),
    };
    sheets.set(canvas, sheet);
  }
  return sheet;
}
