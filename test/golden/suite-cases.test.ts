import { join } from 'node:path';
import { expect } from 'chai';
import { compareSuiteCase, suiteCases } from './suite-cases.js';

/** Translations that may be refused: one in a hundred. */
const MAY_BE_REFUSED = 0.01;

const folder = process.env.SLOWPATH_SUITE_CASES;

describe('traces of the upstream test suite (SLOWPATH_SUITE_CASES)', () => {
  (folder === undefined ? it.skip : it)(
    'that need only bridges, ports and flows are understood',
    function () {
      this.timeout(300_000);
      const simple = suiteCases(join(folder!, 'trace.jsonl.gz')).filter((entry) => entry.simple);
      const all = simple.flatMap(compareSuiteCase);
      const refused = all
        .filter(({ verdict }) => verdict === 'refused')
        .map(({ id, detail }) => `${id} ${detail}`);
      expect(refused.length, refused.join('\n')).to.be.at.most(all.length * MAY_BE_REFUSED);
    },
  );
});
