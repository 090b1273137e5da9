import { join } from 'node:path';
import { eventually } from './eventually.js';
import type { Lab, Namespace } from './netns.js';
import type { Child } from './processes.js';
import { root } from './processes.js';

/** Listens for datagrams of an exporter in a namespace. */
export class TestCollector {
  /** As configurations name it. */
  readonly target: string;
  readonly port: number;
  readonly #child: Child;

  private constructor(child: Child, address: string, port: number) {
    this.#child = child;
    this.port = port;
    this.target = address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
  }

  /** Listens when this settles, until the lab is removed. */
  static async start(
    lab: Lab,
    namespace: Namespace,
    port: number,
    address = '127.0.0.1',
  ): Promise<TestCollector> {
    const script = join(root, 'out', 'test', 'support', 'collector-main.js');
    const child = lab.keep(namespace.start(process.execPath, [script, address, String(port)]));
    await child.waitFor(/^ready$/m, 60_000);
    return new TestCollector(child, address, port);
  }

  /** All datagrams that have come, in order. */
  get datagrams(): Buffer[] {
    const whole = this.#child.stdout.slice(0, this.#child.stdout.lastIndexOf('\n') + 1);
    return whole
      .split('\n')
      .filter((line) => line !== '' && line !== 'ready')
      .map((line) => Buffer.from(line, 'hex'));
  }

  /** The datagrams, once there are enough of them. */
  async until(what: string, enough: (datagrams: readonly Buffer[]) => boolean): Promise<Buffer[]> {
    await eventually(what, () => enough(this.datagrams));
    return this.datagrams;
  }

  /** Ends it; nobody listens there any more. */
  async stop(): Promise<void> {
    await this.#child.stop();
  }
}
