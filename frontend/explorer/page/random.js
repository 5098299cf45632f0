/* Random numbers: xoshiro128** streams for the chains, and the Mersenne Twister that torch draws permutations from.

   Sources: Blackman and Vigna, Scrambled linear pseudorandom number generators (2021); Steele, Lea and Flood, Fast
   splittable pseudorandom number generators (2014), its 32-bit mixer seeds the streams; Matsumoto and Nishimura,
   Mersenne Twister (1998). */

const TWISTER_WORDS = 624;
const TWISTER_MIDDLE = 397;

function mix(word) {
  let z = word >>> 0;
  z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
  z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
  return (z ^ (z >>> 15)) >>> 0;
}

/* Four words of state for each stream; stream k depends on the seed and on k alone, not on how many there are. */
export function streams(seed, count) {
  const state = new Uint32Array(4 * count);
  for (let stream = 0; stream < count; stream += 1) {
    let word = mix((mix(seed) + Math.imul(stream + 1, 0x9e3779b9)) >>> 0);
    for (let part = 0; part < 4; part += 1) {
      word = (word + 0x9e3779b9) >>> 0;
      state[4 * stream + part] = mix(word);
    }
  }
  return state;
}

/* The next 32 bits of one stream. The sampler repeats these lines within its loops, where a call would cost. */
export function next(state, stream) {
  const at = 4 * stream;
  const second = state[at + 1];
  const five = Math.imul(second, 5);
  const result = Math.imul((five << 7) | (five >>> 25), 9) >>> 0;
  state[at + 2] ^= state[at];
  state[at + 3] ^= second;
  state[at + 1] = second ^ state[at + 2];
  state[at] ^= state[at + 3];
  state[at + 2] ^= second << 9;
  state[at + 3] = (state[at + 3] << 11) | (state[at + 3] >>> 21);
  return result;
}

/* A function that gives the next 32 bits of a Mersenne Twister seeded with 32 bits. */
export function twister(seed) {
  const words = new Uint32Array(TWISTER_WORDS);
  words[0] = seed;
  for (let at = 1; at < TWISTER_WORDS; at += 1) {
    const before = words[at - 1] ^ (words[at - 1] >>> 30);
    words[at] = Math.imul(before, 1812433253) + at;
  }
  let used = TWISTER_WORDS;
  return () => {
    if (used === TWISTER_WORDS) {
      twist(words);
      used = 0;
    }
    let y = words[used];
    used += 1;
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    return (y ^ (y >>> 18)) >>> 0;
  };
}

function twist(words) {
  for (let at = 0; at < TWISTER_WORDS; at += 1) {
    const y = (words[at] & 0x80000000) | (words[(at + 1) % TWISTER_WORDS] & 0x7fffffff);
    words[at] = words[(at + TWISTER_MIDDLE) % TWISTER_WORDS] ^ (y >>> 1) ^ (y & 1 ? 0x9908b0df : 0);
  }
}

/* The permutation of 0 to count - 1 that torch.randperm draws on a CPU from a generator with this seed. */
export function permutation(seed, count) {
  const draw = twister(Number(BigInt(seed) & 0xffffffffn));
  const items = new Uint32Array(count);
  for (let at = 0; at < count; at += 1) items[at] = at;
  for (let at = 0; at < count - 1; at += 1) {
    const other = at + (draw() % (count - at));
    const kept = items[at];
    items[at] = items[other];
    items[other] = kept;
  }
  return items;
}
