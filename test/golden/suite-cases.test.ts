import { join } from 'node:path';
import { expect } from 'chai';
import { root } from '../support/processes.js';
import { compareSuiteCase, suiteCases } from './suite-cases.js';
import { judge } from './trace-compare.js';

/** Translations that may be refused, and that may come out otherwise (some cases do not tell all of their configuration): one in a hundred. */
const MAY_BE_REFUSED = 0.01;
const MAY_DIFFER = 0.01;

type SameEffects = (a: string, b: string, about: { readonly flow: string }) => boolean;
type Compared = ReturnType<typeof compareSuiteCase>[number];

/**
 * Whether packets leave and actions are taken as recorded, in whatever order of ports: ports of these cases are added together, and their order in floods
 * then hangs on addresses of ovs-vswitchd's memory.
 */
function doesTheSame({ verdict, ours, trace }: Compared, sameEffects: SameEffects): boolean {
  if (verdict !== 'actions' || ours === null) return verdict === 'agree' || verdict === 'wider mask';
  const steps = ours.steps.map((step, i) => {
    const { datapathActions = '' } = trace.steps[i] ?? {};
    return sameEffects(step.datapathActions, datapathActions, step) ? { ...step, datapathActions } : step;
  });
  return ['agree', 'wider mask'].includes(judge({ ...ours, steps }, trace).verdict);
}

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

    it('that need only bridges, ports and flows come out the same, in whatever order of floods', async function () {
      this.timeout(300_000);
      const effects = join(root, 'scripts', 'oracle', 'effects.mjs');
      const { sameEffects } = (await import(effects)) as { sameEffects: SameEffects };
      const simple = suiteCases(join(folder, 'trace.jsonl.gz')).filter((entry) => entry.simple);
      const all = simple.flatMap(compareSuiteCase);
      const different = all.filter((one) => !doesTheSame(one, sameEffects));
      const told = different.map(({ id, detail }) => `${id} ${detail}`).join('\n');
      expect(different.length, told).to.be.at.most(all.length * MAY_DIFFER);
    });
  });
}
