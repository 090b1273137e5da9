import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually } from './eventually.js';
import type { Lab, Namespace } from './netns.js';
import { root } from './processes.js';

/** How long a command of OVS may take. */
const COMMAND_MS = 30_000;

interface Ovs {
  /** Value of PATH under which its programs are found. */
  readonly path: string;
  /** File of the database schema. */
  readonly schema: string;
}

/** Debian's ovs-vswitchd, on its userspace datapath or (`system`) the kernel's, with a database of its own, in a namespace. */
export class PeerSwitch {
  readonly #folder = mkdtempSync(join(tmpdir(), 'slowpath-peer-'));
  readonly #ovs: Ovs;

  private constructor(ovs: Ovs) {
    this.#ovs = ovs;
  }

  /** It runs until the lab is removed; then `close` takes away its files. Throws where its programs cannot be had. */
  static async start(lab: Lab, namespace: Namespace, system = false): Promise<PeerSwitch> {
    const { ensureOvs } = (await import(join(root, 'scripts/test/ovs.mjs'))) as {
      ensureOvs: () => Promise<Ovs>;
    };
    const peer = new PeerSwitch(await ensureOvs());
    await peer.#begin(lab, namespace, system);
    return peer;
  }

  async #begin(lab: Lab, namespace: Namespace, system: boolean): Promise<void> {
    const file = (name: string) => join(this.#folder, name);
    // What happens to this process happens to the daemons.
    const start = (...words: string[]) =>
      lab.keep(namespace.start('setpriv', ['--pdeathsig', 'KILL', 'env', ...this.#environment(), ...words]));
    await this.#run('ovsdb-tool', ['create', file('conf.db'), this.#ovs.schema]);
    const server = [`--remote=punix:${file('db.sock')}`, `--unixctl=${file('ovsdb.ctl')}`, '-vconsole:off'];
    start('ovsdb-server', file('conf.db'), ...server);
    await eventually('ovsdb-server listens', () => existsSync(file('db.sock')));
    await this.#run('ovs-vsctl', [this.#database, '--no-wait', 'init']);
    const options = [
      `--unixctl=${file('vswitchd.ctl')}`,
      ...(system ? [] : ['--disable-system']),
      '-vconsole:off',
    ];
    start('ovs-vswitchd', `unix:${file('db.sock')}`, ...options);
    await eventually('ovs-vswitchd listens', () => existsSync(file('vswitchd.ctl')));
  }

  get #database(): string {
    return `--db=unix:${join(this.#folder, 'db.sock')}`;
  }

  #environment(): string[] {
    const folders = ['OVS_RUNDIR', 'OVS_LOGDIR', 'OVS_DBDIR', 'OVS_SYSCONFDIR'];
    return [`PATH=${this.#ovs.path}:/usr/sbin`, ...folders.map((name) => `${name}=${this.#folder}`)];
  }

  #run(program: string, args: readonly string[], input = ''): Promise<string> {
    return new Promise((resolve, reject) => {
      const words = [...this.#environment(), program, ...args];
      const child = execFile('env', words, { timeout: COMMAND_MS }, (error, stdout, stderr) => {
        if (error === null) resolve(stdout);
        else reject(new Error(`${program}: ${stderr.trim() || error.message}`));
      });
      child.stdin?.end(input);
    });
  }

  /** ovs-vsctl, which waits until ovs-vswitchd has taken it over. */
  vsctl(words: readonly string[]): Promise<string> {
    return this.#run('ovs-vsctl', [this.#database, '--timeout=20', ...words]);
  }

  /** Adds flows to a bridge, as ovs-ofctl reads them. */
  async addFlows(bridge: string, flows: string): Promise<void> {
    const target = `unix:${join(this.#folder, `${bridge}.mgmt`)}`;
    await this.#run('ovs-ofctl', ['-O', 'OpenFlow15', 'add-flows', target, '-'], flows);
  }

  /** ovs-appctl; what it prints. */
  appctl(...words: string[]): Promise<string> {
    return this.#run('ovs-appctl', ['-t', join(this.#folder, 'vswitchd.ctl'), ...words]);
  }

  /** Takes its files away. */
  close(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
