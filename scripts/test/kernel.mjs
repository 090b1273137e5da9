// Lane "kernel": the conformance suite and the kernel tests, in a guest with the real openvswitch module; and some of them on a newer kernel.
import { join } from 'node:path';
import { ensureKernel, whyNoVm } from '../vm/kernel.mjs';
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

/** What runs on the kernel of Debian's backports, too: that has the action psample (Linux 6.11). */
const newerKernelFiles = ['conformance/switch-local-samples', 'kernel/psample'].map((name) =>
  join('out', 'test', `${name}.test.js`),
);

async function whyNot() {
  const missing = await missingPackages([...packages.vm, ...packages.host]);
  if (missing.length === 0) return whyNoVm();
  return `${whyNoInstall() || 'apt-get failed'}; needs: apt-get install ${missing.join(' ')}`;
}

/** Runs test files in a guest with that kernel. */
async function inGuest(tally, lane, kernel, files, grep) {
  const shared = join(cache, 'test', lane);
  const summary = join(shared, 'summary.json');
  const { path } = await ensureOvs();
  const env = { PATH: path, SLOWPATH_TEST_SUMMARY: summary, SLOWPATH_TEST_DATAPATH: 'system' };
  const mocha = mochaCommand(files, { grep, timeoutMs: guestTestMs });
  const vm = ['scripts/vm/run.mjs', '--kernel', kernel, '--rw', shared];
  const args = [...vm, '--timeout', String(laneSeconds), '--', ...mocha];
  return countMocha(tally, lane, summary, () =>
    run('node', args, { cwd: root, env, timeoutMs: (laneSeconds + 300) * 1000, show: true }),
  );
}

export async function kernelLane(tally, { grep }) {
  const files = testFiles(areas);
  if (files.length === 0) return tally.fail('kernel', 'no test files: was TypeScript compiled?');
  const reason = await whyNot();
  if (reason) return skipOrFail(tally, 'kernel', reason);
  return inGuest(tally, 'kernel', 'release', files, grep);
}

/** Lane "newer-kernel": what the release's kernel does not have. Skipped where no newer kernel can be had: not every mirror has backports. */
export async function newerKernelLane(tally, { grep }) {
  const lane = 'newer-kernel';
  const reason = await whyNot();
  if (reason) return skipOrFail(tally, lane, reason);
  try {
    await ensureKernel('backports');
  } catch (error) {
    return tally.skip(lane, error.message);
  }
  return inGuest(tally, lane, 'backports', newerKernelFiles, grep);
}
