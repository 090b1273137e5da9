// The checks of the source tree. Each returns its problems as lines of text; none means that it holds.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../test/process.mjs';
import { root } from '../test/root.mjs';
import { isGenerated, sourceFiles } from './files.mjs';

const maxFileLines = 500;
const maxColumns = 130;
/** Marks of unfinished work; written so that this file does not find itself. */
const unfinished = /\b(TO[D]O|FIX[M]E|XX[X]|HA[C]K)\b/;

const tool = (script, args) => async () => {
  const result = await run('node', [join('node_modules', script), ...args], {
    cwd: root,
    timeoutMs: 300_000,
  });
  return result.ok ? [] : [result.output.trimEnd() || `ended with status ${result.code}`];
};

const lines = (file) => readFileSync(join(root, file), 'utf8').split('\n');

async function generatedFiles() {
  const result = await run('node', ['scripts/gen/main.mjs', '--check'], { cwd: root, timeoutMs: 60_000 });
  return result.ok ? [] : [result.output.trimEnd()];
}

async function apiReference() {
  const result = await run('node', ['scripts/gen/api.mjs', '--check'], { cwd: root, timeoutMs: 300_000 });
  return result.ok ? [] : [result.output.trimEnd()];
}

async function fileLengths() {
  return sourceFiles(['.ts', '.mjs', '.cjs', '.cc', '.h', '.sh'])
    .filter((file) => !isGenerated(file))
    .map((file) => ({ file, length: lines(file).length - 1 }))
    .filter(({ length }) => length > maxFileLines)
    .map(({ file, length }) => `${file}: ${length} lines, more than ${maxFileLines}`);
}

async function finishedWork() {
  return sourceFiles().flatMap((file) =>
    lines(file).flatMap((line, i) => (unfinished.test(line) ? [`${file}:${i + 1}: ${line.trim()}`] : [])),
  );
}

/** What clang-format would see to where it is installed: width, no tabs, no trailing blanks. */
async function nativeStyle() {
  const files = sourceFiles(['.cc', '.h']).filter((file) => !isGenerated(file));
  return files.flatMap((file) =>
    lines(file).flatMap((line, i) => {
      const at = `${file}:${i + 1}`;
      if (line.includes('\t')) return [`${at}: tab`];
      if (/\s$/.test(line)) return [`${at}: blank at the end of the line`];
      // Characters, not UTF-16 units.
      return [...line].length > maxColumns ? [`${at}: wider than ${maxColumns} columns`] : [];
    }),
  );
}

/** Those that are `slow` are left to `npm test`, and to `npm run check -- --all`. */
export const checks = [
  { name: 'format (biome)', check: tool('@biomejs/biome/bin/biome', ['format', '.']) },
  { name: 'lint (biome)', check: tool('@biomejs/biome/bin/biome', ['lint', '--error-on-warnings', '.']) },
  {
    name: 'layering (dependency-cruiser)',
    check: tool('dependency-cruiser/bin/dependency-cruise.mjs', [
      '--config',
      '.dependency-cruiser.cjs',
      '--output-type',
      'err',
      'ts',
    ]),
  },
  { name: 'generated files are current', check: generatedFiles },
  { name: `no file longer than ${maxFileLines} lines`, check: fileLengths },
  { name: 'no unfinished work', check: finishedWork },
  { name: 'native code style', check: nativeStyle },
  { name: 'the API reference is current', check: apiReference, slow: true },
];
