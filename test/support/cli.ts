import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually } from './eventually.js';
import { Lab, type Namespace } from './netns.js';
import { ping } from './ping.js';
import { type Child, type Exit, nodeScript, root } from './processes.js';
import { datapathType } from './test-datapath.js';

const CLI = 'out/ts/cli/main.js';

/** Runs `slowpath` with these arguments, as this process and in its network namespace. */
export function slowpath(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Exit> {
  return nodeScript(CLI, args, env).exit;
}

/** The command line in a network namespace where switches run between two hosts, with a folder for control sockets. */
export class CliRig {
  readonly lab = new Lab();
  readonly inside: Namespace;
  readonly hosts: readonly Namespace[];
  readonly #folder = mkdtempSync(join(tmpdir(), 'slowpath-test-'));
  /** Devices that tunnel modules put into every namespace. */
  readonly #foreign: readonly string[];
  readonly #started: Child[] = [];

  constructor() {
    this.inside = this.lab.namespace('cli');
    this.#foreign = this.#links().filter((name) => name !== 'lo');
    this.inside.run('sysctl', '-qw', 'net.ipv6.conf.default.disable_ipv6=1');
    this.hosts = [1, 2].map((number) => {
      const host = this.lab.namespace(`h${number}`);
      host.run('sysctl', '-qw', 'net.ipv6.conf.default.disable_ipv6=1');
      this.lab.veth(this.inside, `p${number}`, host, 'eth0');
      this.inside.up(`p${number}`);
      host.up('eth0', { addresses: [`10.0.0.${number}/24`], mac: `02:00:00:00:00:0${number}` });
      return host;
    });
  }

  /** Folder of control sockets; `name` keeps several apart. */
  rundir(name = 'run'): string {
    return join(this.#folder, name);
  }

  /** Names of what running switches keep in the folder. */
  files(): string[] {
    return readdirSync(this.rundir());
  }

  /** Names of control sockets. */
  sockets(): string[] {
    return this.files().filter((name) => name.endsWith('.sock'));
  }

  /** Writes a file; its path. */
  file(name: string, text: string | Uint8Array): string {
    const path = join(this.#folder, name);
    writeFileSync(path, text);
    return path;
  }

  /** Writes a file of flows; its path. */
  flowsFile(text: string): string {
    return this.file('flows.txt', text);
  }

  /** Starts `slowpath` in the namespace. */
  start(args: readonly string[], rundir = this.rundir()): Child {
    return this.startScript(CLI, args, [`SLOWPATH_RUNDIR=${rundir}`]);
  }

  /** Starts a script of this project in the namespace; `words` stand before it: variables, and a program that runs it. */
  startScript(script: string, args: readonly string[], words: readonly string[] = []): Child {
    const child = this.lab.keep(
      this.inside.start('env', [...words, process.execPath, join(root, script), ...args]),
    );
    this.#started.push(child);
    return child;
  }

  /** Stops what a test that failed has left running. */
  async stopAll(): Promise<void> {
    await Promise.all(this.#started.splice(0).map((child) => child.stop()));
  }

  /** Starts `slowpath run` on the datapath under test and waits until it says that it runs. */
  async run(...args: string[]): Promise<Child> {
    await eventually('both ports are up', () => this.inside.running('p1', 'p2'));
    const child = this.start(['run', '--datapath', datapathType, '--bridge', 'br0', ...args]);
    await eventually(
      'slowpath runs',
      () => {
        if (child.process.exitCode !== null) throw new Error(`slowpath run ended: ${child.stderr}`);
        return child.stderr.includes('"msg":"running"');
      },
      180_000,
    );
    return child;
  }

  /** What a command about the running switch prints. Throws with what it says when it fails. */
  async ask(command: string, ...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await this.start([command, '--datapath', datapathType, ...args]).exit;
    if (code !== 0) throw new Error(`slowpath ${command} ended with ${code}: ${stderr}`);
    return stdout;
  }

  /** Runs a shell command line in the namespace, where `npx slowpath` is the command under test; what it printed. */
  async shell(line: string): Promise<string> {
    const cli = `${process.execPath} ${join(root, CLI)}`;
    const command = line.replaceAll('npx slowpath', cli);
    const words = [`SLOWPATH_RUNDIR=${this.rundir()}`, 'sh', '-c', command];
    const { stdout, stderr } = await this.lab.keep(this.inside.start('env', words)).exit;
    return stdout + stderr;
  }

  /** Hosts keep each other's MAC addresses: none asks again, which is lost where nobody answers upcalls. `net`: of the hosts' addresses. */
  pinNeighbours(net = '10.0.0'): void {
    for (const [i, host] of this.hosts.entries())
      host.ip(`neigh replace ${net}.${2 - i} lladdr 02:00:00:00:00:0${2 - i} dev eth0 nud permanent`);
  }

  /** Pings host 2 from host 1; the answers received. */
  ping(count: number): Promise<number> {
    return ping(this.hosts[0], '10.0.0.2', count);
  }

  /** Names of the devices in the namespace, with the bridge or datapath that each is enslaved to. */
  devices(): string[] {
    return this.#links().filter((name) => !this.#foreign.includes(name));
  }

  #links(): string[] {
    const shown = JSON.parse(this.inside.run('ip', '-json', 'link', 'show')) as {
      ifname: string;
      master?: string;
    }[];
    return shown.map(({ ifname, master }) => (master ? `${ifname} in ${master}` : ifname)).sort();
  }

  async remove(): Promise<void> {
    await this.lab.remove();
    rmSync(this.#folder, { recursive: true });
  }
}
