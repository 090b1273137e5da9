import { type CollectorAddress, parseTarget } from './target.js';

/** What each counter of a protocol's collectors means; the keys are the counters. */
export const COLLECTOR_COUNTER_HELP = {
  sent: 'Datagrams given to the system for a collector',
  dropped: 'Datagrams dropped because a collector cannot be reached now or takes them too slowly',
  errors: 'Datagrams, or attempts to reach a collector, that the system reported as failed',
} as const;

export type CollectorCounters = { -readonly [name in keyof typeof COLLECTOR_COUNTER_HELP]: number };

/** Milliseconds from a failure to reach a collector to the next attempt. */
const RETRY_MS = 1000;

/** What sending to one collector comes to over any transport: its counters, and another attempt some time after one that failed. */
export abstract class CollectorLink {
  /** As the configuration has it. */
  readonly target: string;
  readonly address: CollectorAddress;
  readonly counters: CollectorCounters = { sent: 0, dropped: 0, errors: 0 };
  /** Transport sessions that were begun: the collector of another one does not know our templates yet. */
  sessions = 0;
  readonly #totals: CollectorCounters;
  /** Monotonic milliseconds of the next attempt to connect; -1 while there is none to make. */
  #retryAt = -1;
  #retryDue = false;

  /** Throws ERR_COLLECTOR_TARGET. `totals`: counters of all collectors together, counted too. */
  protected constructor(target: string, defaultPort: number, totals: CollectorCounters) {
    this.target = target;
    this.address = parseTarget(target, defaultPort);
    this.#totals = totals;
  }

  /** Begins a session. */
  protected abstract open(): void;

  /** Tries again to reach a collector that could not be reached. `now`: monotonic milliseconds. */
  tick(now: number): void {
    if (this.#retryDue) {
      this.#retryDue = false;
      this.#retryAt = now + RETRY_MS;
    } else if (this.#retryAt >= 0 && now >= this.#retryAt) {
      this.#retryAt = -1;
      this.open();
    }
  }

  protected count(name: keyof CollectorCounters, by = 1): void {
    this.counters[name] += by;
    this.#totals[name] += by;
  }

  /** Has `open` called again later. */
  protected retryLater(): void {
    this.#retryDue = true;
  }

  protected stopRetrying(): void {
    this.#retryAt = -1;
    this.#retryDue = false;
  }
}
