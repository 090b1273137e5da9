import { connect, type Socket } from 'node:net';
import { type CollectorCounters, CollectorLink } from '../collector-link.js';

/** Bytes that may wait for a collector that reads slowly, or is being connected to. */
const QUEUE_BYTES = 1024 * 1024;
/** Milliseconds that a collector has to take what waits for it at the end. */
const LINGER_MS = 1000;

/**
 * Sends messages to one collector over TCP (RFC 7011, 10.4), connecting again when the connection ends. Never blocks and never throws: whole
 * messages that do not fit into its queue are dropped and counted.
 */
export class TcpCollector extends CollectorLink {
  #socket: Socket | null = null;

  /** Throws ERR_COLLECTOR_TARGET. `target` is what stands behind `tcp:`; `totals`: counters of all collectors together, counted too. */
  constructor(target: string, defaultPort: number, totals: CollectorCounters) {
    super(target, defaultPort, totals);
    this.open();
  }

  /** Bytes that the system has not taken yet. */
  get waiting(): number {
    return this.#socket?.writableLength ?? 0;
  }

  /** Sends one message, whose bytes must not change any more; false when it is dropped. */
  send(message: Uint8Array): boolean {
    const socket = this.#socket;
    if (socket === null || socket.writableLength + message.length > QUEUE_BYTES) {
      this.count('dropped');
      return false;
    }
    // Told also of what waits when the connection ends.
    socket.write(message, (error) => this.count(error ? 'dropped' : 'sent'));
    return true;
  }

  /** Ends it; what waits is sent if the collector takes it soon. Idempotent. */
  close(): void {
    const socket = this.#socket;
    this.stopRetrying();
    if (socket === null) return;
    this.#socket = null;
    socket.end();
    setTimeout(() => socket.destroy(), LINGER_MS).unref();
  }

  protected override open(): void {
    const { host, port } = this.address;
    this.sessions++;
    const socket = connect({ host, port, noDelay: true, keepAlive: true });
    this.#socket = socket;
    socket.unref();
    // A collector has nothing to say; what it says is not kept.
    socket.resume();
    socket.on('error', () => this.#ended(socket, true));
    socket.on('close', () => this.#ended(socket, false));
    socket.on('end', () => this.#ended(socket, false));
  }

  /** The connection broke or did not come about: what was under way is lost, and it is tried again later. */
  #ended(socket: Socket, failed: boolean): void {
    if (socket !== this.#socket) return;
    this.#socket = null;
    if (failed) this.count('errors');
    this.retryLater();
    socket.destroy();
  }
}
