import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

function findRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'binding.gyp'))) {
    if (folder === dirname(folder)) throw new Error('no folder above has binding.gyp');
    folder = dirname(folder);
  }
  return folder;
}

/** The folder of package.json and binding.gyp. */
export const root = findRoot();

/** Runs a program to its end and returns its standard output. Throws, with its standard error, when it fails. */
export function command(program: string, args: readonly string[], input = ''): string {
  return execFileSync(program, args, { encoding: 'utf8', input, stdio: 'pipe', timeout: 60_000 });
}

/** How long a program is waited for: Node alone takes seconds to start under emulation. */
const PATIENCE_MS = 30_000;

/** How a child process ended. */
export interface Exit {
  /** Exit status, null when a signal ended it. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** All that it printed. */
  readonly stdout: string;
  readonly stderr: string;
}

/** A running program whose output is collected. */
export class Child {
  readonly process: ChildProcess;
  /** Settles when it has ended and its output is complete. */
  readonly exit: Promise<Exit>;
  stdout = '';
  stderr = '';
  #ended = false;
  readonly #wakers = new Set<() => void>();

  constructor(
    program: string,
    args: readonly string[],
    options: { input?: string; env?: NodeJS.ProcessEnv; keepInput?: boolean } = {},
  ) {
    this.process = spawn(program, args, {
      cwd: root,
      env: { ...process.env, ...options.env },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    this.exit = new Promise((resolve, reject) => {
      this.process.on('error', reject);
      this.process.on('close', (code, signal) => {
        this.#ended = true;
        this.#wake();
        resolve({ code, signal, stdout: this.stdout, stderr: this.stderr });
      });
    });
    // A test that never looks at `exit` fails by what it waits for.
    this.exit.catch(() => {});
    this.process.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text;
      this.#wake();
    });
    this.process.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
      this.#wake();
    });
    // It may have ended before it read anything; its exit tells.
    this.process.stdin?.on('error', () => {});
    // Kept open for whoever writes to it later.
    if (options.keepInput !== true) this.process.stdin?.end(options.input ?? '');
  }

  #wake(): void {
    for (const waker of this.#wakers) waker();
  }

  /** The first match of `pattern` in its standard output, waited for. Throws when it ends, or time is up, without one. */
  waitFor(pattern: RegExp, timeoutMs = PATIENCE_MS): Promise<RegExpExecArray> {
    return new Promise((resolve, reject) => {
      const settle = (act: () => void) => {
        clearTimeout(timer);
        this.#wakers.delete(look);
        act();
      };
      const fail = (why: string) =>
        settle(() =>
          reject(new Error(`${this.process.spawnfile} ${why} ${pattern}\n${this.stdout}${this.stderr}`)),
        );
      const look = () => {
        const found = pattern.exec(this.stdout);
        if (found) settle(() => resolve(found));
        else if (this.#ended) fail('ended without printing');
      };
      const timer = setTimeout(() => fail(`did not print in ${timeoutMs} ms:`), timeoutMs);
      this.#wakers.add(look);
      look();
    });
  }

  /** Ends it, by SIGKILL when it is still there after that time. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<Exit> {
    if (!this.#ended) this.process.kill(signal);
    const timer = setTimeout(() => this.process.kill('SIGKILL'), PATIENCE_MS);
    try {
      return await this.exit;
    } finally {
      clearTimeout(timer);
    }
  }
}

/** Starts a compiled script of this project (a path from the root) in a Node process of its own. */
export function nodeScript(script: string, args: readonly string[] = [], env?: NodeJS.ProcessEnv): Child {
  return new Child(process.execPath, [join(root, script), ...args], env ? { env } : {});
}
