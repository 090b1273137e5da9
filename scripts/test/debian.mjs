// Debian packages that tests need. Installs what is missing, when it may; starts no service.
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { mustRun, run } from './process.mjs';

/** Packages by what needs them. */
export const packages = {
  vm: ['qemu-system-x86', 'busybox-static', 'kmod', 'xz-utils', 'zstd'],
  native: ['cmake', 'doctest-dev'],
  package: ['debootstrap', 'binutils', 'make', 'g++', 'python3'],
  fuzz: ['clang', 'libclang-rt-14-dev'],
  host: [
    'iproute2',
    'iputils-ping',
    'iperf3',
    'tcpdump',
    'ethtool',
    'systemd',
    'openvswitch-common',
    'tshark',
    'nfdump',
    'nfdump-sflow',
    'zsh',
    'fish',
    'bsdutils',
  ],
};

/** RUNLEVEL=1 makes invoke-rc.d refuse to start services that a package brings. */
const env = { DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
const quiet = ['-y', '-q', '-o', 'DPkg::Lock::Timeout=300'];

/** Those of `names` that are not installed. On systems without dpkg: none, the tools are looked for when used. */
export async function missingPackages(names) {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: dpkg-query's own syntax
  const query = await run('dpkg-query', ['-W', '-f', '${Package} ${db:Status-Status}\n', ...names]);
  if (query.code === 127) return [];
  const present = new Set();
  for (const line of query.output.split('\n')) {
    const [name, status] = line.split(' ');
    if (status === 'installed') present.add(name.split(':')[0]);
  }
  return names.filter((name) => !present.has(name));
}

/** Why packages cannot be installed here; '' when they can. */
export function whyNoInstall() {
  if (!existsSync('/usr/bin/apt-get')) return 'this system has no apt-get';
  if (process.getuid() !== 0) return 'not root';
  return '';
}

/**
 * Installs those of `names` that are missing; refreshes the package lists once when the first try fails.
 *
 * @returns {Promise<{ missing: string[], reason: string }>} what is still missing, and why
 */
export async function installPackages(names) {
  const missing = await missingPackages(names);
  if (missing.length === 0) return { missing, reason: '' };
  const reason = whyNoInstall();
  if (reason) return { missing, reason };
  console.log(`Installing Debian packages: ${missing.join(' ')}`);
  const install = () =>
    run('apt-get', ['install', '--no-install-recommends', ...quiet, ...missing], { env, timeoutMs: 900_000 });
  let result = await install();
  if (!result.ok) {
    await run('apt-get', ['update', ...quiet], { env, timeoutMs: 600_000 });
    result = await install();
  }
  if (result.ok) return { missing: [], reason: '' };
  console.error(result.output);
  return { missing: await missingPackages(missing), reason: 'apt-get install failed' };
}

/**
 * Options that have APT see nothing but the backports of this machine's Debian release, at the mirror that its own sources name. Sources and
 * lists of their own, in `folder`: the system's stay as they are.
 */
export async function backportsOptions(folder) {
  const format = '$(REPO_URI) $(CODENAME)';
  const own = ['Created-By: Packages', 'Origin: Debian', 'Label: Debian', 'Component: main'];
  const text = await mustRun('apt-get', ['indextargets', '--format', format, ...own]);
  // bookworm, not bookworm-updates.
  const found = /^(\S+) ([a-z]+)$/m.exec(text);
  if (!found) throw new Error("APT's sources name no Debian release");
  mkdirSync(join(folder, 'lists'), { recursive: true });
  const sources = join(folder, 'sources.list');
  const [, mirror, release] = found;
  const signed = '[signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]';
  writeFileSync(sources, `deb ${signed} ${mirror} ${release}-backports main\n`);
  return [
    `Dir::Etc::sourcelist=${sources}`,
    'Dir::Etc::sourceparts=-',
    `Dir::State::lists=${join(folder, 'lists')}`,
    `Dir::Cache=${folder}`,
  ].flatMap((option) => ['-o', option]);
}

/**
 * Downloads a package and unpacks it into the folder `target` (replaced), installing nothing; root is not needed. Refreshes the
 * package lists once when the first try fails and it may. `prepare(folder)` can finish the tree before it is put in place.
 *
 * @param {() => Promise<string>} findName the package's name; asked again after a refresh
 * @param {string[]} own options for APT with lists of their own; none for the system's, which only root may refresh
 */
export async function unpackPackage(findName, target, prepare = async () => {}, own = []) {
  const scratch = `${target}.${process.pid}`;
  const tree = join(scratch, 'tree');
  mkdirSync(scratch, { recursive: true });
  try {
    // APT's sandbox user may not write here; the download is checked by its signature all the same.
    const apt = ['-q', '-o', 'APT::Sandbox::User=root', ...own];
    const download = async () =>
      run('apt-get', [...apt, 'download', await findName()], { cwd: scratch, timeoutMs: 900_000 });
    let result = await download().catch((error) => ({ ok: false, output: error.message }));
    if (!result.ok && (own.length > 0 || whyNoInstall() === '')) {
      await run('apt-get', [...apt, 'update', ...quiet], { env, timeoutMs: 600_000 });
      result = await download();
    }
    if (!result.ok) throw new Error(`cannot download a package: ${result.output.trim()}`);
    const file = readdirSync(scratch).find((name) => name.endsWith('.deb'));
    await mustRun('dpkg', ['-x', join(scratch, file), tree], { timeoutMs: 300_000 });
    await prepare(tree);
    rmSync(target, { recursive: true, force: true });
    renameSync(tree, target);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}
