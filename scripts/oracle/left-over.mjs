// The recordings that were made with an address left over in the MAC table (test/golden/xlate-recordings.ts), asked again of a switch that has
// only what the case says.
import { join } from 'node:path';
import { root } from '../test/root.mjs';

/** What makes each of the cases: a recorded one, with those of its traces that are left out. Needs out/. */
export async function leftOverCases() {
  const { recordedCases } = await import(join(root, 'out', 'test', 'golden', 'trace-compare.js'));
  const { LEFT_OVER } = await import(join(root, 'out', 'test', 'golden', 'xlate-recordings.js'));
  return recordedCases()
    .map((entry) => ({ ...entry, traces: entry.traces.filter((_, i) => LEFT_OVER.has(`${entry.id}:${i}`)) }))
    .filter(({ traces }) => traces.length > 0)
    .map((entry) => () => entry);
}

/** Counts the recordings that the peer repeats. */
export class Recordings {
  #judge;
  #counts = { asked: 0, repeated: 0 };

  /** `judge` compares two answers to a trace (test/golden/trace-compare.ts). */
  constructor(judge) {
    this.#judge = judge;
  }

  compare(recorded, answered) {
    this.#counts.asked += recorded.traces.length;
    for (const [i, trace] of recorded.traces.entries())
      if (this.#judge(answered.traces[i], trace).verdict === 'agree') this.#counts.repeated += 1;
  }

  print() {
    const { asked, repeated } = this.#counts;
    console.log(
      `the peer repeats ${repeated} of ${asked} recordings that were made with an address left over`,
    );
  }
}
