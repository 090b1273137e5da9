const START_BYTES = 2048;

/**
 * Puts a datagram together, big-endian, in one buffer that is used again and grows when it must. Offsets that `length` gave stay valid until
 * `reset`; `bytes` is replaced when the buffer grows.
 */
export class DatagramWriter {
  #bytes = new Uint8Array(START_BYTES);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;

  /** Bytes written; also the offset of what is written next. */
  get length(): number {
    return this.#length;
  }

  /** What was written; valid until the next write. */
  get datagram(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  reset(): void {
    this.#length = 0;
  }

  /** Forgets what was written from `length` on. */
  truncate(length: number): void {
    this.#length = Math.min(this.#length, length);
  }

  u8(value: number): this {
    const at = this.#room(1);
    this.#view.setUint8(at, value);
    return this;
  }

  u16(value: number): this {
    const at = this.#room(2);
    this.#view.setUint16(at, value);
    return this;
  }

  u32(value: number): this {
    const at = this.#room(4);
    this.#view.setUint32(at, value);
    return this;
  }

  /** 64 bits as two words. */
  u64(high: number, low: number): this {
    return this.u32(high).u32(low);
  }

  /** A whole number from 0 to 2^53 as 64 bits; what is not one (no such counter) as all ones. */
  count64(value: number): this {
    if (!(value >= 0 && value <= Number.MAX_SAFE_INTEGER)) return this.u64(-1, -1);
    return this.u64(Math.floor(value / 2 ** 32), value);
  }

  /** `length` bytes of `source` from `offset` on. */
  bytes(source: Uint8Array, offset = 0, length = source.length - offset): this {
    const at = this.#room(length);
    const target = this.#bytes;
    for (let i = 0; i < length; i++) target[at + i] = source[offset + i];
    return this;
  }

  /** All that another writer holds. */
  append(other: DatagramWriter): this {
    return this.bytes(other.#bytes, 0, other.#length);
  }

  zeros(length: number): this {
    const at = this.#room(length);
    this.#bytes.fill(0, at, at + length);
    return this;
  }

  /** Zeros up to a multiple of four bytes behind `start`, as XDR wants. */
  pad4(start = 0): this {
    return this.zeros(-(this.#length - start) & 3);
  }

  /** Overwrites what was written at an offset. */
  setU16(offset: number, value: number): void {
    this.#view.setUint16(offset, value);
  }

  setU32(offset: number, value: number): void {
    this.#view.setUint32(offset, value);
  }

  /** Makes room for `count` bytes, which count as written; where they are. */
  #room(count: number): number {
    const at = this.#length;
    this.#length = at + count;
    if (this.#length > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(this.#length, 2 * this.#bytes.length));
      grown.set(this.#bytes);
      this.#bytes = grown;
      this.#view = new DataView(grown.buffer);
    }
    return at;
  }
}
