import { SlowpathError } from '../errors/index.js';
import { formatFieldValue, fieldNumber, type MatchField, rangeMask } from '../openflow/index.js';
import { type Cursor, kindOf, type PacketKind, type Presence } from './cursor.js';
import { PatternCache, ValueSet } from './patterns.js';

/** What an accessor reads: name as policies have it, field, and which packets have it. */
export interface FieldSource {
  readonly name: string;
  readonly field: MatchField;
  readonly presence: Presence;
  readonly patterns: PatternCache;
}

export function fieldSource(name: string, field: MatchField, presence: Presence): FieldSource {
  return { name, field, presence, patterns: new PatternCache(name, field) };
}

/** Lists up to this length are gone through one by one. */
const FEW = 8;

/**
 * A field of the packet. What is asked of it, and of the headers that it is in, counts for the megaflow, bit by bit, and nothing else. A packet
 * that has not the field has `undefined` as its value and equals nothing.
 */
export abstract class Field {
  readonly name: string;
  protected readonly cursor: Cursor;
  protected readonly field: MatchField;
  protected readonly patterns: PatternCache;
  /** Its first word, and which bits of its words are the field's. */
  protected readonly word: number;
  protected readonly whole: Int32Array;
  readonly #kind: PacketKind;
  readonly #sets = new WeakMap<object, ValueSet>();

  constructor(cursor: Cursor, source: FieldSource) {
    const { field } = source;
    this.name = source.name;
    this.cursor = cursor;
    this.field = field;
    this.patterns = source.patterns;
    this.word = field.word;
    this.whole = Int32Array.from({ length: field.words }, (_, i) => rangeMask(field, 0, field.bits, i));
    this.#kind = kindOf(source.presence);
  }

  /** Whether the packet has the field. */
  get present(): boolean {
    return this.cursor.has(this.#kind);
  }

  /** The value in the words of the field's format (`10.0.0.1`, `50:54:00:00:00:01`); undefined where there is none. Makes a string. */
  get text(): string | undefined {
    if (!this.present) return undefined;
    this.markAll();
    return formatFieldValue(this.field, this.cursor.flow);
  }

  /**
   * Whether the value is one of these. The list or set is read once and must not change afterwards; sets that change belong in a table.
   * Where the value is none of them, only as many of its first bits are looked at as tell it from all.
   */
  in(values: Iterable<string | number | bigint>): boolean {
    if (!this.present) return false;
    const { cursor, word, whole } = this;
    // Lists written where they are used are new for each packet: not worth sorting.
    if (Array.isArray(values) && values.length <= FEW) return this.#inFew(values);
    const set = this.#setOf(values);
    const at = set.lowerBound(cursor.flow, word, whole);
    const above = this.#commonBits(set, at);
    if (above === this.field.bits) {
      this.markAll();
      return true;
    }
    if (cursor.onMiss !== null) set.tell(cursor.onMiss, word, whole);
    this.markLeading(Math.max(above, this.#commonBits(set, at - 1)) + 1);
    return false;
  }

  /** Takes the whole value into a hash. */
  addToHash(hash: number, add: (hash: number, word: number) => number): number {
    const present = this.present;
    const { cursor, word, whole } = this;
    if (present) this.markAll();
    let sum = hash;
    for (let i = 0; i < whole.length; i++) sum = add(sum, present ? cursor.flow[word + i] & whole[i] : 0);
    return sum;
  }

  /** All of it was looked at. */
  protected markAll(): void {
    const { cursor, word, whole } = this;
    for (let i = 0; i < whole.length; i++) cursor.mark(word + i, whole[i]);
  }

  /** Marks the first `count` bits of the field. */
  protected markLeading(count: number): void {
    const { cursor, field, word, whole } = this;
    for (let i = 0; i < whole.length; i++) {
      const bits = rangeMask(field, field.bits - count, count, i);
      if (bits !== 0) cursor.mark(word + i, bits);
    }
  }

  #inFew(values: readonly (string | number | bigint)[]): boolean {
    for (let i = 0; i < values.length; i++)
      if (this.cursor.matches(this.word, this.patterns.exact(values[i]).value, this.whole)) return true;
    return false;
  }

  #setOf(values: Iterable<string | number | bigint>): ValueSet {
    let set = this.#sets.get(values);
    if (set === undefined) {
      set = new ValueSet(this.field, values, this.patterns);
      this.#sets.set(values, set);
    }
    return set;
  }

  /** How many of its first bits the value shares with a row of the set; -1 when there is no such row. */
  #commonBits(set: ValueSet, row: number): number {
    if (row < 0 || row >= set.size) return -1;
    const { cursor, field, word, whole } = this;
    for (let i = 0; i < whole.length; i++) {
      const difference = (cursor.flow[word + i] ^ set.rows[row * whole.length + i]) & whole[i];
      if (difference === 0) continue;
      // Bit positions of the field run from its last word's shift up.
      const position = (whole.length - 1 - i) * 32 + (31 - Math.clz32(difference)) - field.shift;
      return field.bits - 1 - position;
    }
    return field.bits;
  }
}

