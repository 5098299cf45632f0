/* The spectrum of the weights: eigenvalues of W^T W, and what independent entries would give.

   Sources: Householder's reduction and implicit QL, as in Golub and Van Loan, Matrix computations, chapter 8;
   Marchenko and Pastur, Distribution of eigenvalues for some sets of random matrices (1967). */

const NUM_BISECTIONS = 60;
const MOST_SWEEPS = 60;

/* The min(numVisible, numHidden) largest eigenvalues of W^T W, greatest first; W is row-major. */
export function eigenvalues(weights, numVisible, numHidden) {
  const byVisible = numHidden <= numVisible;
  const size = byVisible ? numHidden : numVisible;
  const gram = byVisible
    ? gramOfRows(weights, numVisible, numHidden, numHidden, 1)
    : gramOfRows(weights, numHidden, numVisible, 1, numHidden);
  const { diagonal, beside } = tridiagonal(gram, size);
  return eigenvaluesOfTridiagonal(diagonal, beside).map((value) => Math.max(0, value)).sort().reverse();
}

/* The sum of the outer products of the rows, lower triangle; zeros are passed over. */
function gramOfRows(weights, numRows, size, rowStride, columnStride) {
  const gram = new Float64Array(size * size);
  const places = new Uint32Array(size);
  const values = new Float64Array(size);
  for (let row = 0; row < numRows; row += 1) {
    let count = 0;
    for (let column = 0; column < size; column += 1) {
      const weight = weights[row * rowStride + column * columnStride];
      if (weight !== 0) {
        places[count] = column;
        values[count] = weight;
        count += 1;
      }
    }
    for (let one = 0; one < count; one += 1) {
      const base = places[one] * size;
      const value = values[one];
      for (let other = 0; other <= one; other += 1) gram[base + places[other]] += value * values[other];
    }
  }
  return gram;
}

/* Householder: a symmetric matrix (lower triangle, overwritten) as a tridiagonal one with the same eigenvalues. */
export function tridiagonal(matrix, size) {
  const diagonal = new Float64Array(size);
  const beside = new Float64Array(size);
  const mirror = new Float64Array(size);
  const image = new Float64Array(size);
  for (let step = 0; step < size - 1; step += 1) {
    diagonal[step] = matrix[step * size + step];
    let square = 0;
    for (let row = step + 1; row < size; row += 1) {
      mirror[row] = matrix[row * size + step];
      square += mirror[row] * mirror[row];
    }
    const length = mirror[step + 1] > 0 ? -Math.sqrt(square) : Math.sqrt(square);
    beside[step] = length;
    square += length * length - 2 * length * mirror[step + 1];
    mirror[step + 1] -= length;
    if (square > 0) reflect(matrix, size, step + 1, mirror, image, 2 / square);
  }
  diagonal[size - 1] = matrix[size * size - 1];
  return { diagonal, beside };
}

function reflect(matrix, size, first, mirror, image, scale) {
  image.fill(0, first);
  for (let row = first; row < size; row += 1) {
    const base = row * size;
    const own = mirror[row];
    let sum = matrix[base + row] * own;
    for (let column = first; column < row; column += 1) {
      const entry = matrix[base + column];
      sum += entry * mirror[column];
      image[column] += entry * own;
    }
    image[row] += sum;
  }
  let inner = 0;
  for (let row = first; row < size; row += 1) inner += image[row] * mirror[row];
  const half = (scale * scale * inner) / 2;
  for (let row = first; row < size; row += 1) image[row] = scale * image[row] - half * mirror[row];
  for (let row = first; row < size; row += 1) {
    const base = row * size;
    const own = mirror[row];
    const other = image[row];
    for (let column = first; column <= row; column += 1) {
      matrix[base + column] -= own * image[column] + other * mirror[column];
    }
  }
}

