// Open vSwitch's own programs: ovs-dpctl for tests, ovs-vswitchd for benches. On Debian they are in openvswitch-switch, which
// starts daemons and takes over the machine's datapath when it is installed; so it is only unpacked, into .cache/ovs.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { installPackages, unpackPackage } from './debian.mjs';
import { cache } from './root.mjs';

const tree = join(cache, 'ovs');
const programs = {
  'ovs-dpctl': 'usr/bin/ovs-dpctl',
  'ovs-vsctl': 'usr/bin/ovs-vsctl',
  'ovs-vswitchd': 'usr/lib/openvswitch-switch/ovs-vswitchd',
};
const schema = 'usr/share/openvswitch/vswitch.ovsschema';

function installed(program) {
  return process.env.PATH.split(':').some((folder) => existsSync(join(folder, program)));
}

async function linkPrograms(folder) {
  mkdirSync(join(folder, 'bin'));
  for (const [name, path] of Object.entries(programs))
    symlinkSync(join('..', path), join(folder, 'bin', name));
}

/** What the unpacked programs need beside themselves: libraries, ovsdb-server, ovs-ofctl and ovs-appctl. It starts no daemon. */
const companion = 'openvswitch-common';

/**
 * Makes sure that the programs are there, installed or unpacked, and the libraries that they need. Throws when they cannot be had.
 *
 * @returns {Promise<{ path: string, schema: string }>} `path`: value for PATH under which the programs are found; `schema`:
 *   file of the database schema
 */
export async function ensureOvs() {
  if (Object.keys(programs).every(installed) && existsSync(`/${schema}`))
    return { path: process.env.PATH, schema: `/${schema}` };
  const { missing, reason } = await installPackages([companion]);
  if (missing.length > 0)
    throw new Error(`Open vSwitch's programs need ${companion} (${reason}): apt-get install ${companion}`);
  const bin = join(tree, 'bin');
  if (!existsSync(bin)) await unpackPackage(async () => 'openvswitch-switch', tree, linkPrograms);
  execFileSync(join(bin, 'ovs-dpctl'), ['--version'], { stdio: ['ignore', 'ignore', 'inherit'] });
  return { path: `${bin}:${process.env.PATH}`, schema: join(tree, schema) };
}
