// Lane "unit": every mocha test that runs on this machine as it is, the conformance suite on the embedded datapath too.
import { join } from 'node:path';
import { countMocha, mochaCommand, testFiles } from './mocha.mjs';
import { run } from './process.mjs';
import { cache, root } from './root.mjs';

const areas = ['unit', 'golden', 'property', 'fuzz', 'lifecycle', 'differential', 'conformance'];

export async function hostLane(tally, { grep }) {
  const files = testFiles(areas);
  if (files.length === 0) return tally.fail('unit', 'no test files: was TypeScript compiled?');
  const [command, ...args] = mochaCommand(files, { grep });
  const summary = join(cache, 'test', 'host.json');
  const env = { SLOWPATH_TEST_SUMMARY: summary, SLOWPATH_TEST_DATAPATH: 'netdev' };
  return countMocha(tally, 'unit', summary, () =>
    run(command, args, { cwd: root, env, timeoutMs: 1_800_000, show: true }),
  );
}
