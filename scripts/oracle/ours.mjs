// Our own answers, through the command that scripts use: `slowpath batch`.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { root } from '../test/root.mjs';

const CASE_MS = 60_000;
const HEAP_MB = 1024;

/** A running `slowpath batch`, started anew when it does not answer in time or ends. */
export class Ours {
  #child = null;
  #answered = null;

  #start() {
    const main = join(root, 'dist', 'cli', 'main.js');
    const child = spawn(process.execPath, [`--max-old-space-size=${HEAP_MB}`, main, 'batch'], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    child.stdin.on('error', () => {});
    createInterface({ input: child.stdout }).on('line', (line) => this.#answered?.(JSON.parse(line)));
    child.on('exit', (code, signal) => {
      if (this.#child !== child) return;
      this.#child = null;
      this.#answered?.({ error: `slowpath batch ended: ${signal ?? `status ${code}`}` });
    });
    this.#child = child;
  }

  /** The case without the peer's answers, which can be long. */
  static #question(entry) {
    const traces = entry.traces.map(({ bridge, flow, options }) => ({ bridge, flow, options }));
    return { op: 'trace', case: { ...entry, traces }, text: true };
  }

  /** What `slowpath batch` answers to a case: { traces } or { error }. */
  ask(entry) {
    if (this.#child === null) this.#start();
    return new Promise((resolve) => {
      const settle = (answer) => {
        clearTimeout(timer);
        this.#answered = null;
        resolve(answer);
      };
      const timer = setTimeout(() => {
        this.stop();
        settle({ error: `slowpath batch: no answer in ${CASE_MS} ms` });
      }, CASE_MS);
      this.#answered = settle;
      this.#child.stdin.write(`${JSON.stringify(Ours.#question(entry))}\n`);
    });
  }

  stop() {
    const child = this.#child;
    this.#child = null;
    child?.kill('SIGKILL');
  }
}
