/* The drawing pad: pixels that every chain must keep (0 or 1), or -1 where a pixel is free. */

const SIDE = 28;
const REACH = 1.25;

export class Pad {
  constructor(canvas, changed) {
    this.canvas = canvas;
    this.changed = changed;
    this.pixels = new Int8Array(SIDE * SIDE).fill(-1);
    this.brush = 1;
    this.last = null;
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      this.last = null;
      this.drawTo(event);
    });
    canvas.addEventListener("pointermove", (event) => {
      if (event.buttons) this.drawTo(event);
    });
  }

  set(pixels) {
    this.pixels.fill(-1);
    if (pixels) this.pixels.set(pixels.slice(0, this.pixels.length));
  }

  /* Free pixels among the chosen ones are held as blank. */
  holdBlank(chosen) {
    this.pixels = this.pixels.map((pixel, at) => (pixel < 0 && chosen(Math.floor(at / SIDE), at % SIDE) ? 0 : pixel));
    this.changed();
  }

  /* Hold the upper half of an image. */
  holdUpperHalf(image) {
    this.pixels = this.pixels.map((_, at) => (at < (SIDE * SIDE) / 2 ? image[at] : -1));
    this.changed();
  }

  release() {
    this.pixels.fill(-1);
    this.changed();
  }

  get numHeld() {
    return this.pixels.reduce((count, pixel) => count + (pixel >= 0 ? 1 : 0), 0);
  }

  drawTo(event) {
    const box = this.canvas.getBoundingClientRect();
    const place = [((event.clientX - box.left) / box.width) * SIDE, ((event.clientY - box.top) / box.height) * SIDE];
    const from = this.last ?? place;
    const length = Math.hypot(place[0] - from[0], place[1] - from[1]);
    for (let part = 0; part <= length; part += 0.5) {
      const share = length ? part / length : 0;
      this.dab(from[0] + share * (place[0] - from[0]), from[1] + share * (place[1] - from[1]));
    }
    this.last = place;
    this.changed();
  }

  dab(left, top) {
    for (let row = Math.floor(top - REACH); row <= top + REACH; row += 1) {
      for (let column = Math.floor(left - REACH); column <= left + REACH; column += 1) {
        const inside = row >= 0 && column >= 0 && row < SIDE && column < SIDE;
        if (inside && Math.hypot(column + 0.5 - left, row + 0.5 - top) <= REACH) this.pixels[row * SIDE + column] = this.brush;
      }
    }
  }

  paint(palette) {
    const context = this.canvas.getContext("2d");
    const image = context.createImageData(SIDE, SIDE);
    const words = new Uint32Array(image.data.buffer);
    this.pixels.forEach((pixel, at) => {
      words[at] = pixel < 0 ? palette.missingWord : palette.held[255 * pixel];
    });
    context.putImageData(image, 0, 0);
  }
}
