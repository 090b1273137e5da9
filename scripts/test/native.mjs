// Lane "native": C++ unit tests and a short run of every fuzz target (its corpus, what was found before, and
// mutations of these), both under ASan and UBSan.
import { existsSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { jobs } from './build.mjs';
import { missingPackages, packages } from './debian.mjs';
import { run } from './process.mjs';
import { root } from './root.mjs';
import { skipOrFail } from './strict.mjs';

const out = join(root, 'build-native');
const sanitizers = {
  ASAN_OPTIONS: 'detect_leaks=1:strict_string_checks=1:abort_on_error=0',
  UBSAN_OPTIONS: 'print_stacktrace=1',
};
/** Inputs each fuzz target is given in a test run; seconds, not minutes. */
const fuzzRuns = 20_000;

/** Configures each time, which finds source files that are new, and recovers from a first time that failed. */
async function build(tally) {
  const steps = [
    ['configure', '--CDCMAKE_BUILD_TYPE=None'],
    ['build', '--parallel', jobs],
  ];
  for (const [command, ...rest] of steps) {
    const args = ['exec', '--', 'cmake-js', command, '--out', 'build-native', ...rest];
    const result = await run('npm', args, { cwd: root, timeoutMs: 1_800_000 });
    if (result.ok) continue;
    console.error(result.output);
    tally.fail(`native: ${command}`, result.timedOut ? 'took too long' : '');
    return false;
  }
  return true;
}

/** Counts from doctest's last line: "[doctest] test cases: 3 | 2 passed | 1 failed | 0 skipped". */
function countDoctest(tally, { ok, output, code, timedOut }) {
  const found = /\[doctest\] test cases:\s*\d+\s*\|\s*(\d+) passed\s*\|\s*(\d+) failed/.exec(output);
  if (!found)
    return tally.fail('native: native_tests', timedOut ? 'took too long' : `ended with status ${code}`);
  tally.pass(Number(found[1]));
  const failed = /TEST CASE:\s*(.*)/g;
  const names = new Set([...output.matchAll(failed)].map((match) => match[1].trim()));
  for (let i = 0; i < Number(found[2]); i++) tally.fail(`native: ${[...names][i] ?? 'test case'}`);
  // A sanitizer report after the last test case.
  if (!ok && Number(found[2]) === 0) tally.fail('native: native_tests', `ended with status ${code}`);
}

/** Files in a folder that end with `suffix`; none when there is no folder. */
function filesIn(folder, suffix = '') {
  if (!existsSync(folder)) return [];
  const names = readdirSync(folder).filter((name) => name.endsWith(suffix));
  return names.sort().map((name) => join(folder, name));
}

async function fuzz(tally) {
  const captures = filesIn(join(root, 'test', 'fixtures'), '.pcap');
  for (const target of filesIn(out, '_fuzz')) {
    const name = basename(target);
    const kept = ['corpus', 'regressions'].flatMap((kind) =>
      filesIn(join(root, 'test', 'fuzz', kind, name.replace(/_fuzz$/, ''))),
    );
    const args = [`-runs=${fuzzRuns}`, ...kept, ...captures];
    const result = await run(target, args, { env: sanitizers, cwd: out, timeoutMs: 300_000 });
    console.log(`${result.ok ? 'ok' : 'FAILED'}: ${name}`);
    if (result.ok) tally.pass();
    else {
      console.error(result.output);
      tally.fail(`native: ${name}`, result.timedOut ? 'took too long' : '');
    }
  }
}

export async function nativeLane(tally) {
  const missing = await missingPackages(packages.native);
  if (missing.length > 0)
    return skipOrFail(tally, 'native', `needs apt-get install ${missing.join(' ')}, as root`);
  if (!(await build(tally))) return;
  const tests = await run(join(out, 'native_tests'), [], { env: sanitizers, cwd: root, timeoutMs: 600_000 });
  console.log(tests.output.trimEnd());
  countDoctest(tally, tests);
  await fuzz(tally);
}
