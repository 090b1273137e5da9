// The guest's kernel: Debian's ordinary kernel package, unpacked into .cache/vm and never installed.
import { spawn } from 'node:child_process';
import {
  closeSync,
  createWriteStream,
  existsSync,
  mkdirSync,
  openSync,
  readSync,
  readdirSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createReadStream } from 'node:fs';
import { run } from '../test/process.mjs';
import { cache } from '../test/root.mjs';

export const vmCache = join(cache, 'vm');
const tree = join(vmCache, 'kernel');

/** Why no guest can be run on this machine; '' when one can. Packages are looked at elsewhere. */
export function whyNoVm() {
  if (process.arch !== 'x64')
    return `the guest shares this machine's programs and needs x86-64, not ${process.arch}`;
  return '';
}

async function mustRun(command, args, options) {
  const result = await run(command, args, options);
  if (!result.ok) throw new Error(`${command} ${args.join(' ')}: ${result.output.trim() || result.code}`);
  return result.output;
}

/** The kernel package that linux-image-amd64 stands for: linux-image-6.1.0-…-amd64. (The cloud kernel has no 9p.) */
async function packageName() {
  const text = await mustRun('apt-cache', ['depends', '--important', 'linux-image-amd64']);
  const found = /Depends: (linux-image-\S+)/.exec(text);
  if (!found) throw new Error('apt-cache knows no linux-image-amd64: run apt-get update');
  return found[1];
}

async function download() {
  const folder = join(vmCache, `download-${process.pid}`);
  mkdirSync(folder, { recursive: true });
  try {
    // APT's sandbox user may not write here; the download is checked by its signature all the same.
    const apt = ['-q', '-o', 'APT::Sandbox::User=root', 'download'];
    const fetch = async () =>
      run('apt-get', [...apt, await packageName()], { cwd: folder, timeoutMs: 900_000 });
    let result = await fetch().catch((error) => ({ ok: false, output: error.message }));
    if (!result.ok && process.getuid() === 0) {
      await run('apt-get', ['update', '-q'], { timeoutMs: 600_000 });
      result = await fetch();
    }
    if (!result.ok) throw new Error(`cannot download a kernel: ${result.output.trim()}`);
    const deb = readdirSync(folder).find((name) => name.endsWith('.deb'));
    const unpacked = join(folder, 'tree');
    await mustRun('dpkg', ['-x', join(folder, deb), unpacked], { timeoutMs: 300_000 });
    const [version] = readdirSync(join(unpacked, 'lib', 'modules'));
    await mustRun('depmod', ['-b', unpacked, version], {
      env: { PATH: `${process.env.PATH}:/usr/sbin:/sbin` },
    });
    rmSync(tree, { recursive: true, force: true });
    renameSync(unpacked, tree);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
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
  if (!existsSync(modules)) await download();
  const [version] = readdirSync(modules);
  const elf = join(vmCache, `vmlinux-${version}`);
  if (!existsSync(elf)) await unpackElf(join(tree, 'boot', `vmlinuz-${version}`), elf);
  return { version, elf, modules };
}