/** A field of at most 32 bits. Numbers are unsigned and in host byte order. */
export class NumberField extends Field {
  readonly #shift: number;
  readonly #bits: number;
  readonly #max: number;

  constructor(cursor: Cursor, source: FieldSource) {
    super(cursor, source);
    this.#shift = source.field.shift;
    this.#bits = this.whole[0];
    this.#max = 2 ** source.field.bits - 1;
  }

  /** The value; undefined where there is none. */
  get value(): number | undefined {
    return this.bits(this.#max);
  }

  /** These bits of the value, and no others are looked at; undefined where there is none. */
  bits(mask: number): number | undefined {
    if (!this.present) return undefined;
    const { cursor, word } = this;
    const bits = (mask << this.#shift) & this.#bits;
    cursor.mark(word, bits);
    return (cursor.flow[word] & bits) >>> this.#shift;
  }

  /** Whether the value is this: a number, or a text in the field's format. */
  equals(value: number | string): boolean {
    if (!this.present) return false;
    if (typeof value === 'string')
      return this.cursor.matchesWord(this.word, this.patterns.exact(value).first, this.#bits);
    this.#check(value);
    return this.cursor.matchesWord(this.word, value << this.#shift, this.#bits);
  }

  /** Whether the bits in `mask` are those of `value`. */
  matches(value: number, mask: number): boolean {
    if (!this.present) return false;
    this.#check(value);
    this.#check(mask);
    const bits = (mask << this.#shift) & this.#bits;
    return this.cursor.matchesWord(this.word, (value << this.#shift) & bits, bits);
  }

  /** Whether the value is from `low` to `high`, both included. As many of its first bits are looked at as tell. */
  between(low: number, high: number): boolean {
    if (!this.present) return false;
    this.#check(low);
    this.#check(high);
    const { bits } = this.field;
    const value = (this.cursor.flow[this.word] & this.#bits) >>> this.#shift;
    let known = 0;
    for (; known < bits; known++) {
      const rest = 2 ** (bits - known) - 1;
      const first = value - (value % (rest + 1));
      const last = first + rest;
      if ((first >= low && last <= high) || last < low || first > high) break;
    }
    if (known > 0) this.markLeading(known);
    const { onMiss } = this.cursor;
    if (onMiss !== null)
      for (const edge of [low, high]) onMiss(this.word, [edge << this.#shift], [this.#bits]);
    return value >= low && value <= high;
  }

  #check(value: number): void {
    if (Number.isInteger(value) && value >= 0 && value <= this.#max) return;
    throw new SlowpathError(
      'ERR_POLICY_VALUE',
      `${this.name}: expected a whole number from 0 to ${this.#max}, not ${value}`,
    );
  }
}

/** A field of single bits that have names. */
export class FlagsField<Name extends string> extends NumberField {
  readonly #names: readonly (string | null)[];

  constructor(cursor: Cursor, source: FieldSource, names: readonly (string | null)[]) {
    super(cursor, source);
    this.#names = names;
  }

  /** Whether the flag is set. Only that bit is looked at. */
  has(flag: Name): boolean {
    const bit = this.#names.indexOf(flag);
    if (bit < 0) throw new SlowpathError('ERR_POLICY_VALUE', `${this.name}: no flag is called ${flag}`);
    return (this.bits(2 ** bit) ?? 0) !== 0;
  }
}

/** What fields with addresses share. */
interface Prefixes {
  /** Whether the address is in the prefix (`10.1.0.0/16`). Where it is not, its first bits are looked at down to one that differs. */
  inPrefix(prefix: string): boolean;
  /** Whether the address is in one of the prefixes. */
  inAny(prefixes: Iterable<string>): boolean;
}

/** An IPv4 address, as an unsigned number or as text. */
export class Ipv4Field extends NumberField implements Prefixes {
  inPrefix(prefix: string): boolean {
    if (!this.present) return false;
    const { first, firstMask } = this.patterns.prefix(prefix);
    return this.cursor.matchesWord(this.word, first, firstMask);
  }

  inAny(prefixes: Iterable<string>): boolean {
    for (const prefix of prefixes) if (this.inPrefix(prefix)) return true;
    return false;
  }
}

/** A field of more than 32 bits. */
export class WideField extends Field {
  /** Whether the value is this: a number, or a text in the field's format. */
  equals(value: string | number | bigint): boolean {
    if (!this.present) return false;
    return this.cursor.matches(this.word, this.patterns.exact(value).value, this.whole);
  }

  /** Whether the bits in `mask` are those of `value`, both as numbers or texts in the field's format. */
  matches(value: string | number | bigint, mask: string | number | bigint): boolean {
    if (!this.present) return false;
    const bits = this.patterns.exact(mask).value;
    const wanted = this.patterns.exact(value).value;
    // Bits of the value outside the mask do not count: `matches` looks at none of them.
    return this.cursor.matches(this.word, wanted, bits);
  }
}

/** A field of 64 or 128 bits, as a bigint. */
export class BigField extends WideField {
  /** The value; undefined where there is none. */
  get value(): bigint | undefined {
    if (!this.present) return undefined;
    this.markAll();
    return fieldNumber(this.field, this.cursor.flow);
  }

  /** The low 32 bits, and no others are looked at; undefined where there is none. */
  get low(): number | undefined {
    if (!this.present) return undefined;
    const at = this.word + this.field.words - 1;
    this.cursor.mark(at, -1);
    return this.cursor.flow[at] >>> 0;
  }
}

const TWO_32 = 2 ** 32;

/** An Ethernet address, as a number of 48 bits or as text. */
export class MacField extends WideField {
  /** The value; undefined where there is none. */
  get value(): number | undefined {
    if (!this.present) return undefined;
    this.markAll();
    const { flow } = this.cursor;
    return (flow[this.word] & 0xffff) * TWO_32 + (flow[this.word + 1] >>> 0);
  }

  /** Whether it is a group address: one bit. */
  get multicast(): boolean {
    return this.present && this.cursor.matchesWord(this.word, 0x100, 0x100);
  }
}

/** An IPv6 address, as text. */
export class Ipv6Field extends WideField implements Prefixes {
  inPrefix(prefix: string): boolean {
    if (!this.present) return false;
    const { value, mask } = this.patterns.prefix(prefix);
    return this.cursor.matches(this.word, value, mask);
  }

  inAny(prefixes: Iterable<string>): boolean {
    for (const prefix of prefixes) if (this.inPrefix(prefix)) return true;
    return false;
  }
}
