// npm's prepack script: what the tarball holds and the repository does not, freshly made: dist/ and the addon for this host.
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { prebuiltPath } from './platform.cjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const call = (command, args) => execFileSync(command, args, { cwd: root, stdio: ['ignore', 2, 2] });

// First what can fail: a checkout without compiler keeps the dist/ that it has.
call('npm', ['run', 'build:native']);
for (const folder of ['dist', 'prebuilds']) rmSync(join(root, folder), { recursive: true, force: true });
call('npm', ['run', 'build:ts']);
const target = join(root, prebuiltPath());
mkdirSync(dirname(target), { recursive: true });
copyFileSync(join(root, 'build', 'Release', 'slowpath.node'), target);
call('strip', ['--strip-unneeded', target]);
