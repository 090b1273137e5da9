// Brings this checkout to where tests can run: Debian packages, addon, compiled TypeScript, tools.
import { availableParallelism } from 'node:os';
import { buildTraffic } from '../traffic/build.mjs';
import { installPackages, packages } from './debian.mjs';
import { run } from './process.mjs';
import { root } from './root.mjs';

/** Compilers run at once; more than two gain little here and cost memory. */
export const jobs = String(Math.min(2, availableParallelism()));

const wanted = {
  checks: [],
  native: packages.native,
  unit: packages.host,
  kernel: [...packages.vm, ...packages.host],
  'newer-kernel': [...packages.vm, ...packages.host],
  package: [...packages.package, ...packages.host],
};

/** Lanes that need the addon and the compiled tests. */
export const mochaLanes = ['unit', 'kernel', 'newer-kernel'];

/** One build step: shown by name, its output only when it fails. */
async function step(tally, name, start) {
  const begun = Date.now();
  const { ok, timedOut, output } = await start();
  console.log(`${ok ? 'built' : 'FAILED'}: ${name} (${((Date.now() - begun) / 1000).toFixed(1)} s)`);
  if (ok) return true;
  console.error(output);
  tally.fail(`build: ${name}`, timedOut ? 'took too long' : '');
  return false;
}

/** Prepares for `lanes`; false when mocha lanes cannot run. Every step that fails is counted in `tally`. */
export async function prepare(lanes, tally) {
  const { missing, reason } = await installPackages([...new Set(lanes.flatMap((lane) => wanted[lane]))]);
  if (missing.length > 0)
    console.log(
      `Not installed: ${missing.join(' ')} (${reason}). To install: apt-get install ${missing.join(' ')}`,
    );
  if (!mochaLanes.some((lane) => lanes.includes(lane))) return true;
  const npm = (args) => () => run('npm', args, { cwd: root, timeoutMs: 1_200_000 });
  // Configuring again finds source files that are new since the last build, and costs a second.
  const addon = await step(
    tally,
    'native addon',
    npm(['exec', '--', 'node-gyp', 'configure', 'build', '-j', jobs]),
  );
  // The demonstration runs the package as it is installed, from dist.
  const packaged = await step(tally, 'TypeScript of the package', npm(['run', 'build:ts']));
  const typescript = await step(tally, 'TypeScript of the tests', npm(['run', 'build:test']));
  const traffic = await step(tally, 'traffic tool', buildTraffic);
  return addon && packaged && typescript && traffic;
}
