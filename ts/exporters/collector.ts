import { createSocket, type Socket } from 'node:dgram';
import { lookup } from 'node:dns';
import { messageOf } from '../errors/index.js';
import { type CollectorAddress, parseTarget } from './target.js';

/** What each counter of a protocol's collectors means; the keys are the counters. */
export const COLLECTOR_COUNTER_HELP = {
  sent: 'Datagrams given to the system for a collector',
  dropped: 'Datagrams dropped because a collector cannot be reached now or takes them too slowly',
  errors: 'Datagrams, or attempts to reach a collector, that the system reported as failed',
} as const;

export type CollectorCounters = { -readonly [name in keyof typeof COLLECTOR_COUNTER_HELP]: number };

/** Datagrams that may wait for one collector: the system's buffer is full, or its name is being looked up. */
const QUEUE_LENGTH = 256;
/** Milliseconds from a failure to reach a collector to the next attempt. */
const RETRY_MS = 1000;

/**
 * Sends datagrams to one collector over UDP, from a connected socket: so refusals come back (and are counted), and the local address is the one
 * that the route gives. Never blocks and never throws: what cannot be sent now is dropped and counted.
 */
export class Collector {
  /** As the configuration has it. */
  readonly target: string;
  readonly address: CollectorAddress;
  readonly counters: CollectorCounters = { sent: 0, dropped: 0, errors: 0 };
  /** Sockets that were opened: each is another transport session, whose templates the collector does not know yet. */
  sessions = 0;
  readonly #totals: CollectorCounters;
  #socket: Socket | null = null;
  /** Told by this socket what became of each datagram. */
  #onSent: (error: Error | null) => void = () => {};
  #connected = false;
  /** Waiting for the connection, and handed to the socket. */
  #waiting: Uint8Array[] = [];
  #inFlight = 0;
  /** Monotonic milliseconds of the next attempt to connect; -1 while there is none to make. */
  #retryAt = -1;
  #retryDue = false;
  #closed = false;
  #localAddress: string | null = null;

  /** Throws ERR_COLLECTOR_TARGET. `totals`: counters of all collectors together, counted too. */
  constructor(target: string, defaultPort: number, totals: CollectorCounters) {
    this.target = target;
    this.address = parseTarget(target, defaultPort);
    this.#totals = totals;
    this.#open();
  }

  /** Address that datagrams come from; null while the collector cannot be reached. */
  get localAddress(): string | null {
    return this.#localAddress;
  }

  /** Sends one datagram, whose bytes must not change any more. */
  send(datagram: Uint8Array): void {
    if (this.#socket === null || this.#inFlight + this.#waiting.length >= QUEUE_LENGTH) {
      this.#count('dropped', 1);
    } else if (this.#connected) {
      this.#inFlight++;
      this.#socket.send(datagram, this.#onSent);
    } else {
      this.#waiting.push(datagram);
    }
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

  /** Ends it; what waits is dropped. Idempotent. */
  close(): void {
    this.#closed = true;
    this.#retryAt = -1;
    this.#retryDue = false;
    this.#release();
  }

  #count(name: keyof CollectorCounters, by: number): void {
    this.counters[name] += by;
    this.#totals[name] += by;
  }

  #open(): void {
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
      if (this.#connected) this.#count('errors', 1);
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
      this.#count('sent', 1);
    } else if (!current) {
      this.#count('dropped', 1);
    } else {
      // Nobody listens there now, or the message is too long; anything else may be cured by another route.
      const code = (error as NodeJS.ErrnoException).code;
      if (code === 'ECONNREFUSED' || code === 'EMSGSIZE') this.#count('errors', 1);
      else this.#failed();
    }
  }

  /** The collector cannot be reached; that is tried again later. */
  #failed(): void {
    this.#count('errors', 1);
    this.#release();
    this.#retryDue = true;
  }

  #release(): void {
    this.#count('dropped', this.#waiting.length);
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
