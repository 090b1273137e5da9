import { fnv1a } from '../../util/index.js';
import { COUNT, COUNT_LENGTH, TOTAL_LENGTH } from './elements.js';

/** flowEndReason. */
export const END_ACTIVE_TIMEOUT = 2;
export const END_FORCED = 4;
export const END_LACK_OF_RESOURCES = 5;

/** A flow that samples are gathered of. */
export class FlowEntry {
  /** What tells it apart: domain and template, then the record up to the times. */
  readonly key: Uint8Array;
  readonly hash: number;
  /** Monotonic milliseconds of its first and its last sample. */
  readonly start: number;
  end: number;
  /** By COUNT. */
  readonly counts = new Float64Array(COUNT_LENGTH);
  /** By TOTAL, as they were at its last sample. */
  readonly totals = new Float64Array(TOTAL_LENGTH);
  /** Another one with this hash. */
  sameHash: FlowEntry | null = null;
  /** The next younger one. */
  younger: FlowEntry | null = null;

  constructor(key: Uint8Array, hash: number, now: number) {
    this.key = key;
    this.hash = hash;
    this.start = now;
    this.end = now;
    this.counts[COUNT.minimum] = Number.POSITIVE_INFINITY;
  }
}

/**
 * Gathers samples by flow until they are due: after a time, when there are more flows than may be kept, at the end. Flows leave in the order in
 * which they came, because each is kept equally long.
 */
export class FlowCache {
  /** Milliseconds that a flow is kept; 0 for not at all. */
  timeout = 0;
  /** Flows that are kept; with 0 none is. */
  limit = 0;
  readonly #send: (entry: FlowEntry, reason: number) => void;
  readonly #byHash = new Map<number, FlowEntry>();
  #oldest: FlowEntry | null = null;
  #youngest: FlowEntry | null = null;
  #size = 0;

  /** `send` gets each flow as it leaves, with the reason. */
  constructor(send: (entry: FlowEntry, reason: number) => void) {
    this.#send = send;
  }

  get size(): number {
    return this.#size;
  }

  /** The flow with this key, or null. */
  find(bytes: Uint8Array): FlowEntry | null {
    let entry = this.#byHash.get(fnv1a(bytes)) ?? null;
    while (entry !== null && !sameBytes(entry.key, bytes)) entry = entry.sameHash;
    return entry;
  }

  /** A flow with this key, which is copied and must not be there. It is kept once `settle` lets it. */
  add(bytes: Uint8Array, now: number): FlowEntry {
    const entry = new FlowEntry(bytes.slice(), fnv1a(bytes), now);
    entry.sameHash = this.#byHash.get(entry.hash) ?? null;
    this.#byHash.set(entry.hash, entry);
    if (this.#youngest === null) this.#oldest = entry;
    else this.#youngest.younger = entry;
    this.#youngest = entry;
    this.#size++;
    return entry;
  }

  /** Lets up to `most` flows go that are due at `now`, or are too many, the oldest first. Whether there are more of them. */
  settle(now: number, most: number): boolean {
    for (let left = most; this.#oldest !== null; left--) {
      const due = now - this.#oldest.start >= this.timeout;
      if (!due && this.#size <= this.limit) return false;
      if (left === 0) return true;
      this.#leave(due ? END_ACTIVE_TIMEOUT : END_LACK_OF_RESOURCES);
    }
    return false;
  }

  /** Lets up to `most` flows go for another reason, the oldest first. Whether there are more. */
  flush(reason: number, most: number): boolean {
    for (let left = most; left > 0 && this.#oldest !== null; left--) this.#leave(reason);
    return this.#oldest !== null;
  }

  #leave(reason: number): void {
    const entry = this.#oldest!;
    this.#oldest = entry.younger;
    if (this.#oldest === null) this.#youngest = null;
    this.#size--;
    this.#unhash(entry);
    this.#send(entry, reason);
  }

  #unhash(entry: FlowEntry): void {
    let other = this.#byHash.get(entry.hash)!;
    if (other === entry) {
      if (entry.sameHash === null) this.#byHash.delete(entry.hash);
      else this.#byHash.set(entry.hash, entry.sameHash);
      return;
    }
    while (other.sameHash !== entry) other = other.sameHash!;
    other.sameHash = entry.sameHash;
  }
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
