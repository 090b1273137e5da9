// All tests, and everything they need. The last line printed is "N passed, N failed, N skipped".
//   npm test                             everything
//   npm test -- --only unit              one lane: checks, native, unit (all of mocha on this host), kernel, newer-kernel or package
//   npm test -- --grep PATTERN           only mocha tests whose title matches
import { parseArgs } from 'node:util';
import { mochaLanes, prepare } from './test/build.mjs';
import { checksLane } from './test/checks.mjs';
import { kernelLane, newerKernelLane } from './test/kernel.mjs';
import { nativeLane } from './test/native.mjs';
import { hostLane } from './test/host.mjs';
import { packageLane } from './test/package.mjs';
import { Tally } from './test/tally.mjs';

const lanes = {
  checks: checksLane,
  native: nativeLane,
  unit: hostLane,
  kernel: kernelLane,
  'newer-kernel': newerKernelLane,
  package: packageLane,
};

function options() {
  try {
    const { values } = parseArgs({
      options: { only: { type: 'string', multiple: true }, grep: { type: 'string' } },
    });
    for (const name of values.only ?? [])
      if (!(name in lanes)) throw new Error(`--only takes ${Object.keys(lanes).join(', ')}, not ${name}`);
    return values;
  } catch (error) {
    console.error(error.message);
    process.exit(2);
  }
}

const { only, grep } = options();
const tally = new Tally();
const chosen = Object.entries(lanes).filter(([name]) => !only || only.includes(name));
const built = await prepare(
  chosen.map(([name]) => name),
  tally,
);
for (const [name, lane] of chosen) {
  if (!built && mochaLanes.includes(name)) continue;
  const started = Date.now();
  console.log(`\n== ${name}`);
  // Whatever happens, the closing line comes.
  await lane(tally, { grep }).catch((error) => {
    console.error(error);
    tally.fail(name, error.message);
  });
  console.log(`== ${name}: ${((Date.now() - started) / 1000).toFixed(1)} s`);
}
tally.print();
process.exitCode = tally.failed > 0 ? 1 : 0;
