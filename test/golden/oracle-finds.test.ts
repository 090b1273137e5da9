import { join } from 'node:path';
import { expect } from 'chai';
import { root } from '../support/processes.js';
import { compareCase, readCases } from './trace-compare.js';

/** Cases of `npm run oracle` that once came out otherwise than in Open vSwitch 3.1, with its answers. */
describe('golden: what the oracle found', () => {
  for (const entry of readCases(join(root, 'test/fixtures/oracle-finds.jsonl.gz'))) {
    it(`${entry.id} (${entry.features.join(', ')})`, () => {
      for (const { id, verdict, detail } of compareCase(entry))
        expect(verdict, `${id}\n${detail}`).to.equal('agree');
    });
  }
});
