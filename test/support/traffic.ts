import { join } from 'node:path';
import type { Namespace } from './netns.js';
import { Child, command, root } from './processes.js';

/** How long what must come is waited for; a busy machine takes its time. */
const PATIENCE_MS = 30_000;
/** How long a capture listens at most: longer than what comes before its frames is waited for. */
const LISTEN_MS = 2 * PATIENCE_MS;
/** How long a frame that should not come is waited for. */
const QUIET_MS = 100;

const tool = join(root, '.cache', 'bin', 'traffic');

/** A line of `capture` that tells a LACP message: a switch says those to its neighbour when it likes. */
const LACP_LINE = '[0-9a-f]{24}8809[0-9a-f]*\\n';

/** Ends where `count` frames have come, LACP messages aside. */
const framesCame = (count: number) =>
  new RegExp(`^ready\\n(?:(?:${LACP_LINE})*(?!${LACP_LINE})[0-9a-f]+\\n){${count}}`);

/** Result of `flood`: frames sent, in which time, and how often the device's queue was full. */
export interface FloodResult {
  readonly sent: number;
  readonly seconds: number;
  readonly pps: number;
  readonly waits: number;
}

/** Result of `sink`. */
export interface SinkResult {
  /** Frames of the flood that came, `distinct` of them different. */
  readonly received: number;
  readonly distinct: number;
  readonly duplicates: number;
  /** Frames of the flood numbered beyond what was expected. */
  readonly unexpected: number;
  /** Frames that came and found the socket's buffer full. */
  readonly dropped: number;
  readonly seconds: number;
  readonly pps: number;
}

/** Sends frames out of a device, in order. */
export function sendFrames(namespace: Namespace, device: string, frames: readonly Uint8Array[]): void {
  const lines = frames.map((frame) => Buffer.from(frame).toString('hex')).join('\n');
  command(tool, ['send', '--dev', device, '--netns', namespace.name], lines);
}

/** Frames on their way into a device, since this was started; LACP messages aside. */
export class Capture {
  readonly #child: Child;
  /** Frames that `take` has given out. */
  #taken = 0;

  private constructor(child: Child) {
    this.#child = child;
  }

  /** Listens on a device; ready when this settles. It ends by itself after `timeoutMs`. */
  static async start(
    namespace: Namespace,
    device: string,
    count = 1,
    timeoutMs = LISTEN_MS,
  ): Promise<Capture> {
    const limits = ['--count', String(count), '--timeout-ms', String(timeoutMs)];
    const child = new Child(tool, ['capture', '--dev', device, '--netns', namespace.name, ...limits]);
    await child.waitFor(/^ready$/m);
    return new Capture(child);
  }

  /** The frames, once all `count` have come or time is up. */
  async frames(): Promise<Buffer[]> {
    return Capture.#parse((await this.#child.exit).stdout);
  }

  /** Frames that have come up to now. */
  get count(): number {
    return Capture.#parse(this.#child.stdout).length;
  }

  /** Waits for `count` frames, and a little longer for any that should not come; ends the capture. */
  async settled(count: number, waitMs = PATIENCE_MS): Promise<Buffer[]> {
    await this.#child.waitFor(framesCame(count), waitMs).catch(() => {});
    await new Promise((resolve) => setTimeout(resolve, QUIET_MS));
    return this.stop();
  }

  /** The next `count` frames, or those that came before time was up; the capture goes on. */
  async take(count: number, waitMs = PATIENCE_MS): Promise<Buffer[]> {
    const wanted = this.#taken + count;
    await this.#child.waitFor(framesCame(wanted), waitMs).catch(() => {});
    const whole = this.#child.stdout.slice(0, this.#child.stdout.lastIndexOf('\n') + 1);
    const frames = Capture.#parse(whole).slice(this.#taken, wanted);
    this.#taken += frames.length;
    return frames;
  }

  /** The frames that have come up to now; ends the capture. */
  async stop(): Promise<Buffer[]> {
    return Capture.#parse((await this.#child.stop()).stdout);
  }

  static #parse(text: string): Buffer[] {
    const lines = text.replace(new RegExp(`^${LACP_LINE}`, 'gm'), '').split('\n');
    return lines.filter((line) => line !== '' && line !== 'ready').map((line) => Buffer.from(line, 'hex'));
  }
}

/** Counts the frames of a flood that come into a device; ready when this settles. */
export async function startSink(
  namespace: Namespace,
  device: string,
  expect: number,
  options: { readonly timeoutSeconds?: number; readonly quietMs?: number } = {},
): Promise<{ readonly result: Promise<SinkResult>; readonly child: Child }> {
  const args = ['sink', '--dev', device, '--netns', namespace.name, '--expect', String(expect)];
  args.push(
    '--timeout',
    String(options.timeoutSeconds ?? PATIENCE_MS / 1000),
    '--quiet-ms',
    String(options.quietMs ?? 0),
  );
  const child = new Child(tool, args);
  await child.waitFor(/ready/);
  const result = child.exit.then(({ stdout, stderr }) => {
    const line = stdout.trim().split('\n').at(-1) ?? '';
    if (!line.includes('received')) throw new Error(`traffic sink ended without a result: ${stderr}`);
    return JSON.parse(line) as SinkResult;
  });
  return { result, child };
}

/** Sends UDP frames, each of another flow unless `single`, at a bounded rate. */
export async function flood(
  namespace: Namespace,
  device: string,
  options: {
    readonly count: number;
    readonly rate: number;
    readonly single?: boolean;
    readonly first?: number;
  },
): Promise<FloodResult> {
  const args = ['flood', '--dev', device, '--netns', namespace.name, '--count', String(options.count)];
  args.push('--rate', String(options.rate), '--flows', options.single ? 'single' : 'distinct');
  args.push('--first', String(options.first ?? 0));
  const { code, stdout, stderr } = await new Child(tool, args).exit;
  if (code !== 0) throw new Error(`traffic flood: ${stderr}`);
  return JSON.parse(stdout) as FloodResult;
}
