// The peer: Debian's ovs-vswitchd with a private database, on the kernel's or on its own userspace datapath.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureOvs } from '../../test/ovs.mjs';
import { kill, sleep } from './processes.mjs';

/** Set by preparePeer, and so known in namespaces and guests that run trials. */
const SCHEMA = process.env.SLOWPATH_BENCH_SCHEMA;

/** Finds the peer's programs, unpacking them when they are not installed, for this process and those it starts. */
export async function preparePeer() {
  const { path, schema } = await ensureOvs();
  process.env.PATH = path;
  process.env.SLOWPATH_BENCH_SCHEMA = schema;
}

export class Peer {
  name = 'ovs-vswitchd';

  /** @param {{ datapath: 'system' | 'netdev', ports: string[], flows: string, config?: string[], flowLimit?: number }} setup */
  constructor(setup) {
    this.setup = setup;
  }

  async start() {
    const { datapath, ports, flows, config = [], flowLimit } = this.setup;
    this.dir = mkdtempSync(join(tmpdir(), 'slowpath-peer-'));
    const dir = this.dir;
    this.env = { ...process.env, OVS_RUNDIR: dir, OVS_LOGDIR: dir, OVS_DBDIR: dir, OVS_SYSCONFDIR: dir };
    const database = `unix:${dir}/db.sock`;
    const detached = ['--pidfile', '--detach', '--no-chdir', '--log-file'];
    this.#run('ovsdb-tool', 'create', join(dir, 'conf.db'), SCHEMA);
    this.#run('ovsdb-server', join(dir, 'conf.db'), `--remote=punix:${dir}/db.sock`, ...detached);
    const vsctl = (...words) => this.#run('ovs-vsctl', `--db=${database}`, ...words);
    vsctl('--no-wait', 'init');
    if (config.length > 0) vsctl('--no-wait', 'set', 'Open_vSwitch', '.', ...config);
    // 3.1.0 counts no processors when it starts in the first ten seconds of uptime, and then loses every upcall.
    while (Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]) < 11) await sleep(500);
    this.#run('ovs-vswitchd', database, ...detached);
    this.pid = Number(readFileSync(join(dir, 'ovs-vswitchd.pid'), 'utf8'));
    vsctl('add-br', 'br0', '--', 'set', 'bridge', 'br0', `datapath_type=${datapath}`, 'fail-mode=secure');
    for (const [i, port] of ports.entries())
      vsctl('add-port', 'br0', port, '--', 'set', 'interface', port, `ofport_request=${i + 1}`);
    writeFileSync(join(dir, 'flows'), `${flows}\n`);
    this.#run('ovs-ofctl', 'add-flows', `unix:${dir}/br0.mgmt`, join(dir, 'flows'));
    if (flowLimit !== undefined) await this.setLimit(flowLimit);
  }

  async setLimit(flows) {
    this.appctl('upcall/set-flow-limit', String(flows));
  }

  /** Longest pause between the starts of two rounds, milliseconds. */
  async setMaxRevalidator(ms) {
    const database = `unix:${this.dir}/db.sock`;
    this.#run(
      'ovs-vsctl',
      `--db=${database}`,
      'set',
      'Open_vSwitch',
      '.',
      `other_config:max-revalidator=${ms}`,
    );
  }

  /** A command to the running switch; what it prints. */
  appctl(...words) {
    return this.#run('ovs-appctl', '-t', join(this.dir, `ovs-vswitchd.${this.pid}.ctl`), ...words);
  }

  /** Flows in the datapath, and the duration of the last dump. */
  async figures() {
    const text = this.appctl('upcall/show');
    const number = (pattern) => Number(pattern.exec(text)[1]);
    return { flows: number(/\(current (\d+)\)/), dumpMs: number(/dump duration : (\d+)ms/) };
  }

  async addFlow(text) {
    this.#run('ovs-ofctl', 'add-flow', `unix:${this.dir}/br0.mgmt`, text);
  }

  async stop() {
    if (this.dir === undefined) return;
    if (this.pid !== undefined) {
      const database = `unix:${this.dir}/db.sock`;
      this.#run('ovs-vsctl', `--db=${database}`, '--timeout=20', 'del-br', 'br0');
    }
    for (const daemon of ['ovs-vswitchd', 'ovsdb-server']) {
      const file = join(this.dir, `${daemon}.pid`);
      if (existsSync(file)) await kill(Number(readFileSync(file, 'utf8')));
    }
    rmSync(this.dir, { recursive: true, force: true });
    this.dir = undefined;
  }

  #run(command, ...args) {
    return execFileSync(command, args, {
      env: this.env,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  }
}
