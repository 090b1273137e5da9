import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';

/** Listens for datagrams in this process, where the collectors of switches that tests open send to. */
export class LocalCollector {
  readonly datagrams: Buffer[] = [];
  readonly #socket: Socket;

  private constructor(socket: Socket) {
    this.#socket = socket;
    // A test that fails leaves nothing behind that the process would wait for.
    socket.unref();
    socket.on('message', (datagram) => this.datagrams.push(datagram));
  }

  static async start(address = '127.0.0.1'): Promise<LocalCollector> {
    const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
    socket.bind(0, address);
    await once(socket, 'listening');
    return new LocalCollector(socket);
  }

  get port(): number {
    return this.#socket.address().port;
  }

  /** As configurations name it. */
  get target(): string {
    const { address, port, family } = this.#socket.address();
    return family === 'IPv6' ? `[${address}]:${port}` : `${address}:${port}`;
  }

  close(): void {
    this.#socket.close();
  }
}
