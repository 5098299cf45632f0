/* Reads the compact form of a machine's parameters; the layout is in the reference of the HTTP API. */

const MAGIC = "RBM1";
const HEADER_BYTES = 32;

/* numVisible, numHidden, numWeights, numKept, seed (BigInt), vbias, hbias, mask (Uint8, one a weight), and weights
   (Float32, row-major, 0 outside the mask). Throws if the bytes are cut off or something else. */
export function readParameters(buffer) {
  const view = new DataView(buffer);
  const magic = buffer.byteLength < HEADER_BYTES ? "" : String.fromCharCode(...new Uint8Array(buffer, 0, 4));
  if (magic !== MAGIC) throw new Error("these bytes are no machine");
  const [numVisible, numHidden, numKept, width] = [4, 8, 12, 16].map((at) => view.getUint32(at, true));
  const numWeights = numVisible * numHidden;
  const maskStart = HEADER_BYTES + 4 * (numVisible + numHidden);
  const maskBytes = Math.ceil(numWeights / 32) * 4;
  const expected = maskStart + maskBytes + numKept * width;
  if (buffer.byteLength !== expected) throw new Error(`${buffer.byteLength} bytes came, ${expected} were expected`);
  const kept = keptWeights(buffer, maskStart + maskBytes, numKept, width);
  const { mask, weights } = spread(new Uint8Array(buffer, maskStart, maskBytes), kept, numWeights);
  return {
    numVisible, numHidden, numWeights, numKept, mask, weights,
    seed: view.getBigUint64(24, true),
    vbias: new Float32Array(buffer.slice(HEADER_BYTES, HEADER_BYTES + 4 * numVisible)),
    hbias: new Float32Array(buffer.slice(HEADER_BYTES + 4 * numVisible, maskStart)),
  };
}

function keptWeights(buffer, start, count, width) {
  if (width === 4) return new Float32Array(buffer.slice(start, start + 4 * count));
  return widen(new Uint16Array(buffer.slice(start, start + 2 * count)));
}

/* float16 to float32: exact. */
export function widen(halves) {
  const bits = new Uint32Array(halves.length);
  const floats = new Float32Array(bits.buffer);
  for (let at = 0; at < halves.length; at += 1) {
    const half = halves[at];
    const sign = (half & 0x8000) << 16;
    const exponent = (half >> 10) & 31;
    const fraction = half & 1023;
    if (exponent === 0) floats[at] = (sign ? -1 : 1) * fraction * 2 ** -24;
    else if (exponent === 31) bits[at] = sign | 0x7f800000 | (fraction << 13);
    else bits[at] = sign | ((exponent + 112) << 23) | (fraction << 13);
  }
  return floats;
}

function spread(bits, kept, numWeights) {
  const mask = new Uint8Array(numWeights);
  const weights = new Float32Array(numWeights);
  let used = 0;
  for (let at = 0; at < numWeights; at += 1) {
    if ((bits[at >> 3] >> (7 - (at & 7))) & 1) {
      mask[at] = 1;
      weights[at] = kept[used];
      used += 1;
    }
  }
  return { mask, weights };
}
