import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually } from './eventually.js';
import type { Lab, Namespace } from './netns.js';
import { type Child, root } from './processes.js';

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
  /** Its database, sockets, pid file and logs: OVS_RUNDIR for programs of OVS. */
  readonly folder = mkdtempSync(join(tmpdir(), 'slowpath-peer-'));
  readonly #ovs: Ovs;
  readonly #start: (...words: string[]) => Child;
  readonly #system: boolean;
  #daemon: Child | undefined;

  private constructor(ovs: Ovs, lab: Lab, namespace: Namespace, system: boolean) {
    this.#ovs = ovs;
    this.#system = system;
    // What happens to this process happens to the daemons.
    this.#start = (...words) =>
      lab.keep(namespace.start('setpriv', ['--pdeathsig', 'KILL', 'env', ...this.environment, ...words]));
  }

  /** It runs until the lab is removed; then `close` takes away its files. Throws where its programs cannot be had. */
  static async start(lab: Lab, namespace: Namespace, system = false): Promise<PeerSwitch> {
    const { ensureOvs } = (await import(join(root, 'scripts/test/ovs.mjs'))) as {
      ensureOvs: () => Promise<Ovs>;
    };
    const peer = new PeerSwitch(await ensureOvs(), lab, namespace, system);
    await peer.#begin();
    return peer;
  }

  async #begin(): Promise<void> {
    const file = (name: string) => join(this.folder, name);
    await this.#run('ovsdb-tool', ['create', file('conf.db'), this.#ovs.schema]);
    const server = [`--remote=punix:${file('db.sock')}`, `--unixctl=${file('ovsdb.ctl')}`, '-vconsole:off'];
    this.#start('ovsdb-server', file('conf.db'), ...server);
    await eventually('ovsdb-server listens', () => existsSync(file('db.sock')));
    await this.#run('ovs-vsctl', [this.#database, '--no-wait', 'init']);
    await this.startDaemon();
  }

  /** Starts ovs-vswitchd, which a PeerSwitch begins with. */
  async startDaemon(): Promise<void> {
    const file = (name: string) => join(this.folder, name);
    const options = [
      ...[`--unixctl=${file('vswitchd.ctl')}`, `--pidfile=${file('ovs-vswitchd.pid')}`],
      ...(this.#system ? [] : ['--disable-system']),
      '-vconsole:off',
    ];
    this.#daemon = this.#start('ovs-vswitchd', `unix:${file('db.sock')}`, ...options);
    await eventually('ovs-vswitchd listens', () => existsSync(file('vswitchd.ctl')));
  }

  /** Ends ovs-vswitchd as `systemctl stop openvswitch-switch` does. */
  async stopDaemon(): Promise<void> {
    await this.appctl('exit');
    await this.#daemon!.exit;
  }

  get #database(): string {
    return `--db=unix:${join(this.folder, 'db.sock')}`;
  }

  /** Variables for programs of OVS that are to find it. */
  get environment(): string[] {
    const folders = ['OVS_RUNDIR', 'OVS_LOGDIR', 'OVS_DBDIR', 'OVS_SYSCONFDIR'];
    return [`PATH=${this.#ovs.path}:/usr/sbin`, ...folders.map((name) => `${name}=${this.folder}`)];
  }

  #run(program: string, args: readonly string[], input = ''): Promise<string> {
    return new Promise((resolve, reject) => {
      const words = [...this.environment, program, ...args];
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
    const target = `unix:${join(this.folder, `${bridge}.mgmt`)}`;
    await this.#run('ovs-ofctl', ['-O', 'OpenFlow15', 'add-flows', target, '-'], flows);
  }

  /** ovs-appctl; what it prints. */
  appctl(...words: string[]): Promise<string> {
    return this.#run('ovs-appctl', ['-t', join(this.folder, 'vswitchd.ctl'), ...words]);
  }

  /** Takes its files away. */
  close(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
