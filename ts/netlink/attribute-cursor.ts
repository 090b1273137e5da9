import { SlowpathError } from '../errors/index.js';
import { NLA_HDRLEN, NLA_TYPE_MASK } from './constants.js';

const decoder = new TextDecoder();

/** Names attributes in error messages: the name at the index of its type. */
export type AttributeNames = readonly (string | null | undefined)[];

/**
 * Walks a sequence of netlink attributes. Getters read the current attribute; one that does not fit its getter, or a header
 * that does not fit the bytes, makes the first problem stick, ends the walk and lets getters return 0 or nothing. So fields
 * are read without looking, and `check` throws once at the end, naming the attribute and its length.
 */
export class AttributeCursor {
  /** Type of the current attribute, without flags. */
  type = 0;
  /** Payload of the current attribute in bytes. */
  length = 0;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #what: string;
  readonly #names: AttributeNames;
  #payload = 0;
  #next: number;
  #problem: string | null = null;

  /** Walks bytes[offset …]. `what` says in errors what is being read, e.g. the family. */
  constructor(bytes: Uint8Array, offset: number, what: string, names: AttributeNames = []) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#next = offset;
    this.#what = what;
    this.#names = names;
  }

  /** The first problem met, or null. */
  get problem(): string | null {
    return this.#problem;
  }

  /** Steps to the next attribute; false at the end and after a problem. */
  next(): boolean {
    const left = this.#bytes.length - this.#next;
    if (this.#problem !== null || left === 0) return false;
    if (left < NLA_HDRLEN) return this.#headerProblem(`${left} stray bytes instead of an attribute header`);
    const length = this.#view.getUint16(this.#next, true);
    this.type = this.#view.getUint16(this.#next + 2, true) & NLA_TYPE_MASK;
    if (length < NLA_HDRLEN || length > left) {
      return this.#headerProblem(`attribute ${this.#name()} claims ${length} bytes, ${left} are there`);
    }
    this.length = length - NLA_HDRLEN;
    this.#payload = this.#next + NLA_HDRLEN;
    // The padding of the last attribute may be missing.
    this.#next = Math.min(this.#next + ((length + 3) & ~3), this.#bytes.length);
    return true;
  }

  u8(): number {
    return this.#expect(1) ? this.#bytes[this.#payload] : 0;
  }

  u16(): number {
    return this.#expect(2) ? this.#view.getUint16(this.#payload, true) : 0;
  }

  be16(): number {
    return this.#expect(2) ? this.#view.getUint16(this.#payload, false) : 0;
  }

  u32(): number {
    return this.#expect(4) ? this.#view.getUint32(this.#payload, true) : 0;
  }

  i32(): number {
    return this.u32() | 0;
  }

  /** A 64-bit counter; exact up to 2^53. */
  u64(): number {
    return this.#expect(8) ? this.#u64At(0) : 0;
  }

  u32s(): number[] {
    if (this.length % 4 !== 0) {
      this.#lengthProblem('a multiple of 4');
      return [];
    }
    return Array.from({ length: this.length / 4 }, (_, i) =>
      this.#view.getUint32(this.#payload + i * 4, true),
    );
  }

  /** The 64-bit counters of a struct that has at least `count` of them (later kernels may append more). */
  u64s(count: number): number[] {
    const fits = this.length >= count * 8;
    if (!fits) this.#lengthProblem(`at least ${count * 8}`);
    return Array.from({ length: count }, (_, i) => (fits ? this.#u64At(i * 8) : 0));
  }

  /** The 32-bit number at `offset` of a struct. */
  u32At(offset: number): number {
    if (offset + 4 <= this.length) return this.#view.getUint32(this.#payload + offset, true);
    this.#lengthProblem(`at least ${offset + 4}`);
    return 0;
  }

  /** Text up to the first zero. */
  string(): string {
    const bytes = this.bytes();
    const end = bytes.indexOf(0);
    return decoder.decode(end < 0 ? bytes : bytes.subarray(0, end));
  }

  /** A view of the payload. */
  bytes(): Uint8Array {
    return this.#bytes.subarray(this.#payload, this.#payload + this.length);
  }

  /** A cursor over the nested attributes. Problems met by it are its own: check it as well. */
  nested(names: AttributeNames = []): AttributeCursor {
    return new AttributeCursor(this.bytes(), 0, `${this.#what}, ${this.#name()}`, names);
  }

  /** Throws SlowpathError ERR_NETLINK_MALFORMED when something did not fit. */
  check(): void {
    if (this.#problem !== null) {
      throw new SlowpathError('ERR_NETLINK_MALFORMED', `${this.#what}: ${this.#problem}`);
    }
  }

  #u64At(offset: number): number {
    const p = this.#payload + offset;
    return this.#view.getUint32(p, true) + this.#view.getUint32(p + 4, true) * 0x1_0000_0000;
  }

  #expect(size: number): boolean {
    if (this.length === size && this.#problem === null) return true;
    this.#lengthProblem(`${size}`);
    return false;
  }

  #lengthProblem(expected: string): void {
    this.#problem ??= `attribute ${this.#name()} has ${this.length} bytes, expected ${expected}`;
  }

  #headerProblem(text: string): false {
    this.#problem = text;
    return false;
  }

  #name(): string {
    const name = this.#names[this.type];
    return name ? `${name} (${this.type})` : `${this.type}`;
  }
}
