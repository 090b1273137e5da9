// Lane "kernel": the conformance suite and the kernel tests, in a guest with the real openvswitch module.
import { join } from 'node:path';
import { whyNoVm } from '../vm/kernel.mjs';
import { missingPackages, packages, whyNoInstall } from './debian.mjs';
import { countMocha, mochaCommand, testFiles } from './mocha.mjs';
import { ensureOvs } from './ovs.mjs';
import { run } from './process.mjs';
import { cache, root } from './root.mjs';
import { skipOrFail } from './strict.mjs';

const areas = ['conformance', 'kernel'];
/** Emulation makes JavaScript about ten times slower. */
const guestTestMs = 120_000;
const laneSeconds = 3000;

async function whyNot() {
  const missing = await missingPackages([...packages.vm, ...packages.host]);
  if (missing.length === 0) return whyNoVm();
  return `${whyNoInstall() || 'apt-get failed'}; needs: apt-get install ${missing.join(' ')}`;
}

export async function kernelLane(tally, { grep }) {
  const files = testFiles(areas);
  if (files.length === 0) return tally.fail('kernel', 'no test files: was TypeScript compiled?');
  const reason = await whyNot();
  if (reason) return skipOrFail(tally, 'kernel', reason);
  const shared = join(cache, 'test', 'kernel');
  const summary = join(shared, 'summary.json');
  const { path } = await ensureOvs();
  const env = { PATH: path, SLOWPATH_TEST_SUMMARY: summary, SLOWPATH_TEST_DATAPATH: 'system' };
  const mocha = mochaCommand(files, { grep, timeoutMs: guestTestMs });
  const vm = ['scripts/vm/run.mjs', '--rw', shared, '--timeout', String(laneSeconds), '--', ...mocha];
  return countMocha(tally, 'kernel', summary, () =>
    run('node', vm, { cwd: root, env, timeoutMs: (laneSeconds + 300) * 1000, show: true }),
  );
}
