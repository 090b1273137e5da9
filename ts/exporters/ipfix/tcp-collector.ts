import { connect, type Socket } from 'node:net';
import type { CollectorCounters } from '../collector.js';
import { type CollectorAddress, parseTarget } from '../target.js';

/** Bytes that may wait for a collector that reads slowly, or is being connected to. */
const QUEUE_BYTES = 1024 * 1024;
/** Milliseconds from the end of a connection, or of an attempt, to the next attempt. */
const RETRY_MS = 1000;
/** Milliseconds that a collector has to take what waits for it at the end. */
const LINGER_MS = 1000;

/**
 * Sends messages to one collector over TCP (RFC 7011, 10.4), connecting again when the connection ends. Never blocks and never throws: whole
 * messages that do not fit into its queue are dropped and counted.
 */
export class TcpCollector {
  readonly target: string;
  readonly address: CollectorAddress;
  readonly counters: CollectorCounters = { sent: 0, dropped: 0, errors: 0 };
  /** Connections that were begun: each is another transport session, whose collector knows nothing yet. */
  sessions = 0;
  readonly #totals: CollectorCounters;
  #socket: Socket | null = null;
  /** Monotonic milliseconds of the next attempt to connect; -1 while there is none to make. */
  #retryAt = -1;
  #retryDue = false;

  /** Throws ERR_COLLECTOR_TARGET. `target` is what stands behind `tcp:`; `totals`: counters of all collectors together, counted too. */
  constructor(target: string, defaultPort: number, totals: CollectorCounters) {
    this.target = target;
    this.address = parseTarget(target, defaultPort);
    this.#totals = totals;
    this.#open();
  }

  /** Bytes that the system has not taken yet. */
  get waiting(): number {
    return this.#socket?.writableLength ?? 0;
  }

  /** Sends one message, whose bytes must not change any more; false when it is dropped. */
  send(message: Uint8Array): boolean {
    const socket = this.#socket;
    if (socket === null || socket.writableLength + message.length > QUEUE_BYTES) {
      this.#count('dropped');
      return false;
    }
    // Told also of what waits when the connection ends.
    socket.write(message, (error) => this.#count(error ? 'dropped' : 'sent'));
    return true;
  }

  /** Tries again to reach a collector that could not be reached. `now`: monotonic milliseconds. */
  tick(now: number): void {
    if (this.#retryDue) {
      this.#retryDue = false;
      this.#retryAt = now + RETRY_MS;
    } else if (this.#retryAt >= 0 && now >= this.#retryAt) {
      this.#retryAt = -1;
      this.#open();
    }
  }

  /** Ends it; what waits is sent if the collector takes it soon. Idempotent. */
  close(): void {
    const socket = this.#socket;
    this.#retryAt = -1;
    this.#retryDue = false;
    if (socket === null) return;
    this.#socket = null;
    socket.end();
    setTimeout(() => socket.destroy(), LINGER_MS).unref();
  }

  #count(name: keyof CollectorCounters): void {
    this.counters[name]++;
    this.#totals[name]++;
  }

  #open(): void {
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
    if (failed) this.#count('errors');
    this.#retryDue = true;
    socket.destroy();
  }
}
