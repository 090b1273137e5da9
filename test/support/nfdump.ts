import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Context } from 'mocha';
import { eventually } from './eventually.js';
import { Child, command } from './processes.js';
import { skipUnless } from './skip.js';

/** Skips where the nfdump suite is not installed. */
export function needsNfdump(context: Context): void {
  const found = ['sfcapd', 'nfdump'].every((name) => spawnSync(name, ['-V']).error === undefined);
  skipUnless(context, found, 'needs nfdump (Debian: apt-get install nfdump nfdump-sflow)');
}

/** A flow as `nfdump -o json` has it. */
export type NfdumpFlow = Readonly<Record<string, string | number>>;

/** A UDP port of the loopback that nobody uses now. */
async function freePort(): Promise<number> {
  const socket = createSocket('udp4');
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const { port } = socket.address();
  socket.close();
  await once(socket, 'close');
  return port;
}

/** A collector of the nfdump suite (`sfcapd`, `nfcapd`) on this process's loopback. */
export class NfCollector {
  readonly target: string;
  readonly #folder: string;
  readonly #child: Child;

  private constructor(program: string, port: number) {
    this.target = `127.0.0.1:${port}`;
    this.#folder = mkdtempSync(join(tmpdir(), 'slowpath-nfdump-'));
    this.#child = new Child(program, [
      '-b',
      '127.0.0.1',
      '-p',
      String(port),
      '-l',
      this.#folder,
      '-t',
      '3600',
    ]);
  }

  static async start(program: 'sfcapd' | 'nfcapd'): Promise<NfCollector> {
    const port = await freePort();
    const one = new NfCollector(program, port);
    const local = new RegExp(`:${port.toString(16).toUpperCase().padStart(4, '0')} `);
    await eventually(`${program} listens`, () => local.test(readFileSync('/proc/net/udp', 'utf8')), 60_000);
    return one;
  }

  /** What it said so far. */
  get said(): string {
    return this.#child.stdout + this.#child.stderr;
  }

  /** Has it end, and nfdump tell the flows that it got. */
  async flows(): Promise<NfdumpFlow[]> {
    const { code, stderr } = await this.#child.stop();
    if (code !== 0) throw new Error(`${this.#child.process.spawnfile} ended with ${code}: ${stderr}`);
    const objects = command('nfdump', ['-q', '-N', '-R', this.#folder, '-o', 'json']);
    return JSON.parse(`[${objects}]`) as NfdumpFlow[];
  }

  /** Sequence errors and bad packets, as it told at its end. */
  get complaints(): string {
    const { stdout, stderr } = this.#child;
    return /Sequence Errors: .*$/m.exec(stdout + stderr)?.[0] ?? '';
  }

  /** Ends it if it still runs, and forgets what it got. */
  async stop(): Promise<void> {
    await this.#child.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
