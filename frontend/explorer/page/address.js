/* The state of the page as the query of its address: short, and only what is not as usual. */

export const USUAL = {
  machine: null, other: null, p: null, rule: "magnitude", chains: 64, seed: 1, start: "noise", speed: 60,
  show: "chance", held: null,
};
const SHORT_RULES = { m: "magnitude", r: "random", h: "hidden_unit" };
const FREE = 2;
const LONGEST_RUN = 64;

/* The state that a query describes; what it does not say, or says wrongly, is as usual. */
export function readAddress(query) {
  const given = new URLSearchParams(query);
  const id = (name) => (/^[0-9a-f]{1,64}$/.test(given.get(name) ?? "") ? given.get(name) : null);
  const number = (name, low, high, usual) => {
    const value = given.has(name) ? Number(given.get(name)) : NaN;
    return value >= low && value <= high ? value : usual;
  };
  return {
    machine: id("m"),
    other: id("b"),
    p: number("p", 0, 1, USUAL.p),
    rule: SHORT_RULES[given.get("r")] ?? USUAL.rule,
    chains: Math.floor(number("n", 1, 256, USUAL.chains)),
    seed: Math.floor(number("s", 0, 2 ** 32 - 1, USUAL.seed)),
    start: given.get("d") === "1" ? "data" : "noise",
    speed: number("v", 1, 6000, USUAL.speed),
    show: given.get("g") === "1" ? "states" : "chance",
    held: readHeld(given.get("k")),
  };
}

/* The query of a state, with its question mark, or nothing. */
export function writeAddress(state) {
  const query = new URLSearchParams();
  const put = (name, value, usual) => {
    if (value !== usual && value !== null) query.set(name, value);
  };
  put("m", state.machine, null);
  put("b", state.other, null);
  if (state.p !== null) put("p", String(Math.round(state.p * 1000) / 1000), null);
  put("r", state.rule[0], USUAL.rule[0]);
  put("n", state.chains, USUAL.chains);
  put("s", state.seed, USUAL.seed);
  put("d", state.start === "data" ? "1" : null, null);
  put("v", state.speed, USUAL.speed);
  put("g", state.show === "states" ? "1" : null, null);
  put("k", writeHeld(state.held), null);
  const text = query.toString();
  return text ? `?${text}` : "";
}

/* Held pixels (0, 1, -1 for free) as runs, one byte each: value and length; the last free pixels are left out. */
export function writeHeld(pixels) {
  if (!pixels || pixels.every((pixel) => pixel < 0)) return null;
  const runs = [];
  for (let at = 0; at < pixels.length; ) {
    const value = pixels[at] < 0 ? FREE : pixels[at];
    let length = 1;
    while (length < LONGEST_RUN && at + length < pixels.length && pixels[at + length] === pixels[at]) length += 1;
    runs.push(value * LONGEST_RUN + length - 1);
    at += length;
  }
  while (runs[runs.length - 1] >= FREE * LONGEST_RUN) runs.pop();
  return btoa(String.fromCharCode(...runs)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

export function readHeld(text) {
  if (!/^[A-Za-z0-9_-]{1,2000}$/.test(text ?? "")) return null;
  let bytes;
  try {
    bytes = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  } catch {
    return null; // cut off
  }
  const pixels = [];
  for (const byte of bytes) {
    const code = byte.charCodeAt(0);
    const value = code >> 6;
    if (value > FREE) return null;
    for (let count = 0; count <= code % LONGEST_RUN; count += 1) pixels.push(value === FREE ? -1 : value);
  }
  return pixels;
}

