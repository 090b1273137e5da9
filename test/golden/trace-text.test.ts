import { join } from 'node:path';
import { expect } from 'chai';
import { buildCase, runTrace, traceText } from '../../ts/trace/index.js';
import { root } from '../support/processes.js';
import { readCases } from './trace-compare.js';
import { compareText, type RecordedText } from './trace-text-compare.js';

/**
 * Traces of real Open vSwitch 3.1 (scripts/record/trace-text.mjs): ours say the same, line by line. Deliberate differences, which compareText takes
 * for equal: numbers of recirculation ids; which bits a megaflow matches (trace-compare.ts judges that); the order of lines in floods.
 */
describe('golden: text of ofproto/trace', () => {
  for (const entry of readCases(join(root, 'test/fixtures/trace-text-ovs310.jsonl.gz'))) {
    it(`${entry.id} (${entry.features.join(', ')})`, () => {
      const built = buildCase(entry);
      for (const trace of entry.traces as unknown as readonly (RecordedText &
        (typeof entry.traces)[number])[]) {
        const difference = compareText(traceText(runTrace(built, trace)), trace);
        expect(difference, `${trace.bridge} ${trace.flow}\n${difference.join('\n')}`).to.deep.equal([]);
      }
    });
  }
});
