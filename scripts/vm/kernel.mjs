// The guest's kernel: Debian's ordinary kernel package, unpacked into .cache/vm and never installed.
import { spawn } from 'node:child_process';
import { createWriteStream, existsSync, readFileSync, readdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { backportsOptions, packages, unpackPackage, whyNoInstall } from '../test/debian.mjs';
import { mustRun } from '../test/process.mjs';
import { cache } from '../test/root.mjs';

export const vmCache = join(cache, 'vm');

/**
 * The kernels to choose from: that of this machine's Debian release, and the newer one that its backports have. `tree`: where it is unpacked; `apt`:
 * options to find it with.
 */
const kernels = {
  release: { tree: join(vmCache, 'kernel'), apt: async () => [] },
  backports: {
    tree: join(vmCache, 'kernel-backports'),
    apt: () => backportsOptions(join(vmCache, 'backports')),
  },
};
export const kernelNames = Object.keys(kernels);

/** Where the programs of the guest may be, for users whose PATH leaves out what is meant for root. */
const folders = [...process.env.PATH.split(':'), '/usr/sbin', '/sbin'];

/** Why no guest with that kernel can be run on this machine; '' when one can. */
export function whyNoVm(kernel = 'release') {
  if (process.arch !== 'x64')
    return `the guest shares this machine's programs and needs x86-64, not ${process.arch}`;
  const missing = ['qemu-system-x86_64', 'busybox', 'depmod', 'xz', 'zstd'].filter(
    (program) => !folders.some((folder) => existsSync(join(folder, program))),
  );
  if (missing.length > 0)
    return `missing: ${missing.join(' ')}; on Debian: apt-get install ${packages.vm.join(' ')}`;
  const { tree } = kernels[kernel];
  if (!existsSync(tree) && whyNoInstall().includes('apt-get'))
    return `no kernel in ${tree}, and no apt-get to download one: unpack Debian's linux-image package there`;
  return '';
}

/** The kernel package that linux-image-amd64 stands for: linux-image-…-amd64. (The cloud kernel has no 9p.) */
async function packageName(apt) {
  const text = await mustRun('apt-cache', [...apt, 'depends', '--important', 'linux-image-amd64']);
  const found = /Depends: (linux-image-\S+)/.exec(text);
  if (!found) throw new Error('apt-cache knows no linux-image-amd64: run apt-get update');
  return found[1];
}

/** modprobe's tables are made when a kernel package is installed, and this one is not. */
async function indexModules(folder) {
  const [version] = readdirSync(join(folder, 'lib', 'modules'));
  await mustRun('depmod', ['-b', folder, version], { env: { PATH: folders.join(':') } });
}

/** How a bzImage may be compressed: the first bytes, and the program that unpacks it. */
const compressions = [
  { magic: 'fd377a585a00', program: 'xz' },
  { magic: '28b52ffd', program: 'zstd' },
];

/**
 * Unpacks the ELF kernel from a bzImage, so that QEMU boots it directly (PVH) and the guest need not decompress it under
 * emulation, which takes seconds. The offsets are of the boot protocol's header (Documentation/arch/x86/boot.rst).
 */
async function unpackElf(bzImage, target) {
  const image = readFileSync(bzImage);
  const start = (image.readUInt8(0x1f1) + 1) * 512 + image.readUInt32LE(0x248);
  // The payload ends with its own unpacked length, which would be taken for rubbish.
  const payload = image.subarray(start, start + image.readUInt32LE(0x24c) - 4);
  const found = compressions.find(({ magic }) => payload.toString('hex', 0, magic.length / 2) === magic);
  if (!found) throw new Error(`${bzImage} is compressed in a way that is not known here`);
  const part = `${target}.${process.pid}`;
  const { program } = found;
  const unpack = spawn(program, ['-dc'], { stdio: ['pipe', 'pipe', 'inherit'] });
  const exit = new Promise((resolve, reject) => {
    unpack.on('error', reject);
    unpack.on('close', (code) =>
      code === 0 ? resolve() : reject(new Error(`${program} could not unpack ${bzImage}`)),
    );
  });
  unpack.stdin.end(payload);
  await Promise.all([pipeline(unpack.stdout, createWriteStream(part)), exit]);
  renameSync(part, target);
}

/**
 * The kernel to boot; fetched and unpacked the first time.
 *
 * @param {string} kernel one of `kernelNames`
 * @returns {Promise<{ version: string, elf: string, modules: string }>} modules: the folder to bind to /lib/modules
 */
export async function ensureKernel(kernel = 'release') {
  const { tree, apt } = kernels[kernel];
  const modules = join(tree, 'lib', 'modules');
  if (!existsSync(modules)) {
    const own = await apt();
    await unpackPackage(() => packageName(own), tree, indexModules, own);
  }
  const [version] = readdirSync(modules);
  const elf = join(vmCache, `vmlinux-${version}`);
  if (!existsSync(elf)) await unpackElf(join(tree, 'boot', `vmlinuz-${version}`), elf);
  return { version, elf, modules };
}
