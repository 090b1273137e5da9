const PAGE_BITS = 20;
const PAGE_BYTES = 1 << PAGE_BITS;
const UNIT_BITS = 4;
const UNIT = 1 << UNIT_BITS;
/** Of a block's name: which page, and which unit of it. */
const NAME_BITS = PAGE_BITS - UNIT_BITS;
const NAME_MASK = (1 << NAME_BITS) - 1;
/** Up to this many bytes are copied one by one. */
const SHORT = 64;
/** Blocks up to this size come in steps of UNIT, larger ones in powers of two. */
const SMALL = 1024;
const SMALL_CLASSES = SMALL / UNIT;
const CLASSES = SMALL_CLASSES + 10;

/**
 * Variable-length byte blocks for keys and actions of a million flows without a JavaScript object for each: pages of
 * 1 MiB cut into size classes with a free list per class. A block is named by its offset in units of 16 bytes, so that 31 bits do for 32 GiB,
 * and never moves or crosses a page.
 */
export class ByteArena {
  readonly #pages: Uint8Array[] = [];
  /** The same pages by words: netlink attributes start and end at multiples of four, and so copy four times as fast. */
  readonly #words: Int32Array[] = [];
  /** By class the first free block, -1 for none; its first word names the next. */
  readonly #free = new Int32Array(CLASSES).fill(-1);
  #source: Int32Array = new Int32Array(0);
  #pageUsed = PAGE_BYTES;
  #liveBytes = 0;

  /** Bytes in blocks handed out and not freed, rounded up to their size classes. */
  get liveBytes(): number {
    return this.#liveBytes;
  }

  /** Bytes of memory held. */
  get reservedBytes(): number {
    return this.#pages.length * PAGE_BYTES;
  }

  /** Copies source[offset … offset+length) into a new block and returns its name; 0-length blocks are -1. */
  store(source: Uint8Array, offset: number, length: number): number {
    if (length === 0) return -1;
    const block = this.#allocate(sizeClass(length));
    const at = byteOf(block);
    if (length > SHORT && ((source.byteOffset | offset | length) & 3) === 0) {
      const words = this.#sourceWords(source);
      const page = this.#words[block >>> NAME_BITS];
      const from = (source.byteOffset + offset) >> 2;
      const to = at >> 2;
      const count = length >> 2;
      for (let i = 0; i < count; i++) page[to + i] = words[from + i];
    } else {
      const page = this.#pages[block >>> NAME_BITS];
      for (let i = 0; i < length; i++) page[at + i] = source[offset + i];
    }
    return block;
  }

  /** Copies source[0 … length) of words into a new block, and returns its name; 0-length blocks are -1. */
  storeWords(source: Int32Array, length: number): number {
    if (length === 0) return -1;
    const block = this.#allocate(sizeClass(length * 4));
    const page = this.#words[block >>> NAME_BITS];
    const to = wordOf(block);
    for (let i = 0; i < length; i++) page[to + i] = source[i];
    return block;
  }

  /** Gives a block of `length` bytes back. With the last block all pages but one go back, too. */
  release(block: number, length: number): void {
    if (block < 0) return;
    const index = sizeClass(length);
    this.#liveBytes -= classBytes(index);
    this.#words[block >>> NAME_BITS][wordOf(block)] = this.#free[index];
    this.#free[index] = block;
    if (this.#liveBytes === 0 && this.#pages.length > 1) this.#shrink();
  }

  /** Copies a block into `target` at `offset`. */
  copyTo(block: number, length: number, target: Uint8Array, offset: number): void {
    if (length === 0) return;
    const page = this.#pages[block >>> NAME_BITS];
    const at = byteOf(block);
    target.set(page.subarray(at, at + length), offset);
  }

  /** Whether a block holds exactly source[offset … offset+length). */
  equals(block: number, length: number, source: Uint8Array, offset: number): boolean {
    const page = this.#pages[block >>> NAME_BITS];
    const at = byteOf(block);
    for (let i = 0; i < length; i++) if (page![at + i] !== source[offset + i]) return false;
    return true;
  }

  /** The words that a block is among, and where in them it begins; both hold until the block is released. */
  wordsOf(block: number): Int32Array {
    return this.#words[block >>> NAME_BITS];
  }

  wordIndex(block: number): number {
    return wordOf(block);
  }

  /** The block's bytes as a view, valid until the block is released. */
  view(block: number, length: number): Uint8Array {
    if (length === 0) return new Uint8Array(0);
    const at = byteOf(block);
    return this.#pages[block >>> NAME_BITS].subarray(at, at + length);
  }

  /** The buffer behind `source` by words. Long blocks come from one buffer, the receive slab, so one view is kept. */
  #sourceWords(source: Uint8Array): Int32Array {
    if (this.#source.buffer !== source.buffer)
      this.#source = new Int32Array(source.buffer, 0, source.buffer.byteLength >> 2);
    return this.#source;
  }

  #shrink(): void {
    this.#pages.length = 1;
    this.#words.length = 1;
    this.#pageUsed = 0;
    this.#free.fill(-1);
  }

  #allocate(index: number): number {
    const bytes = classBytes(index);
    this.#liveBytes += bytes;
    const reused = this.#free[index];
    if (reused >= 0) {
      this.#free[index] = this.#words[reused >>> NAME_BITS][wordOf(reused)];
      return reused;
    }
    if (this.#pageUsed + bytes > PAGE_BYTES) {
      const page = new Uint8Array(PAGE_BYTES);
      this.#pages.push(page);
      this.#words.push(new Int32Array(page.buffer));
      this.#pageUsed = 0;
    }
    const block = ((this.#pages.length - 1) << NAME_BITS) | (this.#pageUsed >> UNIT_BITS);
    this.#pageUsed += bytes;
    return block;
  }
}

/** Where in its page a block begins, in bytes and in words. */
function byteOf(block: number): number {
  return (block & NAME_MASK) << UNIT_BITS;
}

function wordOf(block: number): number {
  return (block & NAME_MASK) << (UNIT_BITS - 2);
}

function sizeClass(length: number): number {
  if (length <= SMALL) return ((length + UNIT - 1) / UNIT) | 0;
  return SMALL_CLASSES + (32 - Math.clz32(length - 1)) - 10;
}

function classBytes(index: number): number {
  return index <= SMALL_CLASSES ? index * UNIT : SMALL << (index - SMALL_CLASSES);
}
