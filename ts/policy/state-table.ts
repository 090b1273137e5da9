import { SlowpathError } from '../errors/index.js';
import { hashAdd, hashFinish, type StateEffect } from '../xlate/index.js';

/** What entries of a policy's table are named by. */
export type StateKey = string | number;

/** Bounds of a table. */
export interface StateTableOptions<K extends StateKey, V> {
  /** Entries at most, 65,536 by default; then the one that was written longest ago goes. */
  readonly maxEntries?: number;
  /** Seconds after which an entry that was not written again goes. Default: never. */
  readonly idleTimeout?: number;
  /** What it has at first. */
  readonly initial?: Iterable<readonly [K, V]>;
}

/** A table that a policy has: `tables: { hosts: policyTable<string, number>() }`. */
export interface StateTableDeclaration<K extends StateKey, V> {
  readonly options: StateTableOptions<K, V>;
  /** Never there: it carries the types. */
  readonly types?: readonly [K, V];
}

/** Declares a table of a policy. Values are not to be changed in place: write new ones. Throws ERR_POLICY_TABLE. */
export function policyTable<K extends StateKey, V>(
  options: StateTableOptions<K, V> = {},
): StateTableDeclaration<K, V> {
  const { maxEntries = 1, idleTimeout = 1 } = options;
  if (!Number.isInteger(maxEntries) || maxEntries < 1)
    throw new SlowpathError(
      'ERR_POLICY_TABLE',
      `maxEntries: expected a whole number from 1, not ${maxEntries}`,
    );
  if (!(idleTimeout > 0))
    throw new SlowpathError('ERR_POLICY_TABLE', `idleTimeout: expected seconds above 0, not ${idleTimeout}`);
  return { options };
}

const MAX_ENTRIES = 65536;
/** Whoever reads the table as a whole depends on this. */
const WHOLE = 0;

/** Hash of a key, never 0. */
export function hashKey(key: StateKey): number {
  if (typeof key === 'number') {
    const high = Math.floor(key / 2 ** 32);
    return hashFinish(hashAdd(hashAdd(1, key | 0), high | 0), 8) || 1;
  }
  let hash = 2;
  for (let i = 0; i < key.length; i++) hash = hashAdd(hash, key.charCodeAt(i));
  return hashFinish(hash, key.length) || 1;
}

interface Entry<V> {
  readonly value: V;
  /** Says what it says; the same object as long as the value is. */
  readonly effect: StateEffect;
  /** Milliseconds when it was written last. */
  written: number;
}

/**
 * State of a policy: entries that decisions depend on. Written from outside at any time, or by packets (`learn`). What changes concerns the flows
 * whose decision read that entry, and no others.
 */
export class StateTable<K extends StateKey, V> {
  readonly name: string;
  /** Hash of which table of which policy it is: `kind` of policyTag. */
  readonly kind: number;
  /** In order of when they were written. */
  readonly #entries = new Map<StateKey, Entry<V>>();
  readonly #onChange: (what: number) => void;
  readonly #now: () => number;
  #maxEntries = MAX_ENTRIES;
  #idle = Number.POSITIVE_INFINITY;
  /** Entries that went to make room, since the table was made. */
  evicted = 0;

  /** `onChange` is told what changed, as `tagOf` gives it. `now`: milliseconds. */
  constructor(
    name: string,
    kind: number,
    options: StateTableOptions<K, V>,
    onChange: (what: number) => void,
    now: () => number,
  ) {
    this.name = name;
    this.kind = kind;
    this.#onChange = onChange;
    this.#now = now;
    this.limit(options);
    for (const [key, value] of options.initial ?? []) this.set(key, value);
  }

