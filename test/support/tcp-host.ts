import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Lab, Namespace } from './netns.js';
import { root } from './processes.js';

/** How long a connection may take; emulation on a busy machine makes it long. */
const PATIENCE_MS = 30_000;

/** Both ends of a connection as the server sees them. */
export interface Seen {
  readonly client: string;
  readonly clientPort: number;
  readonly server: string;
  readonly serverPort: number;
}

/** A connection on its way. */
export interface Attempt {
  /** All that it said, once it has ended; '' when it was not answered. */
  readonly said: Promise<string>;
  /** Gives it up. */
  end(): void;
}

/** TCP of a host: a process in its namespace that answers and connects (tcp-host-main.ts). */
export class TcpHost {
  readonly #orders: string;

  private constructor(orders: string) {
    this.#orders = orders;
  }

  /** Starts it, answering at these ports over IPv4 and IPv6; it ends with the lab. */
  static async start(lab: Lab, host: Namespace, ports: readonly number[]): Promise<TcpHost> {
    const folder = mkdtempSync(join(tmpdir(), 'slowpath-test-'));
    const orders = join(folder, 'orders');
    const args = [join(root, 'out/test/support/tcp-host-main.js'), orders, ...ports.map(String)];
    const child = lab.keep(host.start(process.execPath, args));
    void child.exit.finally(() => rmSync(folder, { recursive: true, force: true }));
    await child.waitFor(/listening/, 60_000);
    return new TcpHost(orders);
  }

  /** Begins a connection. `command` is sent when the server has said something. */
  attempt(address: string, port: number, command = ''): Attempt {
    const order = connect(this.#orders);
    order.write(`${address} ${port} ${command}\n`);
    order.setTimeout(PATIENCE_MS, () => order.destroy());
    const said = new Promise<string>((resolve) => {
      let text = '';
      order.on('data', (data) => {
        text += data.toString();
      });
      // Without an answer what was said is nothing, and the test sees that.
      order.on('error', () => order.destroy());
      order.on('close', () => resolve(text));
    });
    return { said, end: () => order.destroy() };
  }

  /** Connects; what the server saw. Throws when there is no answer. */
  async connect(address: string, port: number): Promise<Seen> {
    const text = await this.attempt(address, port).said;
    const [client, clientPort, server, serverPort] = text.trim().split(' ');
    if (serverPort === undefined) throw new Error(`no answer of ${address} port ${port}: "${text}"`);
    return { client, clientPort: Number(clientPort), server, serverPort: Number(serverPort) };
  }
}