/* Implicit QL with shifts. diagonal and beside (the entries next to it) are overwritten. */
export function eigenvaluesOfTridiagonal(diagonal, beside) {
  const size = diagonal.length;
  for (let first = 0; first < size; first += 1) {
    for (let sweep = 0; sweep < MOST_SWEEPS; sweep += 1) {
      const last = endOfBlock(diagonal, beside, first);
      if (last === first) break;
      sweepOf(diagonal, beside, first, last);
    }
  }
  return diagonal;
}

function endOfBlock(diagonal, beside, first) {
  let last = first;
  while (last < diagonal.length - 1) {
    const around = Math.abs(diagonal[last]) + Math.abs(diagonal[last + 1]);
    if (Math.abs(beside[last]) <= Number.EPSILON * around) break;
    last += 1;
  }
  return last;
}

function sweepOf(diagonal, beside, first, last) {
  let g = (diagonal[first + 1] - diagonal[first]) / (2 * beside[first]);
  const root = Math.sqrt(g * g + 1);
  g = diagonal[last] - diagonal[first] + beside[first] / (g + (g < 0 ? -root : root));
  let sine = 1;
  let cosine = 1;
  let shift = 0;
  for (let at = last - 1; at >= first; at -= 1) {
    const f = sine * beside[at];
    const b = cosine * beside[at];
    const r = Math.sqrt(f * f + g * g);
    beside[at + 1] = r;
    if (r === 0) {
      diagonal[at + 1] -= shift;
      beside[last] = 0;
      return;
    }
    sine = f / r;
    cosine = g / r;
    g = diagonal[at + 1] - shift;
    const t = (diagonal[at] - g) * sine + 2 * cosine * b;
    shift = sine * t;
    diagonal[at + 1] = g + shift;
    g = cosine * t - b;
  }
  diagonal[first] -= shift;
  beside[first] = g;
  beside[last] = 0;
}

/* The expected k-th largest eigenvalue of W^T W for independent entries of this variance, k = 1 to min(sizes). */
export function marchenkoPastur(numVisible, numHidden, variance) {
  const modes = Math.min(numVisible, numHidden);
  const longer = Math.max(numVisible, numHidden);
  const ratio = modes / longer;
  return Float64Array.from({ length: modes }, (_, mode) => {
    const below = 1 - (mode + 0.5) / modes;
    let low = (1 - Math.sqrt(ratio)) ** 2;
    let high = (1 + Math.sqrt(ratio)) ** 2;
    for (let turn = 0; turn < NUM_BISECTIONS; turn += 1) {
      const middle = (low + high) / 2;
      if (distribution(middle, ratio) < below) low = middle;
      else high = middle;
    }
    return ((low + high) / 2) * variance * longer;
  });
}

/* The largest eigenvalue that independent entries of this variance have, in the limit. */
export function edge(numVisible, numHidden, variance) {
  return variance * (Math.sqrt(numVisible) + Math.sqrt(numHidden)) ** 2;
}

/* The law's distribution function for unit scale; ratio: shorter over longer side. */
function distribution(point, ratio) {
  const root = Math.sqrt(ratio);
  const low = (1 - root) ** 2;
  const high = (1 + root) ** 2;
  const x = Math.min(high, Math.max(low, point));
  const inside = (value) => Math.asin(Math.min(1, Math.max(-1, value)));
  const semicircle = Math.sqrt(Math.max(0, (high - x) * (x - low)));
  const first = inside((x - 1 - ratio) / (2 * root));
  const second = inside(((1 + ratio) * x - (1 - ratio) ** 2) / (2 * root * Math.max(x, 1e-300)));
  return 0.5 + (semicircle + (1 + ratio) * first - (1 - ratio) * second) / (2 * Math.PI * ratio);
}

/* The variance of all entries about their mean, zeros included. */
export function entryVariance(weights) {
  let sum = 0;
  for (let at = 0; at < weights.length; at += 1) sum += weights[at];
  const mean = sum / weights.length;
  let square = 0;
  for (let at = 0; at < weights.length; at += 1) square += (weights[at] - mean) ** 2;
  return square / weights.length;
}
