/* The thread of the spectrum: answers the newest question only. */

import { pruningOrder, ranksOf } from "./pruning.js";
import { edge, eigenvalues, entryVariance, marchenkoPastur } from "./spectrum.js";

let machine = null;
let ranks = null;
let rule = null;
let asked = null;
let timer = 0;

self.onmessage = ({ data }) => {
  if (data.machine) {
    machine = data.machine;
    rule = null;
  }
  asked = data;
  timer = timer || setTimeout(answer, 0); // later messages of this turn replace the question
};

function answer() {
  timer = 0;
  const { numVisible, numHidden, weights } = machine;
  if (rule !== asked.rule) {
    rule = asked.rule;
    ranks = ranksOf(pruningOrder(machine, rule));
  }
  const { numPruned } = asked;
  const kept = weights.map((weight, at) => (ranks[at] >= numPruned ? weight : 0));
  const variance = entryVariance(kept);
  self.postMessage({
    numPruned,
    values: eigenvalues(kept, numVisible, numHidden),
    random: marchenkoPastur(numVisible, numHidden, variance),
    edge: edge(numVisible, numHidden, variance),
  });
}
