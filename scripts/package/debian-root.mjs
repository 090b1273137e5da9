// A clean Debian with Node and nothing else, to install the package in: what a user's host may be. debootstrap makes it once, in
// .cache/package; Node, its headers and npm are copies of those that run this.
import { cpSync, existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { mustRun } from '../test/process.mjs';
import { cache } from '../test/root.mjs';

const RELEASE = 'bookworm';
const FALLBACK_MIRROR = 'http://deb.debian.org/debian';
const folder = join(cache, 'package');
const minutes = (n) => n * 60_000;

/** The mirror that this machine's apt takes the release from. */
async function mirror() {
  const targets = await mustRun('apt-get', [
    'indextargets',
    '--format',
    '$(SITE) $(CODENAME)',
    'Created-By: Packages',
  ]);
  const line = targets.split('\n').find((target) => target.endsWith(` ${RELEASE}`));
  return line?.split(' ')[0] ?? FALLBACK_MIRROR;
}

function copyNode(root) {
  const prefix = dirname(dirname(process.execPath));
  const usr = join(root, 'usr');
  cpSync(process.execPath, join(usr, 'bin', 'node'));
  cpSync(join(prefix, 'lib', 'node_modules', 'npm'), join(usr, 'lib', 'node_modules', 'npm'), {
    recursive: true,
  });
  const headers = join(prefix, 'include', 'node');
  if (existsSync(headers)) cpSync(headers, join(usr, 'include', 'node'), { recursive: true });
  for (const name of ['npm', 'npx']) {
    const script = `#!/bin/sh\nexec node /usr/lib/node_modules/npm/bin/${name}-cli.js "$@"\n`;
    writeFileSync(join(usr, 'bin', name), script, { mode: 0o755 });
  }
}

/** Makes `name` from what `fill` puts into a scratch folder, unless it is there. */
async function once(name, fill) {
  const target = join(folder, name);
  if (existsSync(target)) return target;
  const scratch = `${target}.${process.pid}`;
  mkdirSync(folder, { recursive: true });
  try {
    await fill(scratch);
    renameSync(scratch, target);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
  return target;
}

/** Debian with Node alone. */
export function cleanRoot() {
  return once(RELEASE, async (root) => {
    // libstdc++ is Node's own need.
    const args = ['--variant=minbase', '--include=libstdc++6', RELEASE, root, await mirror()];
    await mustRun('debootstrap', args, { timeoutMs: minutes(15) });
    copyNode(root);
  });
}

/** Debian with Node and what compiles addons. */
export function compilerRoot() {
  return once(`${RELEASE}-compiler`, async (root) => {
    await copyTree(await cleanRoot(), root);
    cpSync('/etc/resolv.conf', join(root, 'etc', 'resolv.conf'));
    const install =
      'apt-get update -q && apt-get install -y -q --no-install-recommends python3 make g++ && apt-get clean';
    await mustRun('chroot', [root, 'sh', '-c', install], {
      env: { DEBIAN_FRONTEND: 'noninteractive' },
      timeoutMs: minutes(15),
    });
  });
}

/** A copy of a root with devices, that a trial may change. */
export async function copyTree(from, to) {
  await mustRun('cp', ['-a', '--reflink=auto', from, to], { timeoutMs: minutes(5) });
}

/** Arguments of unshare for a command inside `root` without any network, with /dev and /proc of its own. `net: false` keeps the network there is. */
export function inside(root, command, { net = true } = {}) {
  const mounts = [
    `mount --rbind /dev '${root}/dev'`,
    `mount -t proc proc '${root}/proc'`,
    `mount -t sysfs sysfs '${root}/sys'`,
    `exec chroot '${root}' sh -c "$0"`,
  ];
  const spaces = ['--mount', '--pid', '--fork', '--kill-child', ...(net ? ['--net'] : [])];
  return [...spaces, 'sh', '-ec', mounts.join('\n'), command];
}
