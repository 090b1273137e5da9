// Our switch as lib/switch-host.mjs runs it, seen from the bench.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const host = fileURLToPath(new URL('switch-host.mjs', import.meta.url));

export class OurSwitch {
  name = 'slowpath';
  #waiting = [];

  /** @param {{ datapath: 'system' | 'netdev', ports: string[], flows: string, flowLimit: number, maxIdle: number, nodeArgs?: string[] }} setup */
  constructor(setup) {
    this.setup = setup;
  }

  async start() {
    const { nodeArgs = [], ...setup } = this.setup;
    this.child = spawn(process.execPath, [...nodeArgs, host, JSON.stringify(setup)], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.pid = this.child.pid;
    this.gone = new Promise((resolve) => this.child.on('exit', resolve));
    const running = this.#answer();
    createInterface({ input: this.child.stdout }).on('line', (line) =>
      this.#waiting.shift()?.resolve(JSON.parse(line)),
    );
    this.child.on('exit', (code) => {
      for (const { reject } of this.#waiting.splice(0)) reject(new Error(`switch-host: exit ${code}`));
    });
    await running;
    await this.setLimit(this.setup.flowLimit);
  }

  setLimit(flows) {
    return this.#do('setLimit', { flows });
  }

  /** Longest pause between the starts of two rounds, milliseconds. */
  setMaxRevalidator(ms) {
    return this.#do('setMaxRevalidator', { ms });
  }

  #answer() {
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  #do(name, rest = {}) {
    const answer = this.#answer();
    this.child.stdin.write(`${JSON.stringify({ do: name, ...rest })}\n`);
    return answer;
  }

  /** Flows in the datapath, duration of the last dump, and what only we can tell. */
  async figures() {
    const stats = await this.#do('stats');
    const { rounds, translated, modified, deleted, kept } = stats.revalidate;
    const counted = { rounds, translated, modified, deleted, kept, upcall: stats.upcall };
    return { flows: stats.datapath.flows, dumpMs: stats.dumpDuration, ...counted };
  }

  addFlow(text) {
    return this.#do('addFlows', { text });
  }

  /** Bytes of live JavaScript objects. */
  heap() {
    return this.#do('heap');
  }

  /** Watches the event loop until the function returned is called. */
  async watch() {
    await this.#do('watch');
    return () => this.#do('watched');
  }

  async stop() {
    if (this.child === undefined) return;
    this.child.stdin.end();
    await this.gone;
    this.child = undefined;
  }
}
