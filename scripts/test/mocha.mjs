// Runs mocha in a process of its own and reads back what happened.
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { root } from './root.mjs';

/** Compiled test files of test/<area>/, relative to the root; none when the area has none. */
export function testFiles(areas) {
  return areas.flatMap((area) => {
    const folder = join('out', 'test', area);
    if (!existsSync(join(root, folder))) return [];
    const files = readdirSync(join(root, folder), { recursive: true });
    // A compiled file whose source is gone is a leftover of an earlier checkout.
    const current = files.filter(
      (file) =>
        file.endsWith('.test.js') && existsSync(join(root, 'test', area, file.replace(/\.js$/, '.ts'))),
    );
    return current.sort().map((file) => join(folder, file));
  });
}

/** Command line of a mocha run. Node's own limits keep a leak from taking the machine. */
export function mochaCommand(files, { grep, timeoutMs } = {}) {
  const args = [
    '--max-old-space-size=2048',
    join('node_modules', 'mocha', 'bin', 'mocha.js'),
    '--forbid-only',
  ];
  if (grep) args.push('--grep', grep);
  if (timeoutMs) args.push('--timeout', String(timeoutMs));
  return ['node', ...args, ...files];
}

/**
 * Counts one mocha run.
 *
 * @param {import('./tally.mjs').Tally} tally
 * @param {string} lane shown before the titles of failed tests
 * @param {string} file where the summary is to be written
 * @param {() => Promise<{ ok: boolean, timedOut: boolean, code: number }>} start runs mocha
 */
export async function countMocha(tally, lane, file, start) {
  mkdirSync(dirname(file), { recursive: true });
  rmSync(file, { force: true });
  const { ok, timedOut, code } = await start();
  let summary;
  try {
    summary = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    if (error.code !== 'ENOENT' && !(error instanceof SyntaxError)) throw error;
    tally.fail(`${lane}: mocha`, timedOut ? 'took too long' : `ended with status ${code} before its summary`);
    return;
  }
  tally.add(lane, summary);
  if (timedOut) tally.fail(`${lane}: mocha`, 'did not exit after the last test: something is still open');
  else if (!ok && summary.failed.length === 0) tally.fail(`${lane}: mocha`, `ended with status ${code}`);
}
