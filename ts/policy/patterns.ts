import { SlowpathError } from '../errors/index.js';
import type { MissListener } from './cursor.js';
import { type FieldWords, fieldWordsOf, type MatchField, parseFieldWords } from '../openflow/index.js';

/** Texts remembered for each field; then all are forgotten. */
const CAPACITY = 4096;

/** A value of a field that was read. */
export interface Pattern extends FieldWords {
  /** As it was written. */
  readonly text: string | number | bigint;
  /** First words of value and mask. */
  readonly first: number;
  readonly firstMask: number;
  /** What was asked for after it the last time: policies mostly ask in one order, which saves looking it up. */
  next: Pattern | null;
}

/** Values that were read, by how they were written. */
class Patterns<K extends string | number | bigint> {
  readonly #read: (text: K) => FieldWords;
  readonly #byText = new Map<K, Pattern>();
  #last: Pattern | null = null;

  constructor(read: (text: K) => FieldWords) {
    this.#read = read;
  }

  get(text: K): Pattern {
    const guess = this.#last === null ? null : this.#last.next;
    const pattern = guess !== null && guess.text === text ? guess : this.#find(text);
    this.#last = pattern;
    return pattern;
  }

  #find(text: K): Pattern {
    let pattern = this.#byText.get(text);
    if (pattern === undefined) {
      const { value, mask } = this.#read(text);
      pattern = { text, value, mask, first: value[0], firstMask: mask[0], next: null };
      if (this.#byText.size >= CAPACITY) this.#byText.clear();
      this.#byText.set(text, pattern);
    }
    if (this.#last !== null) this.#last.next = pattern;
    return pattern;
  }
}

/** Values of a field as policies write them, read once: a policy asks with the same text for every packet. */
export class PatternCache {
  readonly #field: MatchField;
  readonly #name: string;
  readonly #values = new Patterns<string | number | bigint>((value) => this.#exactly(value));
  readonly #prefixes = new Patterns<string>((text) => this.#prefix(text));

  constructor(name: string, field: MatchField) {
    this.#name = name;
    this.#field = field;
  }

  /** One value, all bits of which count. Throws ERR_POLICY_VALUE. */
  exact(value: string | number | bigint): Pattern {
    return this.#values.get(value);
  }

  /** `10.1.0.0/16`, or an address alone. Throws ERR_POLICY_VALUE. */
  prefix(text: string): Pattern {
    return this.#prefixes.get(text);
  }

  #exactly(value: string | number | bigint): FieldWords {
    if (typeof value === 'string') {
      if (value.includes('/')) throw this.#bad(value, 'a value without /mask');
      return this.#parse(value);
    }
    const { bits } = this.#field;
    const fits =
      (typeof value === 'bigint' || Number.isSafeInteger(value)) &&
      value >= 0 &&
      BigInt(value) >> BigInt(bits) === 0n;
    if (!fits) throw this.#bad(String(value), `a whole number of ${bits} bits`);
    return fieldWordsOf(this.#field, BigInt(value));
  }

  #prefix(text: string): FieldWords {
    const words = this.#parse(text);
    if (!isPrefix(words.mask)) throw this.#bad(text, 'a prefix such as 10.1.0.0/16');
    return words;
  }

  #parse(text: string): FieldWords {
    try {
      return parseFieldWords(this.#field, text);
    } catch (error) {
      throw new SlowpathError('ERR_POLICY_VALUE', `${this.#name}: ${(error as Error).message}`, {
        cause: error,
      });
    }
  }

  #bad(value: string, expected: string): SlowpathError {
    return new SlowpathError('ERR_POLICY_VALUE', `${this.#name}: expected ${expected}, not ${value}`);
  }
}

/** Whether the ones of a mask are all in front. */
function isPrefix(mask: Int32Array): boolean {
  let ended = false;
  for (const word of mask) {
    const zeros = ~word;
    if (ended ? word !== 0 : (zeros & (zeros + 1)) !== 0) return false;
    ended ||= zeros !== 0;
  }
  return true;
}

/** Values of a field as a sorted list, to look a packet's up in. */
export class ValueSet {
  /** `size` rows of `words` words each, ascending as unsigned numbers, shifted into place. */
  readonly rows: Uint32Array;
  readonly words: number;
  readonly size: number;

  constructor(field: MatchField, values: Iterable<string | number | bigint>, patterns: PatternCache) {
    const rows = Array.from(values, (value) => Uint32Array.from(patterns.exact(value).value, (w) => w >>> 0));
    rows.sort((a, b) => {
      const at = a.findIndex((word, i) => word !== b[i]);
      return at < 0 ? 0 : a[at] < b[at] ? -1 : 1;
    });
    this.words = field.words;
    this.size = rows.length;
    this.rows = Uint32Array.from(rows.flatMap((row) => [...row]));
  }

  /** Index of the first row that is not below the field's value; `flow` has it at `word` under `bits`. */
  lowerBound(flow: Int32Array, word: number, bits: Int32Array): number {
    let low = 0;
    let high = this.size;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#isBelow(middle, flow, word, bits)) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Tells of each value. */
  tell(listener: MissListener, word: number, bits: Int32Array): void {
    const { rows, words } = this;
    for (let row = 0; row < this.size; row++)
      listener(word, rows.subarray(row * words, (row + 1) * words), bits);
  }

  #isBelow(row: number, flow: Int32Array, word: number, bits: Int32Array): boolean {
    const { rows, words } = this;
    for (let i = 0; i < words; i++) {
      const mine = rows[row * words + i];
      const other = (flow[word + i] & bits[i]) >>> 0;
      if (mine !== other) return mine < other;
    }
    return false;
  }
}
