// npm run docs: writes the API reference, docs/api, from the docstrings of the public entry points.
//   npm run docs -- --check     compares instead, and exits 1 when the reference is out of date
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mustRun } from '../test/process.mjs';
import { root } from '../test/root.mjs';

const reference = join(root, 'docs', 'api');
const check = process.argv.includes('--check');
const out = check ? mkdtempSync(join(tmpdir(), 'slowpath-api-')) : reference;

/** Pages by path below the folder. */
function pages(folder) {
  const files = readdirSync(folder, { recursive: true }).filter((name) => name.endsWith('.md'));
  return new Map(files.sort().map((name) => [name, readFileSync(join(folder, name), 'utf8')]));
}

try {
  await mustRun('node', ['node_modules/typedoc/bin/typedoc', '--treatWarningsAsErrors', '--out', out], {
    cwd: root,
  });
  if (check) {
    const [made, kept] = [pages(out), pages(reference)];
    const stale = [...new Set([...made.keys(), ...kept.keys()])].filter(
      (name) => made.get(name) !== kept.get(name),
    );
    if (stale.length > 0) {
      console.error(
        `out of date, run \`npm run docs\`: ${stale.map((name) => `docs/api/${name}`).join(', ')}`,
      );
      process.exitCode = 1;
    }
  }
} finally {
  if (check) rmSync(out, { recursive: true, force: true });
}
