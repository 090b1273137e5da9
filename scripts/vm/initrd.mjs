// The guest's first root: busybox, the modules that reach the host's files, and a script that moves there.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { vmCache } from './kernel.mjs';

/** What it takes to mount the host's root: PCI virtio, 9p over it, overlayfs; and the serial ports of output. */
const needed = ['virtio_pci', '9pnet_virtio', '9p', 'overlay', 'virtio_console'];

const script = `#!/bin/sh
mount -t proc proc /proc
mount -t devtmpfs dev /dev
for module in /modules/*; do insmod $module || echo "initrd: $module does not load"; done
nine=trans=virtio,version=9p2000.L,msize=1048576
mount -t 9p -o ro,$nine,cache=loose hostroot /host || echo "initrd: the host's root does not mount"
mount -t tmpfs -o size=75% scratch /scratch
mkdir /scratch/upper /scratch/work
mount -t overlay -o lowerdir=/host,upperdir=/scratch/upper,workdir=/scratch/work root /root \\
  || echo "initrd: the overlay does not mount"
for word in $(cat /proc/cmdline); do case $word in slowpath.job=*) job=\${word#*=};; slowpath.init=*) init=\${word#*=};; esac; done
umount /proc
mkdir -p /root/dev
mount -t devtmpfs dev /root/dev
exec switch_root /root /bin/bash $init $job
`;

/** Files of the named modules and all that they depend on, in an order that loads. */
function moduleFiles(modules, version) {
  const folder = join(modules, version);
  const dependencies = new Map();
  for (const line of readFileSync(join(folder, 'modules.dep'), 'utf8').split('\n').filter(Boolean)) {
    const [file, rest] = line.split(':');
    dependencies.set(file, rest.trim().split(/\s+/).filter(Boolean));
  }
  const byName = new Map(
    [...dependencies.keys()].map((f) => [basename(f).split('.')[0].replaceAll('-', '_'), f]),
  );
  const order = new Set();
  for (const name of needed) {
    const file = byName.get(name);
    // What is built into the kernel has no file.
    if (!file) continue;
    for (const dependency of dependencies.get(file).toReversed()) order.add(dependency);
    order.add(file);
  }
  return [...order].map((file) => join(folder, file));
}

/** A cpio archive in the "newc" form that the kernel unpacks (Documentation/driver-api/early-userspace). */
class Archive {
  #parts = [];
  #inode = 1;

  add(name, mode, data = Buffer.alloc(0), [major, minor] = [0, 0]) {
    const hex = (value) => value.toString(16).padStart(8, '0');
    const fields = [this.#inode++, mode, 0, 0, 1, 0, data.length, 0, 0, major, minor, name.length + 1, 0];
    const header = Buffer.from(`070701${fields.map(hex).join('')}${name}\0`);
    for (const part of [header, data]) this.#parts.push(part, Buffer.alloc(-part.length & 3));
  }

  bytes() {
    this.add('TRAILER!!!', 0);
    return Buffer.concat(this.#parts);
  }
}

const DIRECTORY = 0o040755;
const PROGRAM = 0o100755;
const CHARACTER_DEVICE = 0o020600;
const LINK = 0o120777;

function build(kernel, busybox) {
  const archive = new Archive();
  for (const name of ['bin', 'dev', 'proc', 'modules', 'host', 'scratch', 'root'])
    archive.add(name, DIRECTORY);
  archive.add('dev/console', CHARACTER_DEVICE, undefined, [5, 1]);
  archive.add('bin/busybox', PROGRAM, readFileSync(busybox));
  for (const name of ['sh', 'mount', 'umount', 'insmod', 'mkdir', 'cat', 'switch_root'])
    archive.add(`bin/${name}`, LINK, Buffer.from('busybox'));
  moduleFiles(kernel.modules, kernel.version).forEach((file, i) => {
    // The shell's * sorts by name.
    archive.add(`modules/${String(i).padStart(3, '0')}-${basename(file, '.xz')}`, PROGRAM, moduleBytes(file));
  });
  archive.add('init', PROGRAM, Buffer.from(script));
  return archive.bytes();
}

/** A module's bytes; newer kernels keep them compressed. */
function moduleBytes(file) {
  return file.endsWith('.xz')
    ? execFileSync('xz', ['-dc', file], { maxBuffer: 64 << 20 })
    : readFileSync(file);
}

/** Path of the initrd for `kernel`; built when this file is newer. */
export function ensureInitrd(kernel) {
  const file = join(vmCache, `initrd-${kernel.version}.gz`);
  const source = fileURLToPath(import.meta.url);
  if (existsSync(file) && statSync(file).mtimeMs > statSync(source).mtimeMs) return file;
  const busybox = ['/bin/busybox', '/usr/bin/busybox'].find((path) => existsSync(path));
  if (!busybox) throw new Error('no busybox: apt-get install busybox-static');
  const part = `${file}.${process.pid}`;
  writeFileSync(part, gzipSync(build(kernel, busybox), { level: 1 }));
  renameSync(part, file);
  return file;
}
