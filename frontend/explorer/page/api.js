/* The calls of the page. An error has a message for the reader: what happened and what to do. */

const PREFIX = "/api/v1";

export class Refused extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

async function ask(path, options) {
  let answer;
  try {
    answer = await fetch(PREFIX + path, options);
  } catch {
    throw new Refused("The laboratory does not answer. Is it still running? Start it with: make run", 0);
  }
  if (answer.ok) return answer;
  const problem = await answer.json().catch(() => ({}));
  throw new Refused(problem.detail ?? `The laboratory refused: ${answer.status} ${answer.statusText}`, answer.status);
}

async function read(path) {
  return (await ask(path)).json();
}

/* Machines of the zoo; the page's document has asked for them already, so that they come early. */
export const zoo = async () => (await read("/machines?origin=zoo")).items;
export const machine = (id) => read(`/machines/${id}`);
export const curves = (id) => read(`/machines/${id}/curves`);
export const parameters = async (id) => (await ask(`/machines/${id}/parameters`)).arrayBuffer();
export const studies = async () => (await read("/studies?limit=5")).items;

export async function named(words) {
  const query = new URLSearchParams({ limit: "30", ...(words ? { name: words } : {}) });
  return (await read(`/machines?${query}`)).items;
}

/* Ask for samples at one pruning level: the laboratory measures them. */
export async function measure(id, pruning, rule, generation) {
  const body = JSON.stringify({ pruning, pruning_rule: rule, generation });
  const headers = { "Content-Type": "application/json" };
  return (await ask(`/machines/${id}/samples`, { method: "POST", headers, body })).json();
}

/* Test digits to start from: one row of 784 pixels each, packed eight in a byte. */
export async function testDigits() {
  const answer = await fetch(new URL("./digits.bin", import.meta.url));
  if (!answer.ok) throw new Refused("The test digits could not be loaded: load the page again", answer.status);
  const bits = new Uint8Array(await answer.arrayBuffer());
  const pixels = new Uint8Array(bits.length * 8);
  for (let at = 0; at < pixels.length; at += 1) pixels[at] = (bits[at >> 3] >> (7 - (at & 7))) & 1;
  return pixels;
}
