// Our switch as a user runs it: `slowpath run` as a process of its own.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const cli = fileURLToPath(new URL('../../../dist/cli/main.js', import.meta.url));

export class Ours {
  name = 'slowpath';

  /** @param {{ datapath: 'system' | 'netdev', ports: string[], flows: string, nodeArgs?: string[] }} setup */
  constructor(setup) {
    this.setup = setup;
  }

  async start() {
    const { datapath, ports, flows, nodeArgs = [] } = this.setup;
    this.dir = mkdtempSync(join(tmpdir(), 'slowpath-ours-'));
    writeFileSync(join(this.dir, 'flows'), `${flows}\n`);
    const args = ['run', '--datapath', datapath, '--bridge', 'br0', '--fail-mode', 'secure'];
    args.push('--flows', join(this.dir, 'flows'), ...ports.flatMap((port) => ['--port', port]));
    const env = { ...process.env, SLOWPATH_RUNDIR: this.dir };
    this.child = spawn(process.execPath, [...nodeArgs, cli, ...args], {
      env,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    this.pid = this.child.pid;
    this.gone = new Promise((resolve) => this.child.on('exit', resolve));
    await new Promise((resolve, reject) => {
      let text = '';
      this.child.stderr.on('data', (data) => {
        text += data;
        if (text.includes('"running"')) resolve();
      });
      this.child.on('exit', (code) => reject(new Error(`slowpath run: exit ${code}: ${text}`)));
    });
  }

  async stop() {
    if (this.child === undefined) return;
    this.child.kill('SIGTERM');
    await this.gone;
    rmSync(this.dir, { recursive: true, force: true });
    this.child = undefined;
  }
}
