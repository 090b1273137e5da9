import { type ConjunctionSet, conjunctionsOf } from './conjunction.js';
import type { ClassifierRule } from './types.js';

const INITIAL_ENTRIES = 4;
/** No entry. */
export const NONE = -1;

/**
 * The rules of one subtable by hash of their masked key. The keys lie packed in one array (only the words that the
 * subtable's mask touches), so that a search reads no rule object before it has found the right one.
 */
export class RuleStore<R extends ClassifierRule> {
  /** Words of a packed key. */
  private readonly width: number;
  /** First entry per bucket; a power of two of them. */
  private buckets = new Int32Array(INITIAL_ENTRIES).fill(NONE);
  /** Next entry of the same bucket, or of the free list. */
  private next = new Int32Array(INITIAL_ENTRIES);
  private hashes = new Int32Array(INITIAL_ENTRIES);
  private keys: Int32Array;
  /** By entry; null where it is free. */
  readonly rules: (R | null)[] = [];
  /** What conjunctions the rule of an entry takes part in; null for an ordinary rule. */
  readonly conjunctions: (ConjunctionSet | null)[] = [];
  private free = NONE;
  size = 0;

  constructor(width: number) {
    this.width = width;
    this.keys = new Int32Array(INITIAL_ENTRIES * width);
  }

  /** The entry of the rule of highest priority whose key is `flow` at the words `words` under `masks`, or NONE. */
  find(hash: number, flow: Int32Array, base: number, words: Int32Array, masks: Int32Array): number {
    for (
      let entry = this.buckets[hash & (this.buckets.length - 1)];
      entry !== NONE;
      entry = this.next[entry]
    ) {
      if (this.hashes[entry] === hash && this.equals(entry, flow, base, words, masks)) return entry;
    }
    return NONE;
  }

  /** The entry of the rule with the same key and the next lower priority, or NONE. */
  findNext(entry: number): number {
    for (let other = this.next[entry]; other !== NONE; other = this.next[other]) {
      if (this.hashes[other] === this.hashes[entry] && this.sameKey(entry, other)) return other;
    }
    return NONE;
  }

  /** The rule with exactly this key and priority, or null. */
  findExact(hash: number, key: Int32Array, priority: number, words: Int32Array, masks: Int32Array): R | null {
    const entry = this.entryOf(hash, key, priority, words, masks);
    return entry === NONE ? null : this.rules[entry];
  }

  /** Adds a rule, or puts it in the place of the one with the same key and priority, which is returned. */
  insert(hash: number, rule: R, words: Int32Array, masks: Int32Array): R | null {
    const same = this.entryOf(hash, rule.match.key, rule.priority, words, masks);
    if (same !== NONE) {
      const displaced = this.rules[same];
      this.rules[same] = rule;
      this.conjunctions[same] = conjunctionsOf(rule.actions);
      return displaced;
    }
    const entry = this.allocate();
    this.hashes[entry] = hash;
    this.rules[entry] = rule;
    this.conjunctions[entry] = conjunctionsOf(rule.actions);
    for (let i = 0; i < this.width; i++) this.keys[entry * this.width + i] = rule.match.key[words[i]];
    this.link(entry);
    this.size++;
    return null;
  }

  /** Removes exactly this rule object. Returns false when it is not here. */
  remove(hash: number, rule: R): boolean {
    const bucket = hash & (this.buckets.length - 1);
    let previous = NONE;
    for (let entry = this.buckets[bucket]; entry !== NONE; previous = entry, entry = this.next[entry]) {
      if (this.rules[entry] !== rule) continue;
      if (previous === NONE) this.buckets[bucket] = this.next[entry];
      else this.next[previous] = this.next[entry];
      this.rules[entry] = null;
      this.conjunctions[entry] = null;
      this.next[entry] = this.free;
      this.free = entry;
      this.size--;
      return true;
    }
    return false;
  }

  *[Symbol.iterator](): IterableIterator<R> {
    for (const rule of this.rules) if (rule !== null) yield rule;
  }

  private entryOf(
    hash: number,
    key: Int32Array,
    priority: number,
    words: Int32Array,
    masks: Int32Array,
  ): number {
    for (
      let entry = this.buckets[hash & (this.buckets.length - 1)];
      entry !== NONE;
      entry = this.next[entry]
    ) {
      const candidate = this.hashes[entry] === hash && this.rules[entry]!.priority === priority;
      if (candidate && this.equals(entry, key, 0, words, masks)) return entry;
    }
    return NONE;
  }

  private equals(
    entry: number,
    flow: Int32Array,
    base: number,
    words: Int32Array,
    masks: Int32Array,
  ): boolean {
    const { keys, width } = this;
    const at = entry * width;
    for (let i = 0; i < width; i++) {
      if (keys[at + i] !== (flow[base + words[i]] & masks[i])) return false;
    }
    return true;
  }

  private sameKey(a: number, b: number): boolean {
    const { keys, width } = this;
    for (let i = 0; i < width; i++) if (keys[a * width + i] !== keys[b * width + i]) return false;
    return true;
  }

  /** Chains keep higher priorities first, so that the first equal key is the best rule. */
  private link(entry: number): void {
    const bucket = this.hashes[entry] & (this.buckets.length - 1);
    const { priority } = this.rules[entry]!;
    let previous = NONE;
    let after = this.buckets[bucket];
    while (after !== NONE && this.rules[after]!.priority > priority) {
      previous = after;
      after = this.next[after];
    }
    this.next[entry] = after;
    if (previous === NONE) this.buckets[bucket] = entry;
    else this.next[previous] = entry;
  }

  private allocate(): number {
    if (this.free !== NONE) {
      const entry = this.free;
      this.free = this.next[entry];
      return entry;
    }
    if (this.rules.length === this.next.length) this.grow();
    this.rules.push(null);
    this.conjunctions.push(null);
    return this.rules.length - 1;
  }

  /** Called with every entry in use: all of them are linked again. */
  private grow(): void {
    const entries = this.rules.length;
    const hashes = new Int32Array(2 * entries);
    const keys = new Int32Array(2 * entries * this.width);
    hashes.set(this.hashes);
    keys.set(this.keys);
    this.hashes = hashes;
    this.keys = keys;
    this.next = new Int32Array(2 * entries);
    this.buckets = new Int32Array(2 * entries).fill(NONE);
    for (let entry = 0; entry < entries; entry++) this.link(entry);
  }
}
