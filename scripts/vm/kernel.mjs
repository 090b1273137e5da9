// The guest's kernel: Debian's ordinary kernel package, unpacked into .cache/vm and never installed.
import { spawn } from 'node:child_process';
import {
  closeSync,
  createReadStream,
  createWriteStream,
  existsSync,
  openSync,
  readSync,
  readdirSync,
  renameSync,
} from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { packages, unpackPackage, whyNoInstall } from '../test/debian.mjs';
import { mustRun } from '../test/process.mjs';
import { cache } from '../test/root.mjs';

export const vmCache = join(cache, 'vm');
const tree = join(vmCache, 'kernel');

/** Where the programs of the guest may be, for users whose PATH leaves out what is meant for root. */
const folders = [...process.env.PATH.split(':'), '/usr/sbin', '/sbin'];

/** Why no guest can be run on this machine; '' when one can. */
export function whyNoVm() {
  if (process.arch !== 'x64')
    return `the guest shares this machine's programs and needs x86-64, not ${process.arch}`;
  const missing = ['qemu-system-x86_64', 'busybox', 'depmod', 'xz'].filter(
    (program) => !folders.some((folder) => existsSync(join(folder, program))),
  );
  if (missing.length > 0)
    return `missing: ${missing.join(' ')}; on Debian: apt-get install ${packages.vm.join(' ')}`;
  if (!existsSync(tree) && whyNoInstall().includes('apt-get'))
    return `no kernel in ${tree}, and no apt-get to download one: unpack Debian's linux-image package there`;
  return '';
}

/** The kernel package that linux-image-amd64 stands for: linux-image-6.1.0-…-amd64. (The cloud kernel has no 9p.) */
async function packageName() {
  const text = await mustRun('apt-cache', ['depends', '--important', 'linux-image-amd64']);
  const found = /Depends: (linux-image-\S+)/.exec(text);
  if (!found) throw new Error('apt-cache knows no linux-image-amd64: run apt-get update');
  return found[1];
}

/** modprobe's tables are made when a kernel package is installed, and this one is not. */
async function indexModules(folder) {
  const [version] = readdirSync(join(folder, 'lib', 'modules'));
  await mustRun('depmod', ['-b', folder, version], { env: { PATH: folders.join(':') } });
}

/**
 * Unpacks the ELF kernel from a bzImage, so that QEMU boots it directly (PVH) and the guest need not decompress it under
 * emulation, which takes seconds. The offsets are of the boot protocol's header (Documentation/arch/x86/boot.rst).
 */
async function unpackElf(bzImage, target) {
  const header = Buffer.alloc(0x250);
  const fd = openSync(bzImage, 'r');
  readSync(fd, header, 0, header.length, 0);
  closeSync(fd);
  const start = (header.readUInt8(0x1f1) + 1) * 512 + header.readUInt32LE(0x248);
  // The payload ends with its own unpacked length, which xz would take for rubbish.
  const end = start + header.readUInt32LE(0x24c) - 4 - 1;
  const part = `${target}.${process.pid}`;
  const xz = spawn('xz', ['-dc'], { stdio: ['pipe', 'pipe', 'inherit'] });
  const exit = new Promise((resolve, reject) => {
    xz.on('error', reject);
    xz.on('close', (code) => (code === 0 ? resolve() : reject(new Error(`xz could not unpack ${bzImage}`))));
  });
  await Promise.all([
    pipeline(createReadStream(bzImage, { start, end }), xz.stdin),
    pipeline(xz.stdout, createWriteStream(part)),
    exit,
  ]);
  renameSync(part, target);
}

/**
 * The kernel to boot; fetched and unpacked the first time.
 *
 * @returns {Promise<{ version: string, elf: string, modules: string }>} modules: the folder to bind to /lib/modules
 */
export async function ensureKernel() {
  const modules = join(tree, 'lib', 'modules');
  if (!existsSync(modules)) await unpackPackage(packageName, tree, indexModules);
  const [version] = readdirSync(modules);
  const elf = join(vmCache, `vmlinux-${version}`);
  if (!existsSync(elf)) await unpackElf(join(tree, 'boot', `vmlinuz-${version}`), elf);
  return { version, elf, modules };
}
