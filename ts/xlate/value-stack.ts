/** Words of an item: its bits (at most 128), most significant word first. */
const ITEM_WORDS = 4;
/** Bytes on the stack beyond which no table is entered any more, as OVS counts them: a length byte with each value. */
export const STACK_BYTES_MAX = 65536;

/** The stack of push and pop. Grows when it must and keeps its room, so it allocates nothing after it has warmed up. */
export class ValueStack {
  private words = new Int32Array(16 * ITEM_WORDS);
  private sizes = new Uint8Array(16);
  /** Values on the stack. */
  length = 0;
  /** Bytes they take in OVS's stack. */
  bytes = 0;

  clear(): void {
    this.length = 0;
    this.bytes = 0;
  }

  /** Puts a value of `bits` bits on top; `value` has four words, right-aligned. */
  push(value: Int32Array, bits: number): void {
    const at = this.length++;
    if (at >= this.sizes.length) this.grow();
    const size = (bits + 7) >> 3;
    this.sizes[at] = size;
    this.bytes += size + 1;
    for (let i = 0; i < ITEM_WORDS; i++) this.words[at * ITEM_WORDS + i] = value[i];
  }

  /** Takes the top value into `value`; false when there is none. */
  pop(value: Int32Array): boolean {
    if (this.length === 0) return false;
    const at = --this.length;
    this.bytes -= this.sizes[at] + 1;
    for (let i = 0; i < ITEM_WORDS; i++) value[i] = this.words[at * ITEM_WORDS + i];
    return true;
  }

  /** Becomes a copy of `other`. */
  copyFrom(other: ValueStack): void {
    while (this.sizes.length < other.length) this.grow();
    for (let i = 0; i < other.length; i++) this.sizes[i] = other.sizes[i];
    for (let i = 0; i < other.length * ITEM_WORDS; i++) this.words[i] = other.words[i];
    this.length = other.length;
    this.bytes = other.bytes;
  }

  /** Its content as words, for a frozen state: size and four words of each value, bottom first. */
  toWords(): Int32Array {
    const out = new Int32Array(this.length * (ITEM_WORDS + 1));
    for (let i = 0; i < this.length; i++) {
      out[i * (ITEM_WORDS + 1)] = this.sizes[i];
      for (let w = 0; w < ITEM_WORDS; w++) out[i * (ITEM_WORDS + 1) + 1 + w] = this.words[i * ITEM_WORDS + w];
    }
    return out;
  }

  /** Becomes what `toWords` gave. */
  fromWords(words: Int32Array): void {
    this.clear();
    for (let at = 0; at < words.length; at += ITEM_WORDS + 1) {
      this.push(words.subarray(at + 1, at + 1 + ITEM_WORDS), words[at] * 8);
    }
  }

  private grow(): void {
    const words = new Int32Array(this.words.length * 2);
    words.set(this.words);
    this.words = words;
    const sizes = new Uint8Array(this.sizes.length * 2);
    sizes.set(this.sizes);
    this.sizes = sizes;
  }
}
