/**
 * Fields of the rows that ukeys are (UkeyRows): native code and JavaScript work in the same rows, each a cache line, as whatever looks at
 * one field of a ukey looks at others too. A class for each kind of number: V8 makes best use of arrays that are all of one kind.
 */

/** Bytes of a row. */
const ROW_BYTES = 64;
/** Elements from one row to the next, by their size. */

export const ROW_WORDS = ROW_BYTES / Int32Array.BYTES_PER_ELEMENT;
const ROW_DOUBLES = ROW_BYTES / Float64Array.BYTES_PER_ELEMENT;

export class Float64Field {
  readonly #array: Float64Array;

  constructor(array: Float64Array) {
    this.#array = array;
  }

  get(ukey: number): number {
    return this.#array[ukey * ROW_DOUBLES];
  }

  set(ukey: number, value: number): void {
    this.#array[ukey * ROW_DOUBLES] = value;
  }
}

export class Int32Field {
  readonly #array: Int32Array;

  constructor(array: Int32Array) {
    this.#array = array;
  }

  get(ukey: number): number {
    return this.#array[ukey * ROW_WORDS];
  }

  set(ukey: number, value: number): void {
    this.#array[ukey * ROW_WORDS] = value;
  }
}

export class Uint8Field {
  readonly #array: Uint8Array;

  constructor(array: Uint8Array) {
    this.#array = array;
  }

  get(ukey: number): number {
    return this.#array[ukey * ROW_BYTES];
  }

  set(ukey: number, value: number): void {
    this.#array[ukey * ROW_BYTES] = value;
  }
}
