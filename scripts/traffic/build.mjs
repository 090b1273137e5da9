// Compiles the traffic tool into .cache/bin/traffic. `node scripts/traffic/build.mjs` prints its path.
import { existsSync, mkdirSync, readdirSync, renameSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { run } from '../test/process.mjs';
import { cache } from '../test/root.mjs';

const folder = dirname(fileURLToPath(import.meta.url));
export const trafficTool = join(cache, 'bin', 'traffic');

/** Builds it when a source is newer. Resolves to the compiler's result. */
export async function buildTraffic() {
  const sources = readdirSync(folder).filter((name) => /\.(cc|h)$/.test(name));
  const newest = Math.max(...sources.map((name) => statSync(join(folder, name)).mtimeMs));
  if (existsSync(trafficTool) && statSync(trafficTool).mtimeMs > newest) return { ok: true, output: '' };
  mkdirSync(dirname(trafficTool), { recursive: true });
  const part = `${trafficTool}.${process.pid}`;
  const units = sources.filter((name) => name.endsWith('.cc')).map((name) => join(folder, name));
  const flags = [
    '-std=c++20',
    '-O2',
    '-g',
    '-Wall',
    '-Wextra',
    '-fno-exceptions',
    '-fno-rtti',
    '-D_GNU_SOURCE',
  ];
  const result = await run('g++', [...flags, '-o', part, ...units], { timeoutMs: 300_000 });
  if (result.ok) renameSync(part, trafficTool);
  return result;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { ok, output } = await buildTraffic();
  if (output) console.error(output);
  if (ok) console.log(trafficTool);
  else process.exitCode = 1;
}
