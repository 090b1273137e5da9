// A private ovsdb-server and ovs-vswitchd with a dummy datapath: no network is touched, root is not needed.
import { execFile, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ask } from './unixctl.mjs';

/** Address space of ovs-vswitchd, and how long anything may take it: it explodes on some configurations. */
const MEMORY_BYTES = 6 * 2 ** 30;
const REQUEST_MS = 10_000;
const START_MS = 20_000;

const pause = (ms) => new Promise((wake) => setTimeout(wake, ms));

/** The daemon did not survive, or does not answer any more. */
export class PeerDied extends Error {}

/** A daemon in the foreground of a child process. */
class Daemon {
  said = '';
  exited = null;
  #child;

  constructor(command, args, env) {
    // Should this process be killed without a chance to act, the daemon must not run on.
    const guarded = [
      '--pdeathsig',
      'KILL',
      'prlimit',
      `--as=${MEMORY_BYTES}`,
      '--core=0',
      '--',
      command,
      ...args,
    ];
    this.#child = spawn('setpriv', guarded, { env, stdio: ['ignore', 'ignore', 'pipe'] });
    this.#child.stderr.setEncoding('utf8').on('data', (text) => {
      this.said = (this.said + text).slice(-4000);
    });
    this.ended = new Promise((resolve) => {
      this.#child.on('error', (error) => {
        this.exited = error.message;
        resolve();
      });
      this.#child.on('exit', (code, signal) => {
        this.exited = signal ?? `status ${code}`;
        resolve();
      });
    });
  }

  kill() {
    if (this.exited === null) this.#child.kill('SIGKILL');
    return this.ended;
  }
}

export class Peer {
  #folder = mkdtempSync(join(tmpdir(), 'slowpath-oracle-'));
  #env;
  #schema;
  #database = null;
  #switch = null;

  /** `ovs`: what ensureOvs found. */
  constructor({ path, schema }) {
    const folder = this.#folder;
    this.#schema = schema;
    this.#env = {
      ...process.env,
      PATH: path,
      OVS_RUNDIR: folder,
      OVS_LOGDIR: folder,
      OVS_DBDIR: folder,
      OVS_SYSCONFDIR: folder,
    };
  }

  get folder() {
    return this.#folder;
  }

  /** Runs a program of OVS to its end; its output. Rejects with PeerDied when ovs-vswitchd has gone meanwhile. */
  run(program, args, input) {
    return new Promise((resolve, reject) => {
      const options = { env: this.#env, timeout: REQUEST_MS, killSignal: 'SIGKILL', maxBuffer: 1 << 26 };
      const child = execFile(program, args, options, (error, stdout, stderr) => {
        if (!error) resolve(stdout);
        else if (this.#switch?.exited != null || error.killed)
          reject(new PeerDied(`${program}: ${this.#why()}`));
        else reject(new Error(`${program}: ${stderr.trim() || error.message}`));
      });
      child.stdin.on('error', () => {});
      child.stdin.end(input ?? '');
    });
  }

  vsctl(words) {
    return this.run('ovs-vsctl', [`--db=unix:${this.#folder}/db.sock`, '--timeout=10', ...words]);
  }

  ofctl(version, command, bridge, ...rest) {
    return this.run('ovs-ofctl', ['-O', version, command, `unix:${this.#folder}/${bridge}.mgmt`, ...rest]);
  }

  /** As ovs-appctl. */
  async appctl(method, ...params) {
    try {
      return await ask(join(this.#folder, 'vswitchd.ctl'), method, params, REQUEST_MS);
    } catch (error) {
      if (!error.gone) throw error;
      // Its end may be about to be told.
      await pause(50);
      throw new PeerDied(`${error.message}; ${this.#why()}`);
    }
  }

  #why() {
    if (this.#switch?.exited == null) return 'ovs-vswitchd runs on without an answer';
    const last = this.#switch.said.trim().split('\n').at(-1) ?? '';
    return `ovs-vswitchd ended: ${this.#switch.exited} ${last}`.trim();
  }

  /** Whether ovs-vswitchd is there and answers. */
  async isWell() {
    if (this.#switch === null || this.#switch.exited !== null || this.#database.exited !== null) return false;
    return ask(join(this.#folder, 'vswitchd.ctl'), 'version', [], 2000).then(
      () => true,
      () => false,
    );
  }

  /** Starts both daemons, anew with an empty database if they ran. */
  async start() {
    await this.#stopDaemons();
    const file = (name) => join(this.#folder, name);
    rmSync(file('conf.db'), { force: true });
    await this.run('ovsdb-tool', ['create', file('conf.db'), this.#schema]);
    const server = [
      `--remote=punix:${file('db.sock')}`,
      `--unixctl=${file('ovsdb.ctl')}`,
      '--no-chdir',
      '-vconsole:off',
    ];
    this.#database = new Daemon('ovsdb-server', [file('conf.db'), ...server], this.#env);
    await this.#until('ovsdb-server', () => existsSync(file('db.sock')));
    await this.vsctl(['--no-wait', 'init']);
    const options = ['--enable-dummy', '--disable-system', '--no-chdir', '-vconsole:emer'];
    const arguments_ = [`unix:${file('db.sock')}`, `--unixctl=${file('vswitchd.ctl')}`, ...options];
    this.#switch = new Daemon('ovs-vswitchd', arguments_, this.#env);
    await this.#until('ovs-vswitchd', () => existsSync(file('vswitchd.ctl')));
  }

  async #until(what, condition) {
    for (const deadline = Date.now() + START_MS; !condition(); await pause(20)) {
      if (Date.now() > deadline)
        throw new Error(`${what} did not start: ${this.#switch?.said ?? this.#database?.said}`);
    }
  }

  async #stopDaemons() {
    await this.#switch?.kill();
    await this.#database?.kill();
    this.#switch = null;
    this.#database = null;
    for (const name of ['db.sock', 'vswitchd.ctl', 'ovsdb.ctl'])
      rmSync(join(this.#folder, name), { force: true });
  }

  async stop() {
    await this.#stopDaemons();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
