// npm run fuzz -- [--seconds N] [--target NAME]... [--jobs N]: runs each fuzz target for N seconds (default 60), one core each,
// and prints a table. Native targets run under libFuzzer, AddressSanitizer and UndefinedBehaviorSanitizer, targets of text in Node.
// Inputs that break something are kept in test/fuzz/regressions/TARGET/, which `npm test` replays; status 1 when there are any.
import { mkdirSync, rmdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { installPackages, packages } from '../test/debian.mjs';
import { mustRun, run } from '../test/process.mjs';
import { cache, root } from '../test/root.mjs';
import { buildNative, fuzzNative, nativeTargets } from './native.mjs';

const textTargets = ['key_text', 'actions_text', 'key_bytes', 'actions_bytes'];
const all = [...nativeTargets, ...textTargets];

function options() {
  const { values } = parseArgs({
    options: {
      seconds: { type: 'string', default: '60' },
      target: { type: 'string', multiple: true },
      jobs: { type: 'string', default: String(availableParallelism()) },
    },
  });
  const [seconds, jobs] = [Number(values.seconds), Number(values.jobs)];
  const names = values.target ?? all;
  const unknown = names.find((name) => !all.includes(name));
  if (!Number.isInteger(seconds) || seconds < 1) throw new Error('--seconds takes a number from 1');
  if (!Number.isInteger(jobs) || jobs < 1) throw new Error('--jobs takes a number from 1');
  if (unknown) throw new Error(`--target takes ${all.join(', ')}; not ${unknown}`);
  return { seconds, jobs, names };
}

async function fuzzText({ name, seconds, corpus, regressions }) {
  const script = fileURLToPath(new URL('text.mjs', import.meta.url));
  const args = [script, name, String(seconds), regressions, corpus, regressions];
  const result = await run(process.execPath, args, { cwd: root, timeoutMs: (seconds + 120) * 1000 });
  const line = result.output.trimEnd().split('\n').at(-1) ?? '';
  if (!result.ok || !line.startsWith('{'))
    return { executions: 0, rate: 0, corpus: 0, finds: ['the runner failed'], output: result.output };
  const outcome = JSON.parse(line);
  return { ...outcome, output: outcome.finds.length > 0 ? result.output : '' };
}

/** Runs `tasks`, at most `jobs` at a time; their results in order. */
async function pooled(tasks, jobs) {
  const results = [];
  let next = 0;
  const worker = async () => {
    while (next < tasks.length) {
      const mine = next++;
      results[mine] = await tasks[mine]();
    }
  };
  await Promise.all(Array.from({ length: jobs }, worker));
  return results;
}

function print(rows) {
  const columns = ['target', 'executions', 'exec/s', 'corpus', 'finds'];
  const table = [
    columns,
    ...rows.map((r) => [r.name, r.executions, r.rate, r.corpus, r.finds.length].map(String)),
  ];
  const width = (i) => Math.max(...table.map((row) => row[i].length));
  for (const row of table)
    console.log(row.map((cell, i) => (i === 0 ? cell.padEnd(width(i)) : cell.padStart(width(i)))).join('  '));
}

async function prepare(names) {
  let clang = false;
  let build = '';
  if (names.some((name) => nativeTargets.includes(name))) {
    clang = (await installPackages([...packages.native, ...packages.fuzz])).missing.length === 0;
    if (!clang) console.log('Without clang: native targets are mutated without feedback from coverage.');
    build = await buildNative(clang);
  }
  if (names.some((name) => textTargets.includes(name)))
    await mustRun('npm', ['run', 'build:test'], { cwd: root, timeoutMs: 600_000 });
  return { clang, build };
}

const { seconds, jobs, names } = options();
const { clang, build } = await prepare(names);
console.log(`${names.length} targets, ${seconds} s each, ${jobs} at a time`);
const tasks = names.map((name) => async () => {
  const regressions = join(root, 'test', 'fuzz', 'regressions', name);
  const grown = join(cache, 'fuzz', 'corpus', name);
  mkdirSync(regressions, { recursive: true });
  mkdirSync(grown, { recursive: true });
  const corpus = join(root, 'test', 'fuzz', 'corpus', name);
  const job = { name, seconds, build, clang, corpus, grown, regressions };
  const outcome = await (nativeTargets.includes(name) ? fuzzNative(job) : fuzzText(job));
  if (outcome.output) console.error(`\n${name}:\n${outcome.output}`);
  try {
    rmdirSync(regressions);
  } catch (error) {
    if (error.code !== 'ENOTEMPTY') throw error;
  }
  return { name, ...outcome };
});
const rows = await pooled(tasks, jobs);
print(rows);
for (const { name, finds } of rows)
  for (const find of finds) console.log(`${name}: test/fuzz/regressions/${name}/${find}`);
process.exitCode = rows.some((row) => row.finds.length > 0) ? 1 : 0;
