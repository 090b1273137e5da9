import { join } from 'node:path';
import { expect } from 'chai';
import { root } from '../support/processes.js';
import { buildCase, runTrace, traceText } from '../../ts/trace/index.js';
import { compareCase, readCases } from './trace-compare.js';
import { compareText } from './trace-text-compare.js';

function agree(fixture: string): void {
  for (const entry of readCases(join(root, 'test/fixtures', fixture))) {
    it(`${entry.id} (${entry.features.join(', ')})`, () => {
      for (const { id, verdict, detail } of compareCase(entry))
        expect(verdict, `${id}\n${detail}`).to.equal('agree');
      const built = buildCase(entry);
      for (const trace of entry.traces) {
        if (trace.text === undefined) continue;
        const { text, compare = 'exact' } = trace;
        const difference = compareText(traceText(runTrace(built, trace)), { text, compare });
        expect(difference, trace.flow).to.deep.equal([]);
      }
    });
  }
}

/** Cases of `npm run oracle` that once came out otherwise than in Open vSwitch 3.1, with its answers. */
describe('golden: what the oracle found', () => agree('oracle-finds.jsonl.gz'));

/** Datapaths that can do less, as `ovs-appctl dpif/set-dp-features` makes them; lists of actions that no message holds. */
describe('golden: what a datapath can do', () => agree('dp-features.jsonl.gz'));
