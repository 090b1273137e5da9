import { join } from 'node:path';
import { expect } from 'chai';
import { compareSuiteCase, suiteCases } from './suite-cases.js';

/** Translations that may be refused: one in a hundred. */
const MAY_BE_REFUSED = 0.01;

/** The upstream suite's cases are not part of the project: there is a test only where the variable says that they lie. */
const folder = process.env.SLOWPATH_SUITE_CASES;

if (folder !== undefined) {
  describe('traces of the upstream test suite (SLOWPATH_SUITE_CASES)', () => {
    it('that need only bridges, ports and flows are understood', function () {
      this.timeout(300_000);
      const simple = suiteCases(join(folder, 'trace.jsonl.gz')).filter((entry) => entry.simple);
      const all = simple.flatMap(compareSuiteCase);
      const refused = all
        .filter(({ verdict }) => verdict === 'refused')
        .map(({ id, detail }) => `${id} ${detail}`);
      expect(refused.length, refused.join('\n')).to.be.at.most(all.length * MAY_BE_REFUSED);
    });
  });
}
