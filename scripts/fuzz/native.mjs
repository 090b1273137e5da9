// Native fuzz targets: native/test/*_fuzz.cc, built with libFuzzer when clang is there, else with a driver that mutates without
// feedback.
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { mustRun, run } from '../test/process.mjs';
import { cache, root } from '../test/root.mjs';

const folder = join(cache, 'fuzz', 'build');
const suffix = '_fuzz.cc';

export const nativeTargets = readdirSync(join(root, 'native', 'test'))
  .filter((file) => file.endsWith(suffix))
  .map((file) => basename(file, suffix))
  .sort();

/** Builds all of them. `clang`: whether they are libFuzzer's. */
export async function buildNative(clang) {
  const build = join(folder, clang ? 'clang' : 'gcc');
  mkdirSync(build, { recursive: true });
  const compilers = clang
    ? ['-DCMAKE_C_COMPILER=clang', '-DCMAKE_CXX_COMPILER=clang++']
    : ['-DCMAKE_CXX_COMPILER=g++'];
  const options = { timeoutMs: 1_800_000 };
  await mustRun('cmake', ['-S', root, '-B', build, '-DCMAKE_BUILD_TYPE=None', ...compilers], options);
  await mustRun('cmake', ['--build', build, '--target', 'fuzz', '--parallel', '2'], options);
  return build;
}

const number = (output, pattern) => Number(pattern.exec(output)?.[1] ?? 0);

/**
 * Runs one target.
 *
 * @param {{ name: string, seconds: number, build: string, clang: boolean, corpus: string, grown: string, regressions: string }} job
 *   folders of inputs: checked in, found in earlier runs, and where finds go
 * @returns {Promise<{ executions: number, rate: number, corpus: number, finds: string[], output: string }>}
 */
export async function fuzzNative({ name, seconds, build, clang, corpus, grown, regressions }) {
  const before = new Set(readdirSync(regressions));
  const inputs = [corpus, regressions].flatMap((dir) =>
    existsSync(dir) ? readdirSync(dir).map((file) => join(dir, file)) : [],
  );
  const args = clang
    ? [
        ...[`-max_total_time=${seconds}`, '-timeout=10', '-rss_limit_mb=2048', '-max_len=4096'],
        ...[
          '-print_final_stats=1',
          '-verbosity=1',
          `-artifact_prefix=${regressions}/`,
          grown,
          corpus,
          regressions,
        ],
      ]
    : [`-seconds=${seconds}`, `-find=${join(regressions, `crash-${Date.now()}`)}`, ...inputs];
  const env = {
    ASAN_OPTIONS: 'detect_leaks=1:allocator_may_return_null=1',
    UBSAN_OPTIONS: 'print_stacktrace=1',
  };
  const program = join(build, `${name}_fuzz`);
  const result = await run(program, args, { env, cwd: root, timeoutMs: (seconds + 120) * 1000 });
  const finds = readdirSync(regressions).filter((file) => !before.has(file));
  if (!result.ok && finds.length === 0) finds.push(`no input kept (status ${result.code})`);
  const executions = number(result.output, clang ? /number_of_executed_units:\s*(\d+)/ : /(\d+) executions/);
  return {
    executions,
    rate: Math.round(executions / seconds),
    corpus: clang ? readdirSync(grown).length : inputs.length,
    finds,
    output: result.ok ? '' : result.output.slice(-6000),
  };
}
