// Which files the checks look at.
import { readdirSync } from 'node:fs';
import { extname, join } from 'node:path';
import { root } from '../test/root.mjs';

const folders = ['native', 'ts', 'test', 'scripts', 'docs'];
const textTypes = ['.ts', '.mjs', '.cjs', '.cc', '.h', '.sh', '.md', '.json', '.gyp', '.txt', '.py'];

/** Files written by scripts/gen. */
export function isGenerated(file) {
  return /\.generated\.\w+$/.test(file);
}

/** Files of the project with one of `types` as extension, relative to the root. Fixtures are data and not looked at. */
export function sourceFiles(types = textTypes) {
  const inFolders = folders.flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1)),
  );
  const atRoot = readdirSync(root, { withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name !== 'package-lock.json')
    .map((entry) => entry.name);
  return [...inFolders, ...atRoot]
    .filter((file) => types.includes(extname(file)) && !/(^|\/)(fixtures|corpus)\//.test(file))
    .sort();
}