  /** Takes over other bounds; entries stay. */
  limit({ maxEntries = MAX_ENTRIES, idleTimeout = Number.POSITIVE_INFINITY }: StateTableOptions<K, V>): void {
    this.#maxEntries = maxEntries;
    this.#idle = idleTimeout * 1000;
    while (this.#entries.size > this.#maxEntries) this.#evict();
  }

  get size(): number {
    return this.#entries.size;
  }

  has(key: K): boolean {
    return this.#entries.has(key);
  }

  get(key: K): V | undefined {
    return this.#entries.get(key)?.value;
  }

  entries(): IterableIterator<[K, V]> {
    return Array.from(this.#entries, ([key, { value }]): [K, V] => [key as K, value]).values();
  }

  /** Writes an entry. Flows that read another value are looked at again. */
  set(key: K, value: V): this {
    this.#write(this.effectOf(key, value));
    return this;
  }

  #write(effect: StateEffect): void {
    const { key, value } = effect;
    const before = this.#entries.get(key);
    if (before !== undefined) this.#entries.delete(key);
    else if (this.#entries.size >= this.#maxEntries) this.#evict();
    this.#entries.set(key, { value: value as V, effect, written: this.#now() });
    if (before === undefined || !Object.is(before.value, value)) this.#changed(key as K);
  }

  /** Whether there was such an entry. */
  delete(key: K): boolean {
    if (!this.#entries.delete(key)) return false;
    this.#changed(key);
    return true;
  }

  clear(): void {
    for (const key of [...this.#entries.keys()]) this.delete(key as K);
  }

  /** Removes entries that were not written for long. */
  expire(): void {
    const now = this.#now();
    for (const [key, { written }] of this.#entries) {
      if (now - written < this.#idle) return;
      this.delete(key as K);
    }
  }

  /** Writes what a packet told. */
  apply(effect: StateEffect): void {
    if (effect.value === undefined) this.delete(effect.key as K);
    else this.#write(effect);
  }

  /** What a packet tells that is to be written: the same object for the same entry, as long as it stands. */
  effectOf(key: K, value: V | undefined): StateEffect {
    const entry = this.#entries.get(key);
    return entry !== undefined && Object.is(entry.value, value) ? entry.effect : this.#effect(key, value);
  }

  /** What a decision depends on that read this entry; without a key, all of them. */
  tagOf(key?: K): number {
    return key === undefined ? WHOLE : hashKey(key);
  }

  #effect(key: K, value: V | undefined): StateEffect {
    return { type: 'state', table: this, key, value };
  }

  #evict(): void {
    for (const key of this.#entries.keys()) {
      this.evicted++;
      this.delete(key as K);
      return;
    }
  }

  #changed(key: K): void {
    this.#onChange(this.tagOf(key));
    this.#onChange(WHOLE);
  }
}

/** Tables of a policy by name, as its owner sees them. */
export type StateTables<T> = {
  readonly [N in keyof T]: T[N] extends StateTableDeclaration<infer K, infer V> ? StateTable<K, V> : never;
};

/** Takes in what a decision read and wants written. */
export interface StateReader {
  /** It read the entry, or the whole table for a `what` of 0. */
  read(table: StateTable<never, unknown>, what: number, key: StateKey | undefined): void;
  write(effect: StateEffect): void;
}

/** A table as a policy sees it while it decides: what it reads is noted. */
export class StateView<K extends StateKey, V> {
  readonly #table: StateTable<K, V>;
  readonly #reader: StateReader;

  constructor(table: StateTable<K, V>, reader: StateReader) {
    this.#table = table;
    this.#reader = reader;
  }

  get(key: K): V | undefined {
    this.#note(key);
    return this.#table.get(key);
  }

  has(key: K): boolean {
    this.#note(key);
    return this.#table.has(key);
  }

  /** How many entries there are. The decision then depends on all of them. */
  get size(): number {
    this.#note();
    return this.#table.size;
  }

  /** All entries. The decision then depends on all of them. */
  entries(): IterableIterator<[K, V]> {
    this.#note();
    return this.#table.entries();
  }

  /**
   * The entry is written when the packet has been forwarded, and again with each packet of the flow, which keeps it from growing old. Until
   * then all reads show what was there before.
   */
  learn(key: K, value: V): void {
    this.#reader.write(this.#table.effectOf(key, value));
  }

  /** Likewise deletes the entry. */
  forget(key: K): void {
    this.#reader.write(this.#table.effectOf(key, undefined));
  }

  #note(key?: K): void {
    this.#reader.read(this.#table as unknown as StateTable<never, unknown>, this.#table.tagOf(key), key);
  }
}

/** Tables of a policy by name, as it sees them. */
export type StateViews<T> = {
  readonly [N in keyof T]: T[N] extends StateTableDeclaration<infer K, infer V> ? StateView<K, V> : never;
};
