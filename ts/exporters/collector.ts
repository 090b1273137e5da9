import { createSocket, type Socket } from 'node:dgram';
import { lookup } from 'node:dns';
import { messageOf } from '../errors/index.js';
import { type CollectorCounters, CollectorLink } from './collector-link.js';

export { COLLECTOR_COUNTER_HELP, type CollectorCounters } from './collector-link.js';

/** Datagrams that may wait for one collector: the system's buffer is full, or its name is being looked up. */
const QUEUE_LENGTH = 256;

/**
 * Sends datagrams to one collector over UDP, from a connected socket: so refusals come back (and are counted), and the local address is the one
 * that the route gives. Never blocks and never throws: what cannot be sent now is dropped and counted.
 */
export class Collector extends CollectorLink {
  #socket: Socket | null = null;
  /** Told by this socket what became of each datagram. */
  #onSent: (error: Error | null) => void = () => {};
  #connected = false;
  /** Waiting for the connection, and handed to the socket. */
  #waiting: Uint8Array[] = [];
  #inFlight = 0;
  #closed = false;
  #localAddress: string | null = null;

  /** Throws ERR_COLLECTOR_TARGET. `totals`: counters of all collectors together, counted too. */
  constructor(target: string, defaultPort: number, totals: CollectorCounters) {
    super(target, defaultPort, totals);
    this.open();
  }

  /** Address that datagrams come from; null while the collector cannot be reached. */
  get localAddress(): string | null {
    return this.#localAddress;
  }

  /** Sends one datagram, whose bytes must not change any more. */
  send(datagram: Uint8Array): void {
    if (this.#socket === null || this.#inFlight + this.#waiting.length >= QUEUE_LENGTH) {
      this.count('dropped');
    } else if (this.#connected) {
      this.#inFlight++;
      this.#socket.send(datagram, this.#onSent);
    } else {
      this.#waiting.push(datagram);
    }
  }

  /** Ends it; what waits is dropped. Idempotent. */
  close(): void {
    this.#closed = true;
    this.stopRetrying();
    this.#release();
  }

  protected override open(): void {
    const { host, family } = this.address;
    if (family !== 0) {
      this.#connect(host, family);
      return;
    }
    lookup(host, (error, address, found) => {
      if (this.#closed) return;
      if (error !== null) this.#failed();
      else this.#connect(address, found === 6 ? 6 : 4);
    });
  }

  #connect(host: string, family: 4 | 6): void {
    const socket = createSocket(family === 6 ? 'udp6' : 'udp4');
    this.#socket = socket;
    this.sessions++;
    socket.unref();
    this.#onSent = (error) => this.#sent(socket, error);
    // Before it is connected: that failed. After: a datagram was refused, which says nothing about the next.
    socket.on('error', () => {
      if (socket !== this.#socket) return;
      if (this.#connected) this.count('errors');
      else this.#failed();
    });
    socket.once('connect', () => {
      if (socket !== this.#socket) return;
      this.#connected = true;
      this.#localAddress = socket.address().address;
      for (const datagram of this.#waiting.splice(0)) this.send(datagram);
    });
    socket.connect(this.address.port, host);
  }

  #sent(socket: Socket, error: Error | null): void {
    const current = socket === this.#socket;
    if (current) this.#inFlight--;
    if (error === null) {
      this.count('sent');
    } else if (!current) {
      this.count('dropped');
    } else {
      // Nobody listens there now, or the message is too long; anything else may be cured by another route.
      const code = (error as NodeJS.ErrnoException).code;
      if (code === 'ECONNREFUSED' || code === 'EMSGSIZE') this.count('errors');
      else this.#failed();
    }
  }

  /** The collector cannot be reached; that is tried again later. */
  #failed(): void {
    this.count('errors');
    this.#release();
    this.retryLater();
  }

  #release(): void {
    this.count('dropped', this.#waiting.length);
    this.#waiting.length = 0;
    this.#inFlight = 0;
    this.#connected = false;
    this.#localAddress = null;
    this.#socket?.close();
    this.#socket = null;
  }
}

/** The collectors of one exporter, by target; each gets every datagram. */
export class Collectors {
  readonly #defaultPort: number;
  readonly #totals: CollectorCounters;
  readonly #warn: (message: string) => void;
  #collectors: readonly Collector[] = [];

  constructor(defaultPort: number, totals: CollectorCounters, warn: (message: string) => void) {
    this.#defaultPort = defaultPort;
    this.#totals = totals;
    this.#warn = warn;
  }

  /** In the order of the targets. */
  get list(): readonly Collector[] {
    return this.#collectors;
  }

  /** Takes over another list of targets; collectors that are in both go on. Targets that make no sense are warned of and left out. */
  configure(targets: readonly string[]): void {
    const before = new Map(this.#collectors.map((one) => [one.target, one]));
    this.#collectors = targets.flatMap((target) => {
      const known = before.get(target);
      before.delete(target);
      return known ?? this.#make(target);
    });
    for (const gone of before.values()) gone.close();
  }

  /** Sends a copy of the datagram to each. */
  send(datagram: Uint8Array): void {
    if (this.#collectors.length === 0) return;
    // Not slice(), which of a Buffer is a view.
    const copy = new Uint8Array(datagram);
    for (const collector of this.#collectors) collector.send(copy);
  }

  tick(now: number): void {
    for (const collector of this.#collectors) collector.tick(now);
  }

  /** Idempotent. */
  close(): void {
    this.configure([]);
  }

  #make(target: string): Collector[] {
    try {
      return [new Collector(target, this.#defaultPort, this.#totals)];
    } catch (error) {
      this.#warn(messageOf(error));
      return [];
    }
  }
}
